//! `/bench/…`: what the page, the command line and curl ask of a served bench.
//!
//! What is looked at comes from the view beside the session; what is done, and state that is read
//! whole, is done by the stepping thread between two steps ([`ask`]).

mod channels;
mod cloud;
mod devices;
mod durable;
mod events;
mod files;
mod live;
mod machines;
mod opened;
mod others;
mod recorded;
mod scenarios;
mod time;

use axum::{
    Json, Router,
    extract::rejection::{JsonRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::sync::oneshot;

use super::{Command, routes::Shared, view};
use crate::session::Session;
pub(super) use others::Others;
pub(super) use scenarios::Runs;

/// The routes that the key guards.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .merge(channels::router())
        .merge(cloud::router())
        .merge(devices::router())
        .merge(durable::router())
        .merge(events::router())
        .merge(files::router())
        .merge(machines::router())
        .merge(opened::router())
        .merge(recorded::router())
        .merge(scenarios::router())
        .merge(time::router())
}

/// The route that asks for the key in its first frame, because a browser cannot give a socket
/// headers and an address may be logged.
pub(super) fn live() -> Router<Shared> {
    live::router()
}

/// A request that was not done.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    error: String,
    hint: String,
}

impl ApiError {
    pub(super) fn new(
        status: StatusCode,
        error: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error: error.into(),
            hint: hint.into(),
        }
    }

    /// There is no such thing.
    pub(super) fn missing(what: &str, name: &str, hint: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            format!("there is no {what} {name}"),
            hint,
        )
    }

    /// The request is not one.
    pub(super) fn bad(error: impl Into<String>, hint: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// The session refused it.
    pub(super) fn refused(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, error.to_string(), "")
    }

    /// The session has ended.
    pub(super) fn gone() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the bench has stopped",
            "start it again with `twinbench serve`",
        )
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::bad(
            rejection.body_text(),
            "the body must be JSON as openapi.json has it",
        )
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad(rejection.body_text(), "")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "hint": self.hint});
        (self.status, Json(body)).into_response()
    }
}

/// An answer in JSON.
pub(super) type Answer<T> = Result<Json<T>, ApiError>;

/// Runs a closure on the stepping thread between two steps, and gives what it gives.
pub(super) async fn ask<T: Send + 'static>(
    shared: &Shared,
    what: impl FnOnce(&mut Session) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let (reply, answer) = oneshot::channel();
    let command = Command::Ask(Box::new(move |session| {
        // Who asked may have gone.
        let _ = reply.send(what(session));
    }));
    let sent = shared.commands.send(command).await;
    sent.map_err(|_| ApiError::gone())?;
    answer.await.map_err(|_| ApiError::gone())?
}

/// What is looked at.
pub(super) fn look<T>(shared: &Shared, at: impl FnOnce(&view::View) -> T) -> T {
    at(&view::lock(&shared.view))
}
