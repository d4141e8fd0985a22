//! What the application sends to the world outside: the calls as data, in the same commit as the
//! workflow that asked for them, and who really makes them, if anybody does.
//!
//! Without a [`Connector`] of its own a call is *captured*: kept, and taken for done. That is the
//! default, and works offline.

pub mod faults;
pub mod net;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use twinbench_engine::{ActivityContext, Failure, OrchestrationContext, RetryPolicy};
use twinbench_model::{Event, Record, Room, VirtualDuration, VirtualTime};

use crate::rows;
use faults::{ConnectorFault, Faults};

/// The activity that sends a message to a device.
pub const TO_DEVICE: &str = "SendMessageToDevice";
/// The activity that sends an SMS.
pub const TO_TWILIO: &str = "SendMessageToTwilio";
/// The activity that sends an e-mail; not in the original.
pub const TO_MAIL: &str = "SendMessageByMail";
/// The activity that calls a webhook; not in the original.
pub const TO_WEBHOOK: &str = "CallWebhook";
/// The activity that saves readings as a CSV file.
pub const SAVE_CAPTURE_DATA: &str = "SaveCaptureData";

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
    /// Whom it goes to: the device's id, a telephone number, an address, or the name of a file.
    pub to: String,
    /// What it says.
    pub text: String,
    /// Properties of the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// After when it is of no use, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<String>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Call {
    /// A call of an activity about a device, with nothing to say yet.
    pub(crate) fn of(cx: &ActivityContext, device: &str) -> Self {
        Self {
            key: cx.idempotency_key(),
            time: cx.now(),
            connector: cx.name().to_owned(),
            device: device.to_owned(),
            to: String::new(),
            text: String::new(),
            properties: BTreeMap::new(),
            expiry: None,
            error: None,
        }
    }
}

/// Why a call could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody answered, or the answer says that it may be better later.
    #[error("{0}")]
    Unreachable(String),
    /// It will never be taken as it is.
    #[error("{0}")]
    Refused(String),
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Unreachable(reason) => Self::new("ConnectorUnreachable", reason),
            SendError::Refused(reason) => Self::new("ConnectorRefused", reason).final_one(),
        }
    }
}

/// What comes of a call, later.
pub type Sending = Pin<Box<dyn Future<Output = Result<(), SendError>> + Send>>;

/// Somebody who really makes calls. It is asked after the commit of what caused the call, and
/// again when the process ended before the answer was committed: [`Call::key`] tells.
pub trait Connector: fmt::Debug + Send + Sync {
    /// Makes a call.
    fn send(&self, call: Call) -> Sending;
}

/// Who makes the calls of which activity; the others are captured.
#[derive(Debug, Clone, Default)]
pub struct Connectors {
    /// By the activity.
    pub by_activity: BTreeMap<String, Arc<dyn Connector>>,
    /// Where alerts are mailed to; no mail without it.
    pub mail_to: Option<String>,
    /// Which webhook is told of alerts; none without it.
    pub webhook: Option<String>,
}

impl Connectors {
    /// Everything is captured.
    pub fn captured() -> Self {
        Self::default()
    }

    /// Lets somebody make the calls of an activity.
    #[must_use]
    pub fn with(mut self, activity: &str, connector: Arc<dyn Connector>) -> Self {
        self.by_activity.insert(activity.to_owned(), connector);
        self
    }

    /// Who makes the calls of an activity; `None` when they are captured.
    pub fn of(&self, activity: &str) -> Option<&Arc<dyn Connector>> {
        self.by_activity.get(activity)
    }

    /// Activities whose calls really leave.
    pub fn sending(&self) -> impl Iterator<Item = &str> {
        self.by_activity.keys().map(String::as_str)
    }
}

/// What an activity says of a call that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    /// How much later than now the answer comes, in nanoseconds of virtual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) late: Option<u64>,
}

/// A slow connector's answer comes when it comes.
pub(crate) async fn wait_for(cx: &OrchestrationContext, receipt: Receipt) -> Result<(), Failure> {
    match receipt.late {
        Some(nanos) => cx.timer(VirtualDuration::from_nanos(nanos)).await,
        None => Ok(()),
    }
}

/// How often a call is tried: at once, and 10, 20, 40 and 80 seconds later.
pub(crate) const fn attempts() -> RetryPolicy {
    let mut policy = RetryPolicy::new(5, VirtualDuration::from_secs(10));
    policy.backoff = 2.0;
    policy
}

/// Calls in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    calls: Vec<Call>,
    keys: BTreeSet<String>,
    /// Workflows that wanted to tell a device something: one for each alert.
    alerted: BTreeSet<String>,
    /// Files that were written, by activity and name.
    files: BTreeSet<String>,
    /// Messages for devices that wait for the hub.
    for_devices: Vec<Call>,
    /// Devices whose queue takes no messages, and why.
    refused: BTreeMap<String, String>,
    faults: Faults,
    records: Vec<Record>,
    events: Vec<Event>,
}

impl Outbox {
    /// Keeps a call, unless it is one that was done over.
    fn add(&mut self, call: Call) {
        if !self.keys.insert(call.key.clone()) {
            return;
        }
        if call.connector == TO_DEVICE {
            let instance = call.key.split(':').next().unwrap_or_default();
            if !self.alerted.contains(instance) {
                self.alerted.insert(instance.to_owned());
            }
        }
        let source: Arc<str> = call.device.as_str().into();
        let kind = if call.error.is_none() {
            "connector"
        } else {
            "connector-failed"
        };
        self.events.push(Event::json(
            call.time,
            Room::Connectors,
            kind,
            source,
            &call,
        ));
        let record = rows::put(rows::CALL, self.calls.len() as u64, &call);
        self.records.push(record);
        if call.error.is_none() {
            if call.connector == TO_DEVICE {
                self.for_devices.push(call.clone());
            }
            if call.connector == SAVE_CAPTURE_DATA {
                self.files.insert(call.to.clone());
            }
        }
        self.calls.push(call);
    }

    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(crate) fn alerts(&self) -> u64 {
        self.alerted.len() as u64
    }

    pub(crate) fn drain_records(&mut self, out: &mut Vec<Record>) {
        out.append(&mut self.records);
    }

    pub(crate) fn drain_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
    }

    pub(crate) fn drain_for_devices(&mut self, out: &mut Vec<Call>) {
        out.append(&mut self.for_devices);
    }

    pub(crate) fn refuse_device(&mut self, device: &str, reason: Option<String>) {
        match reason {
            Some(reason) => self.refused.insert(device.to_owned(), reason),
            None => self.refused.remove(device),
        };
    }

    /// What happens to a call: the reason why it fails, or how late its answer comes.
    fn fate(&self, call: &Call) -> Result<VirtualDuration, String> {
        if call.connector == TO_DEVICE
            && let Some(reason) = self.refused.get(&call.device)
        {
            return Err(reason.clone());
        }
        self.faults.of(&call.connector, &call.device)
    }

    /// Whether a file of that name was written.
    pub(crate) fn has_file(&self, name: &str) -> bool {
        self.files.contains(name)
    }

    /// Puts a stored call back; they come in the order of their numbers.
    pub(crate) fn restore(&mut self, call: Call) {
        self.keys.insert(call.key.clone());
        if call.connector == SAVE_CAPTURE_DATA && call.error.is_none() {
            self.files.insert(call.to.clone());
        }
        self.calls.push(call);
    }
}

/// The outbox: activities write it while the engine runs, on the engine's thread or after.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedOutbox(Arc<Mutex<Outbox>>);

impl SharedOutbox {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Outbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin_fault(&self, number: usize, fault: ConnectorFault) {
        self.lock().faults.begin(number, fault);
    }

    pub(crate) fn end_fault(&self, number: usize) {
        self.lock().faults.end(number);
    }

    /// Keeps a call that is captured, or fails as the faults want it.
    pub(crate) fn capture(&self, call: Call) -> Result<Receipt, Failure> {
        let late = self.meet_faults(&call)?;
        self.lock().add(call);
        Ok(late)
    }

    /// Lets somebody make a call, and keeps it with what came of it.
    pub(crate) async fn send(
        self,
        connector: Arc<dyn Connector>,
        call: Call,
    ) -> Result<Receipt, Failure> {
        let late = self.meet_faults(&call)?;
        if self.lock().keys.contains(&call.key) {
            // It was made, and the process ended before that was committed.
            return Ok(late);
        }
        match connector.send(call.clone()).await {
            Ok(()) => {
                self.lock().add(call);
                Ok(late)
            }
            Err(error) => {
                self.lock().add(Call {
                    error: Some(error.to_string()),
                    ..call
                });
                Err(error.into())
            }
        }
    }

    fn meet_faults(&self, call: &Call) -> Result<Receipt, Failure> {
        let mut outbox = self.lock();
        match outbox.fate(call) {
            Ok(VirtualDuration::ZERO) => Ok(Receipt::default()),
            Ok(late) => Ok(Receipt {
                late: Some(late.as_nanos()),
            }),
            Err(reason) => {
                outbox.add(Call {
                    error: Some(reason.clone()),
                    ..call.clone()
                });
                Err(SendError::Unreachable(reason).into())
            }
        }
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
