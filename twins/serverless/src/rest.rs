//! The front-end layer: the application's REST functions as a pure function of a request.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use twinbench_engine::{Engine, Json};
use twinbench_model::{
    DeviceId, EntityId, VirtualTime,
    api::{DeviceDetail, DeviceInfo, Reading},
};

use crate::{
    configuration::Configuration,
    device::DeviceState,
    entities::{STANDARD, WEATHER, entity_name},
    telemetry::{Body, Data},
};

/// A request below `/api/`.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `PUT`, `POST`.
    pub method: String,
    /// What follows `/api/`, percent-encoded as it came.
    pub path: String,
    /// What follows `?`.
    pub query: String,
    /// The body.
    pub body: Bytes,
}

/// An answer: a status and a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// JSON, or empty.
    pub body: String,
}

impl Response {
    fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self { status, body },
            Err(cause) => Self {
                status: 500,
                body: json!({"error": cause.to_string()}).to_string(),
            },
        }
    }

    fn error(status: u16, message: impl Into<String>) -> Self {
        Self::json(status, &json!({"error": message.into()}))
    }
}

/// Answers a request at virtual time `now`.
///
/// A change is signalled, not yet applied: as in the cloud, an answer may be older than a signal
/// that was accepted before it.
pub fn handle(engine: &mut Engine, request: &Request, now: VirtualTime) -> Response {
    let Some(segments) = segments(&request.path) else {
        return Response::error(400, "the path is not UTF-8 after percent-decoding");
    };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["devices"]) => get_devices(engine, &request.query),
        ("GET", ["devices", id]) => with_device(engine, id, |_, _, state| {
            Response::json(
                200,
                &DeviceDetail {
                    info: info(id, &state),
                    telemetry_history: state.history_data.map(|history| {
                        history
                            .into_iter()
                            .map(|(time, data)| reading(time, data))
                            .collect()
                    }),
                },
            )
        }),
        ("GET", ["devices", id, "configuration"]) => with_device(engine, id, |_, _, state| {
            Response::json(200, &state.entity_config)
        }),
        ("PUT", ["devices", id, "configuration"]) => {
            with_device(engine, id, |engine, entity, _| {
                let configuration: Configuration = match serde_json::from_slice(&request.body) {
                    Ok(configuration) => configuration,
                    Err(cause) => {
                        return Response::error(
                            400,
                            format!("the body is no configuration: {cause}"),
                        );
                    }
                };
                // Repaired: the answer is what will be in force, not what was sent.
                let configuration = if entity.name() == WEATHER {
                    configuration.normalised_for_weather()
                } else {
                    configuration.normalised()
                };
                signalled(engine, entity, "SetConfiguration", &configuration, now)
            })
        }
        ("POST", ["deviceTelemetries"]) => post_telemetry(engine, &request.body, now),
        ("POST", ["devices", _, "method"]) => Response::error(
            501,
            "direct methods are not there yet; the hub carries telemetry only",
        ),
        (_, ["devices" | "deviceTelemetries", ..]) => {
            Response::error(405, format!("{} is not answered here", request.method))
        }
        _ => Response::error(404, "no such function"),
    }
}

/// Runs `answer` with the state of a device, or answers 404 with the id, as the application does.
fn with_device(
    engine: &mut Engine,
    id: &str,
    answer: impl FnOnce(&mut Engine, &EntityId, DeviceState) -> Response,
) -> Response {
    let unknown = Response::json(404, &id);
    let Ok(device) = DeviceId::new(id) else {
        return unknown;
    };
    let Ok(entity) = EntityId::new(entity_name(&device), id) else {
        return unknown;
    };
    let Some(state) = engine
        .read(&entity)
        .and_then(|state| state.read::<DeviceState>().ok())
    else {
        return unknown;
    };
    answer(engine, &entity, state)
}

fn get_devices(engine: &Engine, query: &str) -> Response {
    let mut filters = [("name", String::new()), ("id", String::new())];
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if let Some((_, filter)) = filters.iter_mut().find(|(name, _)| *name == key) {
            *filter = value.to_lowercase();
        }
    }
    let [(_, name), (_, id)] = filters;
    let matches =
        |text: &str, filter: &str| filter.is_empty() || text.to_lowercase().contains(filter);
    let mut found = Vec::new();
    for kind in [STANDARD, WEATHER] {
        for (entity, state) in engine.entities(kind) {
            if entity.name() != kind {
                continue;
            }
            let Ok(state) = state.read::<DeviceState>() else {
                continue;
            };
            // Repaired: an entity without a name is found by an empty filter only; the original fails.
            if matches(entity.key(), &id)
                && matches(state.device_name.as_deref().unwrap_or_default(), &name)
            {
                found.push(info(entity.key(), &state));
            }
        }
    }
    found.sort_by(|a, b| a.device_id.cmp(&b.device_id));
    Response::json(200, &found)
}

fn post_telemetry(engine: &mut Engine, body: &[u8], now: VirtualTime) -> Response {
    let telemetry = match Body::parse(body) {
        Ok(telemetry) => telemetry,
        Err(cause) => return Response::error(400, cause.to_string()),
    };
    let (Some(id), Some(timestamp)) = (telemetry.device_id, telemetry.timestamp) else {
        return Response::error(400, "telemetry needs its deviceId and timestamp");
    };
    let Ok(device) = DeviceId::new(&id) else {
        return Response::error(400, format!("{id:?} is no device id"));
    };
    let Ok(entity) = EntityId::new(entity_name(&device), &id) else {
        return Response::error(400, format!("{id:?} is no entity key"));
    };
    let telemetry = crate::telemetry::DeviceTelemetry {
        timestamp,
        device_name: telemetry.device_name.unwrap_or_else(|| id.clone()),
        device_id: id,
        data: telemetry.data,
    };
    signalled(engine, &entity, "TelemetryReceived", &telemetry, now)
}

/// Signals an entity and answers 200 with what was signalled.
fn signalled(
    engine: &mut Engine,
    entity: &EntityId,
    operation: &str,
    input: &impl Serialize,
    now: VirtualTime,
) -> Response {
    let input_json = match Json::of(input) {
        Ok(json) => json,
        Err(cause) => return Response::error(400, cause.to_string()),
    };
    match engine.signal(entity, operation, input_json, now) {
        Ok(()) => Response::json(200, input),
        Err(cause) => Response::error(400, cause.to_string()),
    }
}

fn info(id: &str, state: &DeviceState) -> DeviceInfo {
    DeviceInfo {
        device_id: id.to_owned(),
        device_name: state.device_name.clone(),
        last_telemetry: state
            .last_update
            .zip(state.last_data)
            .map(|(time, data)| reading(time, data)),
    }
}

fn reading(time: Timestamp, data: Data) -> Reading {
    Reading {
        timestamp: time.to_string(),
        temperature: data.temperature,
        humidity: data.humidity,
    }
}

/// The path's segments, percent-decoded; `None` when one is not UTF-8.
fn segments(path: &str) -> Option<Vec<String>> {
    path.trim_matches('/')
        .split('/')
        .map(|segment| {
            percent_encoding::percent_decode_str(segment)
                .decode_utf8()
                .ok()
                .map(std::borrow::Cow::into_owned)
        })
        .collect()
}
