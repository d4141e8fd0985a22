//! Devices: list, board, console, and what can be done to one.

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::JsonRejection},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use twinbench_hub::faults::FaultKind;
use twinbench_machine::Stimulus;
use twinbench_model::{
    DeviceId, VirtualDuration,
    api::page::{ConsoleTail, DeviceDetail, DeviceRow, EventRow},
};

use super::{Answer, ApiError, ask, look};
use crate::{serve::routes::Shared, session::Session};

/// Messages of an answer, unless it is said.
const USUAL: usize = 200;
/// How long a fault lasts, unless it is said.
const FAULT: u64 = 30_000_000_000;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/bench/devices", get(list))
        .route("/bench/devices/bulk", post(bulk))
        .route("/bench/devices/{id}", get(detail))
        .route("/bench/devices/{id}/do", post(act))
        .route("/bench/devices/{id}/console/{port}", get(console))
        .route("/bench/devices/{id}/messages", get(messages))
        .route("/bench/devices/{id}/inspect", get(inspect))
}

fn unknown(id: &str) -> ApiError {
    ApiError::missing("device", id, "GET /bench/devices lists them")
}

async fn list(State(shared): State<Shared>) -> Answer<Vec<DeviceRow>> {
    Ok(Json(look(&shared, |view| {
        view.boards.all().map(|shown| shown.row.clone()).collect()
    })))
}

async fn detail(State(shared): State<Shared>, Path(id): Path<String>) -> Answer<DeviceDetail> {
    let found = look(&shared, |view| {
        let shown = view.boards.get(&id)?;
        let mut sensors = shown.sensors.clone();
        // What it sends is what it measures, until somebody sets another value.
        for sensor in sensors.iter_mut().filter(|it| it.generator.is_some()) {
            let names = [
                sensor.quantity.clone(),
                capital(&sensor.quantity),
                camel(&sensor.quantity),
            ];
            let last = |name: &String| view.channels.last(&format!("{id}/{name}"));
            if let Some(value) = names.iter().find_map(last) {
                sensor.value = value;
            }
        }
        let mut consoles = view.consoles.ports(&id);
        if consoles.is_empty() && shown.row.board.is_some() {
            consoles.push("console".to_owned());
        }
        Some(DeviceDetail {
            row: shown.row.clone(),
            leds: shown.lights(),
            display: shown.picture(),
            buttons: shown.buttons.clone(),
            sensors,
            consoles,
            channels: view.channels.of(&id),
        })
    });
    found.map(Json).ok_or_else(|| unknown(&id))
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}

/// `magnetometer-x` as messages have it: `magnetometerX`.
fn camel(name: &str) -> String {
    name.split_once('-').map_or_else(
        || name.to_owned(),
        |(one, two)| format!("{one}{}", capital(two)),
    )
}

#[derive(Deserialize)]
struct From {
    from: Option<u64>,
}

async fn console(
    State(shared): State<Shared>,
    Path((id, port)): Path<(String, String)>,
    Query(asked): Query<From>,
) -> Answer<ConsoleTail> {
    let tail = look(&shared, |view| {
        view.boards.get(&id)?;
        Some(view.consoles.tail(&id, &port, asked.from.unwrap_or(0)))
    });
    tail.map(Json).ok_or_else(|| unknown(&id))
}

#[derive(Deserialize)]
struct Page {
    before: Option<u64>,
    limit: Option<usize>,
}

/// A device's newest messages with everything that the hub knows of them, newest first.
async fn messages(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Answer<Vec<Value>> {
    let found = look(&shared, |view| {
        view.boards.get(&id)?;
        let limit = page.limit.unwrap_or(USUAL).min(10_000);
        Some(view.journey.of_kind("d2c", Some(&id), limit))
    });
    let rows = found.ok_or_else(|| unknown(&id))?;
    let fits = |row: &EventRow| page.before.is_none_or(|before| row.at < before);
    let shape = |row: EventRow| {
        json!({
            "at": row.at,
            "enqueued": row.at,
            "event": row.id,
            "body": row.detail["body"],
            "properties": row.detail["properties"],
            "system": row.detail["system"],
        })
    };
    Ok(Json(
        rows.into_iter().rev().filter(fits).map(shape).collect(),
    ))
}

/// What can be done to a device.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Action {
    Button {
        name: String,
        pressed: bool,
    },
    Sensor {
        quantity: String,
        value: f64,
    },
    Uart {
        port: String,
        text: String,
    },
    Reset {},
    Wifi {
        up: bool,
    },
    Supply {
        on: bool,
    },
    Disconnect {},
    Fault {
        kind: String,
        for_ns: Option<u64>,
        by_ns: Option<u64>,
    },
    Firmware {
        path: String,
    },
}

impl Action {
    fn read(value: Value) -> Result<Self, ApiError> {
        // A plain word is an action without more to say.
        let value = match value {
            Value::String(word) => json!({ word: {} }),
            other => other,
        };
        serde_json::from_value(value).map_err(|cause| {
            ApiError::bad(
                cause.to_string(),
                "an action is one of button, sensor, uart, reset, wifi, supply, disconnect, fault, firmware",
            )
        })
    }

    fn on(self, session: &mut Session, device: &DeviceId) -> Result<(), ApiError> {
        let stimulus = match self {
            Self::Button { name, pressed } => Stimulus::Button { name, pressed },
            Self::Sensor { quantity, value } => Stimulus::Sensor { quantity, value },
            Self::Uart { port, text } => Stimulus::Uart {
                port,
                bytes: text.into_bytes().into(),
            },
            Self::Reset {} => Stimulus::Reset,
            Self::Wifi { up } => Stimulus::Wifi { up },
            Self::Supply { on } => Stimulus::Supply { on },
            Self::Disconnect {} => return fault(session, device, FaultKind::ForceDisconnect, None),
            Self::Fault {
                kind,
                for_ns,
                by_ns,
            } => {
                let by = VirtualDuration::from_nanos(by_ns.unwrap_or(1_000_000_000));
                let kind = fault_kind(&kind, by)?;
                return fault(session, device, kind, Some(for_ns.unwrap_or(FAULT)));
            }
            Self::Firmware { path } => {
                return Err(ApiError::new(
                    StatusCode::NOT_IMPLEMENTED,
                    format!("a running machine keeps its firmware; {path} was not loaded"),
                    "set `firmware` in the bench file and start the bench again",
                ));
            }
        };
        session.stimulate(device, stimulus).map_err(|cause| {
            let mut text = cause.to_string();
            let mut source = std::error::Error::source(&cause);
            while let Some(inner) = source {
                text = format!("{text}: {inner}");
                source = inner.source();
            }
            ApiError::refused(text)
        })?;
        settle(session)
    }
}

/// What was begun is done and durable before it is answered.
pub(super) fn settle(session: &mut Session) -> Result<(), ApiError> {
    session.answer_now().map_err(ApiError::refused)
}

async fn act(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    body: Result<Json<Value>, JsonRejection>,
) -> Answer<Value> {
    let Json(body) = body?;
    let action = Action::read(body)?;
    let device = DeviceId::new(&id).map_err(|_| unknown(&id))?;
    ask(&shared, move |session| action.on(session, &device)).await?;
    Ok(Json(json!({"done": true})))
}

#[derive(Deserialize)]
struct Bulk {
    ids: Vec<String>,
    #[serde(rename = "do")]
    what: Value,
}

/// The same to many; gives what failed.
async fn bulk(
    State(shared): State<Shared>,
    body: Result<Json<Bulk>, JsonRejection>,
) -> Answer<Value> {
    let Json(Bulk { ids, what }) = body?;
    let action = Action::read(what)?;
    let failed = ask(&shared, move |session| {
        let mut failed = serde_json::Map::new();
        for id in &ids {
            let done = DeviceId::new(id)
                .map_err(|_| unknown(id))
                .and_then(|device| action.clone().on(session, &device));
            if let Err(error) = done {
                failed.insert(id.clone(), error.error.into());
            }
        }
        Ok(failed)
    })
    .await?;
    Ok(Json(json!({"done": failed.is_empty(), "failed": failed})))
}

/// A look into the processor.
async fn inspect(State(shared): State<Shared>, Path(id): Path<String>) -> Answer<Value> {
    let device = DeviceId::new(&id).map_err(|_| unknown(&id))?;
    ask(&shared, move |session| {
        session.inspect(&device).map(Json).map_err(|cause| {
            let hint = "devices with an emulated board can be looked into";
            ApiError::new(StatusCode::CONFLICT, cause.to_string(), hint)
        })
    })
    .await
}

fn fault(
    session: &mut Session,
    device: &DeviceId,
    kind: FaultKind,
    lasts: Option<u64>,
) -> Result<(), ApiError> {
    let lasts = lasts.map(VirtualDuration::from_nanos);
    session
        .begin_timed_fault(kind, device, lasts)
        .map_err(ApiError::refused)
}

/// Faults by the names of scenarios, and by those of people.
fn fault_kind(name: &str, by: VirtualDuration) -> Result<FaultKind, ApiError> {
    Ok(match name {
        "offline" | "drop" | "network-drop" => FaultKind::NetworkDrop,
        "loss" | "half-open" => FaultKind::HalfOpen,
        "slow" | "latency" => FaultKind::Latency(by),
        "duplicate" => FaultKind::Duplicate(0.5),
        "reorder" => FaultKind::Reorder(by),
        "throttle" => FaultKind::Throttle(by),
        "reject-authentication" | "reject-auth" => FaultKind::RejectAuthentication,
        "disconnect" | "force-disconnect" => FaultKind::ForceDisconnect,
        "server-restart" => FaultKind::ServerRestart,
        other => {
            let hint = "offline, loss, slow, duplicate, reorder, throttle, reject-auth, disconnect, server-restart";
            return Err(ApiError::missing("fault", other, hint));
        }
    })
}
