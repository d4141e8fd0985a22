//! Recordings that somebody looks at, without running anything again: their channels, readings of a
//! range, events around a moment.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::json;
use twinbench_model::{
    Event, Payload, VirtualTime,
    api::page::{EventRow, RecordedChannels},
};
use twinbench_recording::{Content, Entry, Reader};

use super::{
    Answer, ApiError,
    channels::rows,
    files::{blocking, out, recording},
};
use crate::serve::{
    routes::Shared,
    view::{Asked, View},
};

/// How far to either side of a moment events are given, unless it is said.
const AROUND: u64 = 10_000_000_000;
/// And at most.
const FARTHEST: u64 = 3_600_000_000_000;
/// Events of an answer, unless it is said.
const USUAL: usize = 1_000;
/// And at most.
const MOST: usize = 20_000;

/// Kinds of events that are shown; a recording of another version may have others.
const KINDS: [&str; 22] = [
    "c2d",
    "connection",
    "connector",
    "crash",
    "d2c",
    "display",
    "dps",
    "entity",
    "fault",
    "function",
    "method",
    "note",
    "pin",
    "registry",
    "stimulus",
    "throttle",
    "twin",
    "uart",
    "upload",
    "watch",
    "workflow",
    "probe",
];

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/bench/recordings/channels", get(channels))
        .route("/bench/recordings/data", get(data))
        .route("/bench/recordings/events", get(events))
}

/// The recording that was looked at last, read once: readings of a long one are thinned as those of
/// a running session are.
#[derive(Clone, Default)]
pub(super) struct LastOpened {
    last: Arc<Mutex<Option<Read>>>,
}

#[derive(Clone)]
struct Read {
    path: PathBuf,
    /// The file's length then: one that grows is read anew.
    bytes: u64,
    view: Arc<View>,
}

impl LastOpened {
    fn view(&self, path: &Path) -> Result<Arc<View>, ApiError> {
        let bytes = std::fs::metadata(path).map_err(ApiError::refused)?.len();
        // One at a time: who asks for the same waits for what is being read.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = &*last
            && read.path == path
            && read.bytes == bytes
        {
            return Ok(Arc::clone(&read.view));
        }
        let mut view = View::default();
        for read in Reader::open(path).map_err(ApiError::refused)? {
            take(&mut view, read.map_err(ApiError::refused)?.entry);
        }
        let view = Arc::new(view);
        *last = Some(Read {
            path: path.to_owned(),
            bytes,
            view: Arc::clone(&view),
        });
        Ok(view)
    }
}

/// What was recorded is seen as it was when it happened.
fn take(view: &mut View, entry: Entry) {
    view.now = view.now.max(entry.time);
    let Some(kind) = KINDS.into_iter().find(|kind| *kind == entry.kind) else {
        return;
    };
    let payload = match entry.content {
        Content::Json(text) => Payload::Json(text),
        Content::Bytes(bytes) => Payload::Bytes(bytes),
        Content::Omitted(_) => return,
    };
    view.take(Event {
        time: entry.time,
        room: entry.room,
        kind,
        source: entry.source,
        payload,
    });
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

async fn channels(
    State(shared): State<Shared>,
    named: Result<Query<Named>, QueryRejection>,
) -> Answer<RecordedChannels> {
    let Query(Named { name }) = named?;
    let path = recording(&out(&shared).await?, &name)?;
    let opened = shared.others.recordings().clone();
    blocking(move || {
        let mut reader = Reader::open(&path).map_err(ApiError::refused)?;
        let until = reader.until().map_err(ApiError::refused)?;
        let header = reader.header();
        let view = opened.view(&path)?;
        let mut channels: Vec<_> = view
            .channels
            .all()
            .iter()
            .map(|it| it.info.clone())
            .collect();
        channels.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Json(RecordedChannels {
            name,
            bench: header.bench.clone(),
            epoch: header.epoch.instant().to_string(),
            length_ns: until.unwrap_or(view.now).as_nanos(),
            parent: header.parent.as_ref().map(|parent| {
                json!({
                    "recording": parent.recording,
                    "how": parent.how,
                    "at": parent.at.as_nanos(),
                })
            }),
            channels,
        }))
    })
    .await
}

#[derive(Deserialize)]
struct Range {
    name: String,
    channel: String,
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
    let path = recording(&out(&shared).await?, &range.name)?;
    let opened = shared.others.recordings().clone();
    let bytes = blocking(move || {
        let view = opened.view(&path)?;
        rows(&view, &range.channel, range.from, range.to, range.columns).ok_or_else(|| {
            let hint = "GET /bench/recordings/channels?name= lists them";
            ApiError::missing("channel", &range.channel, hint)
        })
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

#[derive(Deserialize)]
struct Place {
    name: String,
    at: u64,
    around_ns: Option<u64>,
    limit: Option<usize>,
}

/// Only the part around the moment is read, so that it is quick in a long recording.
async fn events(
    State(shared): State<Shared>,
    place: Result<Query<Place>, QueryRejection>,
) -> Answer<Vec<EventRow>> {
    let Query(place) = place?;
    let path = recording(&out(&shared).await?, &place.name)?;
    blocking(move || {
        let reach = place.around_ns.unwrap_or(AROUND).min(FARTHEST);
        let from = VirtualTime::from_nanos(place.at.saturating_sub(reach));
        let to = VirtualTime::from_nanos(place.at.saturating_add(reach));
        let mut view = View::default();
        for read in Reader::open_at(&path, from).map_err(ApiError::refused)? {
            let entry = read.map_err(ApiError::refused)?.entry;
            if entry.time > to {
                break;
            }
            take(&mut view, entry);
        }
        let mut rows = view.journey.find(&Asked {
            from: None,
            to: None,
            lane: None,
            device: None,
            limit: MOST,
        });
        // The nearest stay, in their order.
        let limit = place.limit.unwrap_or(USUAL).min(MOST);
        let nearest = rows.partition_point(|row| row.at < place.at);
        let begin = nearest
            .saturating_sub(limit / 2)
            .min(rows.len().saturating_sub(limit));
        rows.drain(..begin);
        rows.truncate(limit);
        Ok(Json(rows))
    })
    .await
}
