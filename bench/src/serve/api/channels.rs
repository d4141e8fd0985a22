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
use crate::serve::{routes::Shared, view::View};

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
    let bytes = look(&shared, |view| {
        rows(view, &range.name, range.from, range.to, range.columns)
    });
    let bytes = bytes.ok_or_else(|| {
        ApiError::missing("channel", &range.name, "GET /bench/channels lists them")
    })?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// Rows of four little-endian `f64` of a channel between two seconds of virtual time; `None` without
/// such a channel.
pub(super) fn rows(
    view: &View,
    channel: &str,
    from: Option<f64>,
    to: Option<f64>,
    columns: Option<usize>,
) -> Option<Vec<u8>> {
    let from = from.unwrap_or(f64::NEG_INFINITY);
    let to = to.unwrap_or(f64::INFINITY);
    let columns = columns.unwrap_or(2_000).clamp(1, MOST_COLUMNS);
    // Columns need ends.
    let last = view.now.as_nanos() as f64 / 1e9;
    let rows = view
        .channels
        .get(channel)?
        .columns(from.max(0.0), to.min(last + 1.0), columns);
    let numbers = rows.iter().flatten();
    Some(numbers.flat_map(|it| it.to_le_bytes()).collect())
}

/// The number of the next reading of every channel.
pub(super) fn ends(view: &View) -> BTreeMap<usize, u64> {
    let all = view.channels.all().iter().enumerate();
    all.map(|(place, channel)| (place, channel.next()))
        .collect()
}
