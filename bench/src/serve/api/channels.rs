//! Channels and their readings.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use twinbench_model::api::page::ChannelInfo;

use super::{Answer, ApiError, look};
use crate::serve::routes::Shared;

/// Most rows of an answer.
const MOST_COLUMNS: usize = 20_000;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/bench/channels", get(list))
        .route("/bench/channels/data", get(data))
}

async fn list(State(shared): State<Shared>) -> Answer<Vec<ChannelInfo>> {
    Ok(Json(look(&shared, |view| {
        let mut all: Vec<_> = view
            .channels
            .all()
            .iter()
            .map(|it| it.info.clone())
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    })))
}

#[derive(Deserialize)]
struct Range {
    name: String,
    from: Option<f64>,
    to: Option<f64>,
    columns: Option<usize>,
}

/// Rows of four little-endian `f64`: second, least, greatest, last value.
async fn data(
    State(shared): State<Shared>,
    range: Result<Query<Range>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(range) = range?;
    // Seconds of virtual time.
    let from = range.from.unwrap_or(f64::NEG_INFINITY);
    let to = range.to.unwrap_or(f64::INFINITY);
    let columns = range.columns.unwrap_or(2_000).clamp(1, MOST_COLUMNS);
    let rows = look(&shared, |view| {
        let channel = view.channels.get(&range.name)?;
        // Columns need ends.
        let last = view.now.as_nanos() as f64 / 1e9;
        Some(channel.columns(from.max(0.0), to.min(last + 1.0), columns))
    });
    let rows = rows.ok_or_else(|| {
        ApiError::missing("channel", &range.name, "GET /bench/channels lists them")
    })?;
    let bytes: Vec<u8> = rows
        .iter()
        .flatten()
        .flat_map(|it| it.to_le_bytes())
        .collect();
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// The number of the next reading of every channel.
pub(super) fn ends(view: &crate::serve::view::View) -> BTreeMap<usize, u64> {
    let all = view.channels.all().iter().enumerate();
    all.map(|(place, channel)| (place, channel.next()))
        .collect()
}
