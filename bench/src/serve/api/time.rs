//! Playing, pausing, stepping; where the bench stands.

use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use twinbench_model::api::page::{Status, TimeRequest};

use super::{Answer, ApiError};
use crate::serve::{Command, routes::Shared};

/// Speeds that can be asked for.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=1_000.0;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/bench/status", get(status))
        .route("/bench/time", post(time))
        .route("/bench/recording", post(recording))
}

async fn status(State(shared): State<Shared>) -> Answer<Status> {
    let (reply, answer) = oneshot::channel();
    let sent = shared.commands.send(Command::Time(None, reply)).await;
    sent.map_err(|_| ApiError::gone())?;
    answer.await.map(Json).map_err(|_| ApiError::gone())
}

async fn time(
    State(shared): State<Shared>,
    body: Result<Json<Value>, JsonRejection>,
) -> Answer<Status> {
    let Json(body) = body?;
    if matches!(body["do"].as_str(), Some("seek" | "branch")) {
        return Err(ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            "a running session does not go back by itself",
            "go on from a moment of its recording as a branch: twinbench run --session FILE --from TIME",
        ));
    }
    let request: TimeRequest = serde_json::from_value(body).map_err(|cause| {
        ApiError::bad(
            cause.to_string(),
            "do is play, pause, step (by_ns), step-event, speed (speed) or until (at)",
        )
    })?;
    if let TimeRequest::Speed { speed } = request
        && !SPEEDS.contains(&speed)
    {
        return Err(ApiError::bad(
            format!("no such speed: {speed}"),
            "give 0.01 to 1000",
        ));
    }
    let (reply, answer) = oneshot::channel();
    let sent = shared
        .commands
        .send(Command::Time(Some(request), reply))
        .await;
    sent.map_err(|_| ApiError::gone())?;
    answer.await.map(Json).map_err(|_| ApiError::gone())
}

async fn recording(body: Result<Json<Value>, JsonRejection>) -> Answer<Value> {
    let Json(body) = body?;
    match body["on"].as_bool() {
        Some(true) => Ok(Json(json!({"recording": true}))),
        Some(false) => Err(ApiError::new(
            StatusCode::CONFLICT,
            "every session is recorded from its first event",
            "delete the run's folder below out/ when you do not need it",
        )),
        None => Err(ApiError::bad("`on` must be true or false", "")),
    }
}
