//! JSON objects, one after the other, with anything between them.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    Found, Gather,
    time::{count, instant},
};

const DEVICE: [&str; 6] = [
    "deviceId",
    "device",
    "DeviceId",
    "device_id",
    "iothub-connection-device-id",
    "source",
];
const TIME: [&str; 7] = [
    "enqueuedTime",
    "EnqueuedTimeUtc",
    "iothub-enqueuedtime",
    "utc",
    "timestamp",
    "Timestamp",
    "time",
];
const BODY: [&str; 4] = ["body", "Body", "payload", "message"];

/// Reads objects; the error has its line.
pub(super) fn read(text: &str, gather: &mut Gather<'_>) -> Result<(), (u64, String)> {
    let mut at = 0;
    let mut line = 1u64;
    while at < text.len() {
        let rest = &text[at..];
        let trimmed = rest.trim_start_matches([' ', '\t', ',', ']', '\u{feff}']);
        if !trimmed.starts_with(['{', '[']) {
            // What the programs say between messages: a line of it.
            let end = rest.find('\n').map_or(rest.len(), |end| end + 1);
            at += end;
            line += 1;
            continue;
        }
        at = text.len() - trimmed.len();
        if trimmed.starts_with('[') {
            // A list of messages is read as the messages in it.
            at += 1;
            continue;
        }
        let mut values =
            serde_json::Deserializer::from_str(trimmed).into_iter::<Map<String, Value>>();
        let object = match values.next() {
            Some(Ok(object)) => object,
            Some(Err(cause)) => {
                let within = cause.line().max(1) as u64 - 1;
                let told = cause.to_string();
                let told = told
                    .split(" at line ")
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                return Err((line + within, format!("it is no JSON object: {told}")));
            }
            None => return Ok(()),
        };
        let end = values.byte_offset();
        if let Some(found) = message(object, &trimmed[..end]).map_err(|reason| (line, reason))? {
            gather.take(found).map_err(|reason| (line, reason))?;
        }
        line += trimmed[..end].matches('\n').count() as u64;
        at += end;
    }
    Ok(())
}

/// The message of an object; none when it is something else, which our own export may have.
fn message(mut object: Map<String, Value>, raw: &str) -> Result<Option<Found>, String> {
    if let Some(Value::Object(event)) = object.get_mut("event") {
        return monitored(event).map(Some);
    }
    if object.contains_key("encoding") && object.contains_key("kind") {
        if object.get("kind").and_then(Value::as_str) != Some("d2c") {
            return Ok(None);
        }
        let mut found = Found {
            device: text(object.get("source")),
            time: time(object.get("utc"))?,
            ..Found::default()
        };
        ours(&object["content"].to_string(), &mut found);
        return Ok(Some(found));
    }
    let system = properties(
        object
            .get("systemProperties")
            .or(object.get("SystemProperties")),
    );
    let first = |names: &[&str]| names.iter().find_map(|name| object.get(*name));
    let device =
        text(first(&DEVICE)).or_else(|| system.get("iothub-connection-device-id").cloned());
    let mut when = time(first(&TIME))?;
    if when.is_none() {
        when = enqueued(&system);
    }
    let body = match first(&BODY) {
        Some(body) => body_of(body),
        // The message itself, as it was written.
        None => raw.as_bytes().to_vec(),
    };
    Ok(Some(Found {
        time: when,
        device,
        body,
        properties: properties(object.get("properties").or(object.get("Properties"))),
        system: of_the_device(system),
    }))
}

/// An event as `az iot hub monitor-events` prints it.
fn monitored(event: &Map<String, Value>) -> Result<Found, String> {
    let part = |name: &str| event.get("properties").and_then(|all| all.get(name));
    let annotations = properties(event.get("annotations"));
    let system = properties(part("system"));
    let when = match enqueued(&annotations) {
        Some(when) => Some(when),
        None => time(event.get("enqueuedTime"))?,
    };
    Ok(Found {
        time: when,
        device: text(event.get("origin")),
        body: event.get("payload").map(body_of).unwrap_or_default(),
        properties: properties(part("application")),
        // The CLI writes these with underscores.
        system: of_the_device(
            system
                .into_iter()
                .map(|(name, value)| (name.replace('_', "-"), value))
                .collect(),
        ),
    })
}

/// The content of our own export.
pub(super) fn ours(content: &str, found: &mut Found) {
    let content: Value = serde_json::from_str(content).unwrap_or_default();
    found.body = match (content.get("body"), content.get("bodyBase64")) {
        (Some(body), _) => body.to_string().into_bytes(),
        (None, Some(Value::String(base64))) => STANDARD.decode(base64).unwrap_or_default(),
        _ => Vec::new(),
    };
    found.properties = properties(content.get("properties"));
    found.system = of_the_device(properties(content.get("system")));
}

/// A body: JSON, or JSON within a text, or a text.
fn body_of(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn enqueued(properties: &BTreeMap<String, String>) -> Option<jiff::Timestamp> {
    let names = ["iothub-enqueuedtime", "x-opt-enqueued-time"];
    names
        .iter()
        .find_map(|name| instant(properties.get(*name)?))
}

/// System properties that a device may send; the others are the hub's.
pub(super) fn of_the_device(mut system: BTreeMap<String, String>) -> BTreeMap<String, String> {
    system.retain(|name, _| !name.starts_with("iothub-") && !name.starts_with("x-opt-"));
    system
}

fn properties(value: Option<&Value>) -> BTreeMap<String, String> {
    let Some(Value::Object(all)) = value else {
        return BTreeMap::new();
    };
    all.iter()
        .filter_map(|(name, value)| Some((name.clone(), text(Some(value))?)))
        .collect()
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn time(value: Option<&Value>) -> Result<Option<jiff::Timestamp>, String> {
    let read = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => instant(text),
        Some(Value::Number(number)) => number.as_f64().and_then(count),
        Some(_) => None,
    };
    let told = || format!("{} is no time", value.unwrap_or(&Value::Null));
    read.map(Some).ok_or_else(told)
}
