//! From a message to what a twin of a file is told.

use serde_json::Value;
use twinbench_model::EventData;

use super::{
    TwinType,
    state::{TwinTelemetry, any_case},
};
use crate::{
    dispatcher::{Rules, believed, sender},
    telemetry::{instant, not_blank},
};

/// What becomes of a message for a twin of a file.
#[derive(Debug)]
pub(crate) enum ForTwin {
    /// The twin is told; whether the device's clock was not believed.
    Telemetry(TwinTelemetry, bool),
    /// It has no reading of this twin.
    Skipped,
    /// It cannot be used.
    Refused(String),
}

/// Reads a message by the application's rules of sender and time, and the file's of its values.
pub(crate) fn ingest(kind: &TwinType, event: &EventData, rules: &Rules) -> ForTwin {
    match read(kind, event, rules) {
        Ok(Some((telemetry, corrected))) => ForTwin::Telemetry(telemetry, corrected),
        Ok(None) => ForTwin::Skipped,
        Err(reason) => ForTwin::Refused(reason),
    }
}

fn read(
    kind: &TwinType,
    event: &EventData,
    rules: &Rules,
) -> Result<Option<(TwinTelemetry, bool)>, String> {
    let body: Value = serde_json::from_slice(&event.message.body)
        .map_err(|cause| format!("the body is no telemetry: {cause}"))?;
    if !body.is_object() {
        return Err("the body is no telemetry: it is no JSON object".into());
    }
    let text = |name: &str| match any_case(&body, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("{name} is {other}, not a text")),
    };
    let claimed = not_blank(text("deviceid")?);
    let device_id = sender(claimed, event, rules)?;
    if kind.read(&body).is_none() {
        return Ok(None);
    }
    let given = instant::<serde_json::Error>(text("timestamp")?).map_err(|it| it.to_string())?;
    let enqueued = rules.epoch.utc(event.enqueued);
    let given = given.unwrap_or(enqueued);
    let timestamp = believed(given, enqueued);
    let device_name = not_blank(text("devicename")?).unwrap_or_else(|| device_id.clone());
    let telemetry = TwinTelemetry {
        timestamp,
        device_id,
        device_name,
        body,
    };
    Ok(Some((telemetry, timestamp != given)))
}
