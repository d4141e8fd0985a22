//! Playing, pausing, stepping; where the bench stands.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    routing::{get, post},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use twinbench_model::{
    Event, Payload, VirtualDuration, VirtualTime,
    api::page::{BackRequest, RanTo, RunTo, Status, TimeRequest},
};

use super::{Answer, ApiError, ask, files::blocking};
use crate::serve::{Command, past::Origin, routes::Shared};

/// How far a search for an event goes, unless it is said.
const USUAL: VirtualDuration = VirtualDuration::from_secs(3_600);
/// How far it goes at most.
const FARTHEST: VirtualDuration = VirtualDuration::from_secs(24 * 3_600);
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
) -> Answer<Value> {
    let Json(body) = body?;
    match body["do"].as_str() {
        Some("seek" | "step-back" | "branch") => back(&shared, body).await,
        Some("run-to") => run_to(&shared, body).await,
        _ => turn(&shared, body).await,
    }
}

/// What a request of this shape is, or which it could have been.
fn read<T: DeserializeOwned>(body: Value) -> Result<T, ApiError> {
    serde_json::from_value(body).map_err(|cause| {
        ApiError::bad(
            cause.to_string(),
            "do is play, pause, step (by_ns), step-event, speed (speed), until (at), run-to (kind), seek (at), step-back (by_ns) or branch (at, set)",
        )
    })
}

fn answer<T: Serialize>(what: &T) -> Answer<Value> {
    serde_json::to_value(what)
        .map(Json)
        .map_err(ApiError::refused)
}

async fn turn(shared: &Shared, body: Value) -> Answer<Value> {
    let request: TimeRequest = read(body)?;
    if let TimeRequest::Speed { speed } = request
        && !SPEEDS.contains(&speed)
    {
        return Err(ApiError::bad(
            format!("no such speed: {speed}"),
            "give 0.01 to 1000",
        ));
    }
    let (reply, stands) = oneshot::channel();
    let sent = shared
        .commands
        .send(Command::Time(Some(request), reply))
        .await;
    sent.map_err(|_| ApiError::gone())?;
    answer(&stands.await.map_err(|_| ApiError::gone())?)
}

/// The session as it was at a moment, as a bench of its own.
async fn back(shared: &Shared, body: Value) -> Answer<Value> {
    let request: BackRequest = read(body)?;
    let origin = ask(shared, |session| {
        Origin::of(session).map_err(ApiError::refused)
    })
    .await?;
    let (at, set) = match request {
        BackRequest::Seek { at } => (at, None),
        BackRequest::StepBack { by_ns } => (origin.now().as_nanos().saturating_sub(by_ns), None),
        BackRequest::Branch { at, set } => (at, set),
    };
    let at = VirtualTime::from_nanos(at);
    if at > origin.now() {
        return Err(ApiError::bad(
            format!("the session stands at {}, before {at}", origin.now()),
            "go there with {\"do\": \"until\"}",
        ));
    }
    let (others, page) = (shared.others.clone(), Arc::clone(&shared.page));
    let opened = blocking(move || others.branch(&origin, at, set.as_ref(), &page)).await?;
    answer(&opened)
}

async fn run_to(shared: &Shared, mut body: Value) -> Answer<Value> {
    if let Some(body) = body.as_object_mut() {
        body.remove("do");
    }
    let to: RunTo = read(body)?;
    if to.kind.is_empty() {
        return Err(ApiError::bad(
            "there is no kind of event to run to",
            "give one, such as {\"do\": \"run-to\", \"kind\": \"d2c\"}",
        ));
    }
    let limit = to.limit_ns.map_or(USUAL, VirtualDuration::from_nanos);
    let now = ask(shared, |session| Ok(session.now())).await?;
    let limit = now.saturating_add(limit.min(FARTHEST));
    let (reply, came) = oneshot::channel();
    let wanted = Box::new(move |event: &Event| is(&to, event));
    let sent = shared
        .commands
        .send(Command::RunTo(wanted, limit, reply))
        .await;
    sent.map_err(|_| ApiError::gone())?;
    let (found, status) = came.await.map_err(|_| ApiError::gone())?;
    let found = found.map(|event| {
        json!({
            "at": event.time.as_nanos(),
            "kind": event.kind,
            "source": event.source,
            "facts": facts(&event),
        })
    });
    answer(&RanTo { found, status })
}

fn facts(event: &Event) -> Value {
    match &event.payload {
        Payload::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        Payload::Bytes(bytes) => json!({"text": String::from_utf8_lossy(bytes)}),
    }
}

/// Whether an event is the one that is waited for.
fn is(to: &RunTo, event: &Event) -> bool {
    if event.kind != to.kind || to.source.as_ref().is_some_and(|it| **it != *event.source) {
        return false;
    }
    let compares = to.above.is_some() || to.below.is_some() || to.equals.is_some();
    if to.field.is_none() && !compares {
        return true;
    }
    let facts = facts(event);
    let Some(value) = facts.pointer(to.field.as_deref().unwrap_or_default()) else {
        return false;
    };
    let number = value.as_f64().unwrap_or(f64::NAN);
    to.above.is_none_or(|least| number > least)
        && to.below.is_none_or(|most| number < most)
        && to.equals.as_ref().is_none_or(|it| it == value)
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

#[cfg(test)]
mod tests {
    use twinbench_model::Room;

    use super::*;

    #[test]
    fn an_event_is_the_one_or_not() {
        let facts = json!({"body": {"temperature": 30.5}});
        let source = "dev-1".into();
        let event = Event::json(VirtualTime::ZERO, Room::Hub, "d2c", source, &facts);
        let check = |to: Value| is(&serde_json::from_value(to).unwrap(), &event);
        assert!(check(json!({"kind": "d2c"})));
        assert!(!check(json!({"kind": "c2d"})));
        assert!(!check(json!({"kind": "d2c", "source": "dev-2"})));
        let field = "/body/temperature";
        assert!(check(json!({"kind": "d2c", "field": field, "above": 30})));
        assert!(!check(json!({"kind": "d2c", "field": field, "above": 31})));
        assert!(check(
            json!({"kind": "d2c", "field": field, "equals": 30.5})
        ));
        assert!(!check(
            json!({"kind": "d2c", "field": field, "below": 30.5})
        ));
        assert!(!check(json!({"kind": "d2c", "field": "/body/none"})));
        assert!(!check(json!({"kind": "d2c", "field": "/body", "above": 0})));
    }
}
