//! The connectors in capture mode: every call to the world outside is kept as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinbench_model::{Event, Record, Room, Table, VirtualTime};

/// A call that a connector would have made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Virtual time, in nanoseconds since the epoch.
    pub time: VirtualTime,
    /// Which connector: `c2d`, `sms`.
    pub connector: String,
    /// The device that it is about.
    pub device: String,
    /// The recipient: a device id or a telephone number.
    pub to: String,
    /// The text.
    pub body: String,
    /// Properties of the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// When the message is of no more use, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// A message that the event-batch function could not use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// When the hub took it.
    pub enqueued: VirtualTime,
    /// The device that sent it.
    pub device: String,
    /// Where it is in the event log.
    pub partition: u16,
    /// Where it is in the partition.
    pub sequence_number: u64,
    /// Why it is of no use.
    pub reason: String,
}

/// A list that is kept in the store, in the order of its arrival.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    prefix: u8,
    entries: Vec<T>,
    /// From here on the entries are not yet stored.
    stored: usize,
}

/// First byte of a stored value.
const VERSION: u8 = 1;

impl<T: Serialize + for<'de> Deserialize<'de>> Kept<T> {
    pub(crate) fn new(prefix: u8) -> Self {
        Self {
            prefix,
            entries: Vec::new(),
            stored: 0,
        }
    }

    pub(crate) fn push(&mut self, entry: T) {
        self.entries.push(entry);
    }

    pub(crate) fn all(&self) -> &[T] {
        &self.entries
    }

    pub(crate) fn drain_records(&mut self, out: &mut Vec<Record>) {
        for (number, entry) in self.entries.iter().enumerate().skip(self.stored) {
            let mut key = vec![self.prefix];
            key.extend((number as u64).to_be_bytes());
            let mut value = vec![VERSION];
            // Structs of texts and numbers always have a JSON form.
            value.extend(serde_json::to_vec(entry).unwrap_or_default());
            out.push(Record::put(Table::Serverless, key, value));
        }
        self.stored = self.entries.len();
    }

    /// Takes a stored row when it is of this list. Rows come in the order of their keys.
    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<bool, RestoreError> {
        if key.first() != Some(&self.prefix) {
            return Ok(false);
        }
        let Some((&VERSION, json)) = value.split_first() else {
            return Err(RestoreError::Version(value.first().copied()));
        };
        self.entries.push(
            serde_json::from_slice(json)
                .map_err(|cause| RestoreError::Damaged(cause.to_string()))?,
        );
        self.stored = self.entries.len();
        Ok(true)
    }
}

/// Why a stored row of the application cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It was written by another version.
    #[error("a row has version {0:?}, this program reads version {VERSION}")]
    Version(Option<u8>),
    /// It cannot be read.
    #[error("a row is damaged: {0}")]
    Damaged(String),
    /// Its key belongs to no list of the application.
    #[error("a row has an unknown key")]
    Key,
}

/// The calls of the connectors.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) calls: Kept<Call>,
    /// Alerts of this session.
    pub(crate) alerts: u64,
    events: Vec<Event>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            calls: Kept::new(b'o'),
            alerts: 0,
            events: Vec::new(),
        }
    }

    pub(crate) fn capture(&mut self, call: Call) {
        let source = call.connector.as_str().into();
        self.events.push(Event::json(
            call.time,
            Room::Connectors,
            "connector",
            source,
            &call,
        ));
        self.calls.push(call);
    }

    pub(crate) fn drain_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
    }
}

/// The device and a short text of an alert, from the recording's `connector` event of a C2D
/// message; `None` for other events.
pub fn alert_of(event: &str) -> Option<(String, String)> {
    let call: Call = serde_json::from_str(event).ok()?;
    if call.connector != "c2d" {
        return None;
    }
    let (value, threshold) = (call.properties.get("CurrentValue")?, call.properties.get("ThresholdValue")?);
    let relation = if call.properties.get("Type")? == "LowTemperature" { "<" } else { ">" };
    Some((call.device, format!("{value} {relation} {threshold} °C")))
}
