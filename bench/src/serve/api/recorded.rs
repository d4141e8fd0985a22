//! The recording of the session as it grows: `twinbench record` copies it.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderName, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;

use super::{ApiError, ask, files::blocking};
use crate::serve::routes::Shared;

/// The longest part of an answer, in bytes.
const MOST: u64 = 1 << 20;
/// `open` while the recording grows, `finished` when this is its end.
const STATE: HeaderName = HeaderName::from_static("x-recording");

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/bench/recording", get(part))
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: u64,
}

/// The next bytes of the recording, from an offset on; none when there are no more yet.
async fn part(
    State(shared): State<Shared>,
    query: Result<Query<From>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(From { from }) = query?;
    let folder = ask(&shared, |session| Ok(session.out().to_owned())).await?;
    let (bytes, state) = blocking(move || {
        let growing = read(&folder.join("session.mcap.part"), from);
        match growing {
            Ok(bytes) => Ok((bytes, "open")),
            Err(_) => match read(&folder.join("session.mcap"), from) {
                Ok(bytes) => Ok((bytes, "finished")),
                Err(cause) => Err(ApiError::missing(
                    "recording",
                    "of this bench",
                    &cause.to_string(),
                )),
            },
        }
    })
    .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (STATE, state),
    ];
    Ok((headers, bytes).into_response())
}

fn read(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
