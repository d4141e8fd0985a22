//! The application as its callers see it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use twinbench_engine::{Builder, Engine, Functions, Json, store::Row};
use twinbench_model::{EntityId, Epoch, Event, EventData, Record, Room, VirtualTime};

use crate::{
    connectors::{Call, Outbox, TO_DEVICE, TO_TWILIO},
    dead_letters::{DeadLetter, DeadLetters},
    device::NotificationData,
    dispatcher::{Ingest, ingest},
    entities::{STANDARD, StandardDeviceEntity, WEATHER, WeatherDeviceEntity, entity_name},
    notification::{self, SEND_NOTIFICATION, send_notification},
    rows::{self, RestoreError},
};

/// How the application is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether flat telemetry of the AZ3166 firmware is given the application's form.
    pub adapter: bool,
    /// The UTC instant of virtual time zero.
    pub epoch: Epoch,
}

/// What became of the messages since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Messages.
    pub messages: u64,
    /// Signals to entities.
    pub signalled: u64,
    /// Messages that are not for the aggregator.
    pub skipped: u64,
    /// Messages that could not be used.
    pub dead_letters: u64,
    /// Signalled messages whose device's clock was not believed.
    pub clocks_corrected: u64,
}

/// The application. See the [crate's description](crate).
#[derive(Debug)]
pub struct Application {
    options: Options,
    outbox: SharedOutbox,
    dead_letters: DeadLetters,
    counts: Counts,
    events: Vec<Event>,
}

/// The outbox: activities write it while the engine runs, on the engine's thread.
#[derive(Debug, Clone, Default)]
struct SharedOutbox(Arc<Mutex<Outbox>>);

impl SharedOutbox {
    fn lock(&self) -> MutexGuard<'_, Outbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Facts of a `function` event: one batch.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    function: &'static str,
    partition: u16,
    #[serde(flatten)]
    counts: Counts,
}

impl Application {
    /// An application with nothing in it.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            outbox: SharedOutbox::default(),
            dead_letters: DeadLetters::default(),
            counts: Counts::default(),
            events: Vec::new(),
        }
    }

    /// Registers entities, workflow and activities with an engine.
    #[must_use]
    pub fn register(&self, builder: Builder) -> Builder {
        builder.with_functions(|functions| self.functions(functions))
    }

    /// Adds entities, workflow and activities, for an engine here or elsewhere.
    #[must_use]
    pub fn functions(&self, functions: Functions) -> Functions {
        let (to_device, to_twilio) = (self.outbox.clone(), self.outbox.clone());
        let epoch = self.options.epoch;
        functions
            .entity::<StandardDeviceEntity>(STANDARD)
            .entity::<WeatherDeviceEntity>(WEATHER)
            .orchestration(SEND_NOTIFICATION, send_notification)
            .activity(TO_DEVICE, move |cx, input: NotificationData| {
                to_device
                    .lock()
                    .add(notification::message_to_device(cx, epoch, &input));
                Ok(())
            })
            .activity(TO_TWILIO, move |cx, input: NotificationData| {
                to_twilio
                    .lock()
                    .add(notification::message_to_twilio(cx, &input));
                Ok(())
            })
    }

    /// `IoTHubDispatcher`: takes a batch of messages of one partition, in their order.
    ///
    /// One that cannot be used goes to the dead letters; the others become signals.
    pub fn on_events(
        &mut self,
        engine: &mut Engine,
        partition: u16,
        batch: &[&EventData],
        now: VirtualTime,
    ) {
        let mut counts = Counts::default();
        for event in batch {
            counts.messages += 1;
            let refusal = match ingest(event, self.options.adapter, self.options.epoch) {
                Ingest::Telemetry {
                    telemetry,
                    clock_corrected,
                } => {
                    counts.clocks_corrected += u64::from(clock_corrected);
                    counts.signalled += 1;
                    let signalled =
                        EntityId::new(entity_name(&event.device), event.device.as_str())
                            .map_err(|cause| cause.to_string())
                            .and_then(|id| {
                                Ok((id, Json::of(&telemetry).map_err(|cause| cause.to_string())?))
                            })
                            .and_then(|(id, input)| {
                                let sent = engine.signal(&id, "TelemetryReceived", input, now);
                                sent.map_err(|cause| cause.to_string())
                            });
                    let Err(reason) = signalled else { continue };
                    counts.signalled -= 1;
                    reason
                }
                Ingest::Skipped => {
                    counts.skipped += 1;
                    continue;
                }
                Ingest::Refused(reason) => reason,
            };
            counts.dead_letters += 1;
            self.refuse(event, refusal, now);
        }
        let facts = Batch {
            function: "IoTHubDispatcher",
            partition,
            counts,
        };
        let source = format!("IoTHubDispatcher/{partition}").into();
        self.events.push(Event::json(
            now,
            Room::Functions,
            "function",
            source,
            &facts,
        ));
        self.counts.add(counts);
    }

    fn refuse(&mut self, event: &EventData, reason: String, now: VirtualTime) {
        tracing::warn!(device = %event.device, sequence = event.sequence_number, reason, "dead letter");
        let letter = DeadLetter::new(event, reason);
        let source = event.device.shared();
        self.events.push(Event::json(
            now,
            Room::Functions,
            "dead-letter",
            source,
            &letter,
        ));
        self.dead_letters.add(letter);
    }

    /// Messages that could not be used, oldest first.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.dead_letters
    }

    /// Calls of connectors, in the order in which they were made.
    pub fn outbox(&self) -> Vec<Call> {
        self.outbox.lock().calls().to_vec()
    }

    /// Alerts raised since the start.
    pub fn alerts(&self) -> u64 {
        self.outbox.lock().alerts()
    }

    /// What became of the messages since the start.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How the application was made.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Adds the changes of outbox and dead letters since the last call to `out`; to be committed
    /// together with the engine's.
    pub fn drain_records(&mut self, out: &mut Vec<Record>) {
        self.dead_letters.drain_records(out);
        self.outbox.lock().drain_records(out);
    }

    /// Moves the events since the last call to `out`.
    pub fn drain_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
        self.outbox.lock().drain_events(out);
    }

    /// Fills an application that was just made with what was stored.
    ///
    /// # Errors
    /// When a row is none of this version.
    pub fn restore(&mut self, rows: impl IntoIterator<Item = Row>) -> Result<(), RestoreError> {
        let mut rows: Vec<Row> = rows.into_iter().collect();
        rows.sort();
        for (key, value) in rows {
            let fail = |reason: String| RestoreError {
                key: key.escape_ascii().to_string(),
                reason,
            };
            match rows::parse_key(&key) {
                Some((rows::CALL, _)) => {
                    self.outbox
                        .lock()
                        .restore(rows::read(&value).map_err(fail)?);
                }
                Some((rows::DEAD_LETTER, number)) => {
                    self.dead_letters
                        .restore(number, rows::read(&value).map_err(fail)?);
                }
                _ => return Err(fail("its key is none of the application's".to_owned())),
            }
        }
        Ok(())
    }
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.signalled += more.signalled;
        self.skipped += more.skipped;
        self.dead_letters += more.dead_letters;
        self.clocks_corrected += more.clocks_corrected;
    }
}
