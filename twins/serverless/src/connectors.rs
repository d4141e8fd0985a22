//! What the connectors would send: kept as data, in the same commit as the workflow that asked
//! for it. Nothing is sent from here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use twinbench_model::{Event, Record, Room, VirtualTime};

use crate::rows;

/// The activity that sends a message to a device.
pub const TO_DEVICE: &str = "SendMessageToDevice";
/// The activity that sends an SMS.
pub const TO_TWILIO: &str = "SendMessageToTwilio";

/// One call of a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// The same for the same call when it is done over.
    pub key: String,
    /// When it was made.
    pub time: VirtualTime,
    /// The activity that made it.
    pub connector: String,
    /// The device that it is about.
    pub device: String,
    /// Whom it goes to: the device's id, or a telephone number.
    pub to: String,
    /// What it says.
    pub text: String,
    /// Properties of the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// After when it is of no use, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<String>,
}

/// Calls in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    calls: Vec<Call>,
    keys: BTreeSet<String>,
    /// Messages to devices since the start: one for each alert.
    alerts: u64,
    records: Vec<Record>,
    events: Vec<Event>,
}

impl Outbox {
    /// Keeps a call, unless it is one that was done over.
    pub(crate) fn add(&mut self, call: Call) {
        if !self.keys.insert(call.key.clone()) {
            return;
        }
        if call.connector == TO_DEVICE {
            self.alerts += 1;
        }
        let source: Arc<str> = call.device.as_str().into();
        let event = Event::json(call.time, Room::Connectors, "connector", source, &call);
        self.events.push(event);
        let record = rows::put(rows::CALL, self.calls.len() as u64, &call);
        self.records.push(record);
        self.calls.push(call);
    }

    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(crate) fn alerts(&self) -> u64 {
        self.alerts
    }

    pub(crate) fn drain_records(&mut self, out: &mut Vec<Record>) {
        out.append(&mut self.records);
    }

    pub(crate) fn drain_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
    }

    /// Puts a stored call back; they come in the order of their numbers.
    pub(crate) fn restore(&mut self, call: Call) {
        self.keys.insert(call.key.clone());
        self.calls.push(call);
    }
}

/// The alert that a `connector` event tells of, as (device, short text such as
/// `32.96 > 32.00 °C`); `None` for other calls.
pub fn alert_of(facts: &str) -> Option<(String, String)> {
    let call: Call = serde_json::from_str(facts).ok()?;
    if call.connector != TO_DEVICE {
        return None;
    }
    let property = |name: &str| call.properties.get(name).map(String::as_str);
    let relation = if property("Type")?.starts_with("Low") {
        "<"
    } else {
        ">"
    };
    let text = format!(
        "{} {relation} {} °C",
        property("CurrentValue")?,
        property("ThresholdValue")?
    );
    Some((call.device, text))
}
