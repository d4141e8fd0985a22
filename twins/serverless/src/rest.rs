//! The REST of the front-end layer, as a function of a request.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use twinbench_engine::{Engine, Json};
use twinbench_model::{
    EntityId, VirtualTime,
    api::{DeviceDetail, DeviceInfo, Reading},
};

use crate::{
    Application, Options,
    configuration::Configuration,
    entities::{STANDARD, WEATHER, entity_name_of},
    telemetry::{Body, DeviceTelemetry},
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
///
/// A direct method is answered with 501: who has a hub asks [`route`] and carries it there.
pub fn handle(
    engine: &mut Engine,
    application: &mut Application,
    request: &Request,
    now: VirtualTime,
) -> Response {
    match route(engine, application, request, now) {
        Routed::Answered(response) => response,
        Routed::Method(_) => Response::error(501, "there is no hub here to call methods by"),
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Routed {
    /// It is answered.
    Answered(Response),
    /// A direct method is to be called; [`method_response`] makes the answer of what comes of it.
    Method(MethodRequest),
}

/// A direct method that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodRequest {
    /// The device.
    pub device: String,
    /// The method's name.
    pub name: String,
    /// What it is given.
    pub payload: Value,
}

/// The answer to `POST …/method`, from what the hub made of the call: the device's own status and
/// payload, or the hub's (404 when the device is away, 504 after the timeout) with an error.
///
/// A device that succeeded (2xx) is 200 with `{"status", "payload"}`; one that did not is 502 with
/// the same; a hub that got no answer is 504. The original says 200 whatever came of it.
pub fn method_response(application: &Application, status: u16, payload: &Value) -> Response {
    if application.options().profile.is_original() {
        return Response {
            status: 200,
            body: String::new(),
        };
    }
    let from_hub = payload.get("error").is_some() && matches!(status, 404 | 504);
    let answer = match status {
        200..300 => 200,
        _ if from_hub => 504,
        _ => 502,
    };
    Response::json(answer, &json!({"status": status, "payload": payload}))
}

/// Answers a request of the front-end layer, or says which direct method is to be called for it.
///
/// What it signals to entities is done in the engine's next run: commit that before the answer is
/// given out.
pub fn route(
    engine: &mut Engine,
    application: &mut Application,
    request: &Request,
    now: VirtualTime,
) -> Routed {
    let segments: Vec<Cow<'_, str>> = request
        .path
        .trim_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
    let method = request.method.to_ascii_uppercase();
    let options = application.options();
    let response = match (method.as_str(), segments.as_slice()) {
        ("GET", [devices]) if is(devices, "devices") => list(engine, options, &request.query, now),
        ("GET", [devices, id]) if is(devices, "devices") => detail(engine, options, id),
        ("GET", [devices, id, last]) if is(devices, "devices") && is(last, "configuration") => {
            match state::<Configured>(engine, options, id) {
                Some(state) => Response::json(200, &state.entity_config),
                None => Response::unknown(id),
            }
        }
        ("PUT", [devices, id, last]) if is(devices, "devices") && is(last, "configuration") => {
            configure(engine, options, id, &request.body, now)
        }
        ("POST", [devices, id, last]) if is(devices, "devices") && is(last, "method") => {
            match method_of(engine, options, id, &request.body) {
                Ok(method) => return Routed::Method(method),
                Err(response) => response,
            }
        }
        ("POST", [telemetries]) if is(telemetries, "deviceTelemetries") => {
            receive(engine, application, &request.body, now)
        }
        _ => Response::error(404, &format!("there is no {method} /api/{}", request.path)),
    };
    Routed::Answered(response)
}

/// The method of a body `{"method": "..", "payload": "<json text>"}`, names in any case.
fn method_of(
    engine: &Engine,
    options: &Options,
    id: &str,
    body: &[u8],
) -> Result<MethodRequest, Response> {
    let profile = options.profile;
    if entity(options, id).is_none_or(|entity| engine.read(&entity).is_none()) {
        return Err(Response::unknown(id));
    }
    let members: BTreeMap<String, Value> = serde_json::from_slice(body)
        .map_err(|cause| Response::error(400, &format!("the method cannot be read: {cause}")))?;
    let member = |name: &str| {
        let found = members
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or(&Value::Null, |(_, value)| value)
    };
    let name = member("method").as_str().unwrap_or_default();
    if name.trim().is_empty() {
        return Err(Response::error(400, "the request names no method"));
    }
    let payload = match member("payload") {
        Value::Null => Value::Null,
        Value::String(text) if text.trim().is_empty() => Value::Null,
        Value::String(text) => serde_json::from_str(text).map_err(|cause| {
            // The original parses it outside of its own error handling.
            let status = if profile.is_original() { 500 } else { 400 };
            Response::error(status, &format!("the payload is no JSON: {cause}"))
        })?,
        _ => {
            return Err(Response::error(
                400,
                "the payload is a text that holds JSON",
            ));
        }
    };
    Ok(MethodRequest {
        device: id.to_owned(),
        name: name.to_owned(),
        payload,
    })
}

/// What a list shows of a state; the history is skipped, not read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Listed {
    device_name: Option<String>,
    last_update: Option<jiff::Timestamp>,
    last_data: Option<Value>,
}

/// What the detail shows of a state.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Detailed {
    history_data: Option<BTreeMap<jiff::Timestamp, Value>>,
    #[serde(flatten)]
    listed: Listed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configured {
    /// As the entity wrote it, in its order.
    entity_config: Box<RawValue>,
}

/// How many entities the original reads at once.
const PAGE: usize = 100;

fn list(engine: &Engine, options: &Options, query: &str, now: VirtualTime) -> Response {
    let profile = options.profile;
    let (name, id) = (parameter(query, "name"), parameter(query, "id"));
    let mut found = Vec::new();
    let twins = options.twins.iter().map(|it| it.name().to_lowercase());
    let names: BTreeSet<String> = [STANDARD, WEATHER]
        .map(str::to_lowercase)
        .into_iter()
        .chain(twins)
        .collect();
    let all = names.iter().flat_map(|name| engine.entities(name));
    for (number, (entity, state)) in all.enumerate() {
        // The original asks for page after page; what is written meanwhile changes its place.
        let moved = profile.is_original() && number >= PAGE;
        if moved
            && engine
                .entity(entity)
                .is_some_and(|it| it.last_operation == now)
        {
            continue;
        }
        if !contains(entity.key(), &id) {
            continue;
        }
        let Ok(state) = state.read::<Listed>() else {
            continue;
        };
        if profile.is_original() && !name.is_empty() && state.device_name.is_none() {
            return Response::error(500, "Object reference not set to an instance of an object.");
        }
        if contains(state.device_name.as_deref().unwrap_or_default(), &name) {
            found.push(info(entity.key(), state));
        }
    }
    found.sort_by(|a, b| a.device_id.cmp(&b.device_id));
    Response::json(200, &found)
}

fn detail(engine: &Engine, options: &Options, id: &str) -> Response {
    let Some(state) = state::<Detailed>(engine, options, id) else {
        return Response::unknown(id);
    };
    let history = state.history_data.map(|history| {
        let readings = history
            .iter()
            .filter_map(|(time, data)| reading(*time, data));
        readings.collect()
    });
    Response::json(
        200,
        &DeviceDetail {
            info: info(id, state.listed),
            telemetry_history: history,
        },
    )
}

fn configure(
    engine: &mut Engine,
    options: &Options,
    id: &str,
    body: &[u8],
    now: VirtualTime,
) -> Response {
    let Some(entity) = entity(options, id).filter(|entity| engine.read(entity).is_some()) else {
        return Response::unknown(id);
    };
    if options.twins.iter().any(|it| it.is_of(id)) {
        // Which settings there are, the twin's file says.
        return match serde_json::from_slice::<Value>(body) {
            Ok(given) => signal(engine, &entity, "SetConfiguration", &given, now),
            Err(cause) => {
                Response::error(400, &format!("the configuration cannot be read: {cause}"))
            }
        };
    }
    let profile = options.profile;
    let configuration: Configuration = match serde_json::from_slice(body) {
        Ok(configuration) => configuration,
        Err(cause) => {
            return Response::error(400, &format!("the configuration cannot be read: {cause}"));
        }
    };
    let configuration = if profile.is_original() {
        configuration
    } else {
        // Who reads it next reads the same.
        configuration.normalised_by(profile, entity_name_of(id) == WEATHER)
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
    let Some(entity) = entity(application.options(), &device) else {
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

fn entity(options: &Options, device: &str) -> Option<EntityId> {
    EntityId::new(options.entity_name(device), device).ok()
}

fn state<T: DeserializeOwned>(engine: &Engine, options: &Options, device: &str) -> Option<T> {
    engine.read(&entity(options, device)?)?.read().ok()
}

fn info(id: &str, state: Listed) -> DeviceInfo {
    DeviceInfo {
        device_id: id.to_owned(),
        device_name: state.device_name,
        last_telemetry: state
            .last_update
            .zip(state.last_data)
            .and_then(|(time, data)| reading(time, &data)),
    }
}

/// A reading with temperature and humidity, as the layer shows them; a twin of a file may have
/// others.
fn reading(time: jiff::Timestamp, data: &Value) -> Option<Reading> {
    Some(Reading {
        timestamp: time.to_string(),
        temperature: data.get("temperature")?.as_f64()?,
        humidity: data.get("humidity")?.as_f64()?,
    })
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
