//! Event Hubs Capture, and IoT Hub's route to storage, which differ in the types of their fields.

use std::collections::BTreeMap;

use apache_avro::{Reader, types::Value};

use super::{Found, Gather, json::of_the_device, time::instant};

/// Reads an Avro container; the error has the number of its record.
pub(super) fn read(bytes: &[u8], gather: &mut Gather<'_>) -> Result<(), (u64, String)> {
    let reader = Reader::new(bytes).map_err(|cause| (1, format!("it is no Avro file: {cause}")))?;
    for (number, record) in (1..).zip(reader) {
        let wrong = |reason: String| (number, reason);
        let record = record.map_err(|cause| wrong(format!("it cannot be read: {cause}")))?;
        let Value::Record(fields) = record else {
            return Err(wrong("it is no record of Event Hubs Capture".to_owned()));
        };
        let mut fields: BTreeMap<String, Value> = fields.into_iter().collect();
        let mut take = |name: &str| fields.remove(name).map(plain);
        let body = match take("Body") {
            Some(Value::Bytes(body)) => body,
            Some(Value::String(body)) => body.into_bytes(),
            Some(Value::Null) => Vec::new(),
            _ => {
                return Err(wrong(
                    "it has no `Body`: it is no capture of messages".to_owned(),
                ));
            }
        };
        let time = match take("EnqueuedTimeUtc").and_then(text) {
            None => None,
            Some(text) => Some(
                instant(&text)
                    .ok_or_else(|| wrong(format!("EnqueuedTimeUtc {text:?} is no time")))?,
            ),
        };
        let system = map(take("SystemProperties"));
        let found = Found {
            time,
            device: system.get("iothub-connection-device-id").cloned(),
            body,
            properties: map(take("Properties")),
            system: of_the_device(system),
        };
        gather.take(found).map_err(wrong)?;
    }
    Ok(())
}

/// A value without the union that it is in.
fn plain(value: Value) -> Value {
    match value {
        Value::Union(_, value) => plain(*value),
        other => other,
    }
}

fn map(value: Option<Value>) -> BTreeMap<String, String> {
    let Some(Value::Map(all)) = value else {
        return BTreeMap::new();
    };
    all.into_iter()
        .filter_map(|(name, value)| Some((name, text(plain(value))?)))
        .collect()
}

fn text(value: Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text,
        Value::Bytes(bytes) => String::from_utf8(bytes).ok()?,
        Value::Int(number) => number.to_string(),
        Value::Long(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Boolean(is) => is.to_string(),
        _ => return None,
    })
}
