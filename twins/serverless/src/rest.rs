//! The REST of the front-end layer, as a function of a request.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use twinbench_engine::{Engine, Json};
use twinbench_model::{
    EntityId, VirtualTime,
    api::{DeviceDetail, DeviceInfo, Reading},
};

use crate::{
    Application,
    configuration::Configuration,
    device::DeviceState,
    entities::{STANDARD, WEATHER, entity_name_of},
    telemetry::{Body, Data, DeviceTelemetry},
};

/// A request, whoever took it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// The path below `/api/`, still percent-encoded: `devices/kitchen`.
    pub path: String,
    /// The query without its question mark, still percent-encoded.
    pub query: String,
    /// The body.
    pub body: Bytes,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body: JSON.
    pub body: String,
}

impl Response {
    fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self { status, body },
            Err(cause) => Self::error(500, &cause.to_string()),
        }
    }

    fn error(status: u16, message: &str) -> Self {
        let body = json!({ "error": message }).to_string();
        Self { status, body }
    }

    /// As the original: the id, and nothing else.
    fn unknown(device: &str) -> Self {
        Self::json(404, &device)
    }
}

/// Answers a request of the front-end layer.
///
/// What it signals to entities is done in the engine's next run: commit that before the answer is
/// given out.
pub fn handle(
    engine: &mut Engine,
    application: &mut Application,
    request: &Request,
    now: VirtualTime,
) -> Response {
    let segments: Vec<Cow<'_, str>> = request
        .path
        .trim_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
    let method = request.method.to_ascii_uppercase();
    match (method.as_str(), segments.as_slice()) {
        ("GET", [devices]) if is(devices, "devices") => list(engine, &request.query),
        ("GET", [devices, id]) if is(devices, "devices") => detail(engine, id),
        ("GET", [devices, id, last]) if is(devices, "devices") && is(last, "configuration") => {
            match state::<Configured>(engine, id) {
                Some(state) => Response::json(200, &state.entity_config),
                None => Response::unknown(id),
            }
        }
        ("PUT", [devices, id, last]) if is(devices, "devices") && is(last, "configuration") => {
            configure(engine, id, &request.body, now)
        }
        ("POST", [devices, _, last]) if is(devices, "devices") && is(last, "method") => {
            Response::error(501, "direct methods are not offered by this version")
        }
        ("POST", [telemetries]) if is(telemetries, "deviceTelemetries") => {
            receive(engine, application, &request.body, now)
        }
        _ => Response::error(404, &format!("there is no {method} /api/{}", request.path)),
    }
}

/// What a list shows of a state; the history is skipped, not read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Listed {
    device_name: Option<String>,
    last_update: Option<jiff::Timestamp>,
    last_data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configured {
    entity_config: Configuration,
}

fn list(engine: &Engine, query: &str) -> Response {
    let (name, id) = (parameter(query, "name"), parameter(query, "id"));
    let mut found = Vec::new();
    for (entity, state) in [STANDARD, WEATHER]
        .into_iter()
        .flat_map(|name| engine.entities(name))
    {
        if !contains(entity.key(), &id) {
            continue;
        }
        let Ok(state) = state.read::<Listed>() else {
            continue;
        };
        if contains(state.device_name.as_deref().unwrap_or_default(), &name) {
            found.push(info(entity.key(), state));
        }
    }
    found.sort_by(|a, b| a.device_id.cmp(&b.device_id));
    Response::json(200, &found)
}

fn detail(engine: &Engine, id: &str) -> Response {
    let Some(state) = state::<DeviceState>(engine, id) else {
        return Response::unknown(id);
    };
    let history = state.history_data.map(|history| {
        let readings = history.into_iter().map(|(time, data)| reading(time, data));
        readings.collect()
    });
    let listed = Listed {
        device_name: state.device_name,
        last_update: state.last_update,
        last_data: state.last_data,
    };
    Response::json(
        200,
        &DeviceDetail {
            info: info(id, listed),
            telemetry_history: history,
        },
    )
}

fn configure(engine: &mut Engine, id: &str, body: &[u8], now: VirtualTime) -> Response {
    let Some(entity) = entity(id).filter(|entity| engine.read(entity).is_some()) else {
        return Response::unknown(id);
    };
    let configuration: Configuration = match serde_json::from_slice(body) {
        Ok(configuration) => configuration,
        Err(cause) => {
            return Response::error(400, &format!("the configuration cannot be read: {cause}"));
        }
    };
    signal(engine, &entity, "SetConfiguration", &configuration, now)
}

fn receive(
    engine: &mut Engine,
    application: &Application,
    body: &[u8],
    now: VirtualTime,
) -> Response {
    let body = match Body::parse(body) {
        Ok(body) => body,
        Err(cause) => return Response::error(400, &cause.to_string()),
    };
    let Some(device) = body.device_id else {
        return Response::error(400, "the telemetry has no deviceId");
    };
    let Some(entity) = entity(&device) else {
        return Response::error(400, &format!("{device:?} can be no device's id"));
    };
    let telemetry = DeviceTelemetry {
        timestamp: body
            .timestamp
            .unwrap_or_else(|| application.options().epoch.utc(now)),
        device_name: body.device_name.unwrap_or_else(|| device.clone()),
        device_id: device,
        data: body.data,
    };
    signal(engine, &entity, "TelemetryReceived", &telemetry, now)
}

/// Signals an entity and answers with what was signalled.
fn signal(
    engine: &mut Engine,
    entity: &EntityId,
    operation: &str,
    input: &impl Serialize,
    now: VirtualTime,
) -> Response {
    let input = match Json::of(input) {
        Ok(input) => input,
        Err(cause) => return Response::error(500, &cause.to_string()),
    };
    match engine.signal(entity, operation, input.clone(), now) {
        Ok(()) => Response::json(200, &input),
        Err(cause) => Response::error(400, &cause.to_string()),
    }
}

fn entity(device: &str) -> Option<EntityId> {
    EntityId::new(entity_name_of(device), device).ok()
}

fn state<T: DeserializeOwned>(engine: &Engine, device: &str) -> Option<T> {
    engine.read(&entity(device)?)?.read().ok()
}

fn info(id: &str, state: Listed) -> DeviceInfo {
    DeviceInfo {
        device_id: id.to_owned(),
        device_name: state.device_name,
        last_telemetry: state
            .last_update
            .zip(state.last_data)
            .map(|(time, data)| reading(time, data)),
    }
}

fn reading(time: jiff::Timestamp, data: Data) -> Reading {
    Reading {
        timestamp: time.to_string(),
        temperature: data.temperature,
        humidity: data.humidity,
    }
}

/// The first value of a query's parameter, decoded; empty when it is absent.
fn parameter(query: &str, name: &str) -> String {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| decode(key).eq_ignore_ascii_case(name))
        .map(|(_, value)| decode(value))
        .unwrap_or_default()
}

/// Whether a text contains another, without regard to case. The empty text is in every text.
fn contains(text: &str, part: &str) -> bool {
    part.is_empty() || text.to_lowercase().contains(&part.to_lowercase())
}
