//! The journey: what happened and why.

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::QueryRejection},
    routing::get,
};
use serde::Deserialize;
use twinbench_model::api::page::{EventChain, EventRow};

use super::{Answer, ApiError, look};
use crate::serve::{routes::Shared, view::Asked};

/// Events of an answer, unless it is said.
const USUAL: usize = 1_000;
/// Most events of an answer.
const MOST: usize = 20_000;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/bench/events", get(list))
        .route("/bench/events/{id}", get(one))
        .route("/bench/outbox", get(outbox))
}

#[derive(Deserialize)]
struct Filter {
    from: Option<u64>,
    to: Option<u64>,
    lane: Option<String>,
    device: Option<String>,
    limit: Option<usize>,
}

async fn list(
    State(shared): State<Shared>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Answer<Vec<EventRow>> {
    let Query(filter) = filter?;
    let asked = Asked {
        from: filter.from,
        to: filter.to,
        lane: filter.lane,
        device: filter.device,
        limit: filter.limit.unwrap_or(USUAL).min(MOST),
    };
    Ok(Json(look(&shared, |view| view.journey.find(&asked))))
}

async fn one(State(shared): State<Shared>, Path(id): Path<u64>) -> Answer<EventChain> {
    let chain = look(&shared, |view| view.journey.chain(id));
    chain.map(Json).ok_or_else(|| {
        let hint = "the newest are kept; older ones are in the recording";
        ApiError::missing("event", &id.to_string(), hint)
    })
}

/// Captured calls of connectors.
async fn outbox(State(shared): State<Shared>) -> Answer<Vec<EventRow>> {
    Ok(Json(look(&shared, |view| {
        view.journey.of_kind("connector", None, USUAL)
    })))
}
