//! The application: its functions, registered with an engine, and what they keep.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use twinbench_engine::{Builder, Engine, Failure, Json};
use twinbench_model::{EntityId, Epoch, Event, EventData, Record, Room, VirtualTime};

use crate::{
    device::{CLOCK_AHEAD, NotificationData},
    entities::{STANDARD, StandardDeviceEntity, WEATHER, WeatherDeviceEntity, entity_name},
    outbox::{Call, DeadLetter, Kept, Outbox, RestoreError},
    telemetry::{Body, DeviceTelemetry},
    workflow::{self, SEND_NOTIFICATION, SEND_SMS, SEND_TO_DEVICE},
};

/// A device whose clock shows an earlier instant has not set it (2020-01-01T00:00:00Z).
const CLOCK_SET: i64 = 1_577_836_800;

/// How the application behaves.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Give flat firmware telemetry the application's `data` object.
    pub adapter: bool,
    /// The UTC instant of virtual time zero.
    pub epoch: Epoch,
}

/// The serverless application.
#[derive(Debug)]
pub struct Application {
    options: Options,
    outbox: Arc<Mutex<Outbox>>,
    dead: Kept<DeadLetter>,
    events: Vec<Event>,
    skipped: u64,
}

/// What the dispatcher makes of a message.
enum Dispatch {
    Signal(DeviceTelemetry),
    /// Not for the aggregator, and that is as it should be.
    Skip,
    Dead(String),
}

impl Application {
    /// An application without any state.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            outbox: Arc::new(Mutex::new(Outbox::new())),
            dead: Kept::new(b'd'),
            events: Vec::new(),
            skipped: 0,
        }
    }

    /// Registers entities, orchestrations and activities.
    #[must_use]
    pub fn register(&self, builder: Builder) -> Builder {
        let (to_device, by_sms) = (Arc::clone(&self.outbox), Arc::clone(&self.outbox));
        let epoch = self.options.epoch;
        builder
            .entity::<StandardDeviceEntity>(STANDARD)
            .entity::<WeatherDeviceEntity>(WEATHER)
            .orchestration(SEND_NOTIFICATION, workflow::send_notification)
            .activity(SEND_TO_DEVICE, move |cx, alert: NotificationData| {
                let mut outbox = lock(&to_device);
                outbox.alerts += 1;
                outbox.capture(to_device_call(cx.now(), epoch, &alert));
                Ok::<_, Failure>(())
            })
            .activity(SEND_SMS, move |cx, alert: NotificationData| {
                lock(&by_sms).capture(Call {
                    time: cx.now(),
                    connector: "sms".into(),
                    body: workflow::text(&alert),
                    to: alert.notification_number.unwrap_or_default(),
                    device: alert.device_id,
                    properties: BTreeMap::new(),
                    expires: None,
                });
                Ok::<_, Failure>(())
            })
    }

    /// The event-batch function (`IoTHubDispatcher`): each message of a batch becomes a signal.
    ///
    /// Repaired: a message that is of no use goes to the dead letters with its reason, and the rest
    /// of the batch goes on; the original loses the batch.
    pub fn on_events<'a>(
        &mut self,
        engine: &mut Engine,
        events: impl IntoIterator<Item = &'a EventData>,
        now: VirtualTime,
    ) {
        for event in events {
            let outcome = match self.dispatch(event) {
                Dispatch::Signal(telemetry) => signal(engine, event, &telemetry, now).err(),
                Dispatch::Skip => {
                    self.skipped += 1;
                    None
                }
                Dispatch::Dead(reason) => Some(reason),
            };
            if let Some(reason) = outcome {
                let facts = json!({
                    "partition": event.partition, "sequenceNumber": event.sequence_number, "reason": reason,
                });
                self.events.push(Event::json(
                    now,
                    Room::Functions,
                    "dead-letter",
                    event.device.shared(),
                    &facts,
                ));
                self.dead.push(DeadLetter {
                    enqueued: event.enqueued,
                    device: event.device.to_string(),
                    partition: event.partition,
                    sequence_number: event.sequence_number,
                    reason,
                });
            }
        }
    }

    fn dispatch(&self, event: &EventData) -> Dispatch {
        let body = match Body::parse(&event.message.body) {
            Ok(body) => body,
            Err(cause) => return Dispatch::Dead(cause.to_string()),
        };
        let authenticated = event.device.as_str();
        if let Some(claimed) = body
            .device_id
            .as_deref()
            .filter(|claimed| *claimed != authenticated)
        {
            return Dispatch::Dead(format!(
                "the body claims device {claimed:?}, but {authenticated:?} sent it"
            ));
        }
        let data = match (body.data, body.flat) {
            (Some(data), _) => Some(data),
            (None, Some(flat)) if self.options.adapter => Some(flat),
            // A motion sensor's message is not for the aggregator; without the adapter the flat
            // forms reach the entity without data, as they do in the original.
            (None, _) if self.options.adapter && body.motion => return Dispatch::Skip,
            (None, _) => None,
        };
        let enqueued = self.options.epoch.utc(event.enqueued);
        Dispatch::Signal(DeviceTelemetry {
            timestamp: believable(body.timestamp, enqueued),
            device_id: authenticated.to_owned(),
            device_name: body.device_name.unwrap_or_else(|| authenticated.to_owned()),
            data,
        })
    }

    /// Every call of the connectors, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.outbox).calls.all().to_vec()
    }

    /// Messages that were of no use, oldest first.
    pub fn dead_letters(&self) -> &[DeadLetter] {
        self.dead.all()
    }

    /// Messages of this session that were not for the aggregator.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Alerts of this session.
    pub fn alerts(&self) -> u64 {
        lock(&self.outbox).alerts
    }

    /// Moves what is to be stored to `out`.
    pub fn drain_records(&mut self, out: &mut Vec<Record>) {
        lock(&self.outbox).calls.drain_records(out);
        self.dead.drain_records(out);
    }

    /// Moves what happened to `out`.
    pub fn drain_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
        lock(&self.outbox).drain_events(out);
    }

    /// Takes back what was stored, rows in the order of their keys.
    ///
    /// # Errors
    /// When a row is of another version or damaged.
    pub fn restore(
        &mut self,
        rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<(), RestoreError> {
        for (key, value) in rows {
            let mut outbox = lock(&self.outbox);
            if !outbox.calls.restore(&key, &value)? && !self.dead.restore(&key, &value)? {
                return Err(RestoreError::Key);
            }
        }
        Ok(())
    }
}

/// A panic in an activity leaves the outbox as it was: it is only ever appended to.
fn lock(outbox: &Mutex<Outbox>) -> MutexGuard<'_, Outbox> {
    outbox.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The device's own time, or the hub's when the device's clock cannot be right: not set, or ahead.
/// (Repaired: the original drops the former and is stuck on the latter until time catches up.)
fn believable(timestamp: Option<Timestamp>, enqueued: Timestamp) -> Timestamp {
    let latest = enqueued
        .saturating_add(CLOCK_AHEAD)
        .unwrap_or(Timestamp::MAX);
    timestamp
        .filter(|it| it.as_second() >= CLOCK_SET && *it <= latest)
        .unwrap_or(enqueued)
}

fn signal(
    engine: &mut Engine,
    event: &EventData,
    telemetry: &DeviceTelemetry,
    now: VirtualTime,
) -> Result<(), String> {
    let id = EntityId::new(entity_name(&event.device), event.device.as_str())
        .map_err(|cause| cause.to_string())?;
    let input = Json::of(telemetry).map_err(|cause| cause.to_string())?;
    engine
        .signal(&id, "TelemetryReceived", input, now)
        .map_err(|cause| cause.to_string())
}

/// The cloud-to-device message of an alert: it expires after ten minutes.
fn to_device_call(now: VirtualTime, epoch: Epoch, alert: &NotificationData) -> Call {
    let properties = [
        ("CurrentValue", format!("{:.2}", alert.current_value)),
        ("ThresholdValue", format!("{:.2}", alert.threshold_value)),
        ("Type", format!("{:?}", alert.kind)),
    ];
    let expires = epoch
        .utc(now)
        .saturating_add(SignedDuration::from_mins(10))
        .unwrap_or(Timestamp::MAX);
    Call {
        time: now,
        connector: "c2d".into(),
        device: alert.device_id.clone(),
        to: alert.device_id.clone(),
        body: workflow::text(alert),
        properties: properties
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        expires: Some(expires.to_string()),
    }
}
