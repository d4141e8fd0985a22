//! The application as its callers see it.

use std::sync::Arc;

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;
use twinbench_engine::{ActivityContext, Builder, Engine, Failure, Functions, Json, store::Row};
use twinbench_model::{EntityId, Epoch, Event, EventData, Record, Room, VirtualTime};

use crate::{
    capture::{self, SAVE_CAPTURE, Saved, StorageCaptureData, save_capture},
    connectors::{
        Call, Connectors, Receipt, SAVE_CAPTURE_DATA, SendError, SharedOutbox, TO_DEVICE, TO_MAIL,
        TO_TWILIO, TO_WEBHOOK, faults::ConnectorFault,
    },
    dead_letters::{DeadLetter, DeadLetters},
    device::NotificationData,
    dispatcher::{Ingest, Rules, ingest},
    entities::{STANDARD, StandardDeviceEntity, WEATHER, WeatherDeviceEntity, entity_name_of},
    notification::{self, SEND_NOTIFICATION, Ways, send_notification},
    profile::{Profile, Source, Treatment},
    rows::{self, RestoreError},
    twins::{self, ForTwin, TwinState, TwinType},
};

/// How the application is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether flat telemetry of the AZ3166 firmware is given the application's form.
    pub adapter: bool,
    /// The UTC instant of virtual time zero.
    pub epoch: Epoch,
    /// Repaired, or with the original's defects.
    pub profile: Profile,
    /// Where the messages come from.
    pub source: Source,
    /// What the clock of the original's host shows at virtual time zero; `None`: the epoch. The
    /// repaired application knows no clock but the bench's.
    pub host_clock: Option<Timestamp>,
    /// Who really makes the calls of connectors, if anybody.
    pub connectors: Connectors,
    /// Types of twins from files; the first that has a device is its.
    pub twins: Vec<Arc<TwinType>>,
}

impl Options {
    /// The repaired application with the adapter, behind an IoT Hub; every call is captured.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            adapter: true,
            epoch,
            profile: Profile::Repaired,
            source: Source::IotHub,
            host_clock: None,
            connectors: Connectors::captured(),
            twins: Vec::new(),
        }
    }

    /// The name of a device's entity.
    pub fn entity_name(&self, device: &str) -> &str {
        let twin = self.twins.iter().find(|it| it.is_of(device));
        twin.map_or_else(|| entity_name_of(device), |it| it.name())
    }

    /// The original as it was: with its defects, and without an adapter.
    pub fn original(epoch: Epoch) -> Self {
        Self {
            adapter: false,
            profile: Profile::Original,
            ..Self::new(epoch)
        }
    }
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
    /// Messages that are gone because the invocation failed (original only).
    #[serde(skip_serializing_if = "is_zero")]
    pub lost: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
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

/// Facts of a `function` event: one batch.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Batch<'a> {
    function: &'static str,
    partition: u16,
    #[serde(flatten)]
    counts: Counts,
    /// What ended the invocation before its last message.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// So many messages are worth more than one thread.
const SIDE_BY_SIDE: usize = 64;

/// A message as read.
enum Read {
    /// It is for an entity, if its id may be a key.
    Signal {
        entity: Result<EntityId, String>,
        input: Result<Json, Failure>,
        clock_corrected: bool,
    },
    /// It is not for the aggregator.
    Skipped,
    /// It cannot be used.
    Refused(String),
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
        let Options {
            epoch,
            profile,
            host_clock,
            ..
        } = self.options;
        let treatment = Arc::new(Treatment::new(profile, host_clock, epoch));
        let connectors = &self.options.connectors;
        let ways = Ways {
            profile,
            mail: connectors.mail_to.is_some(),
            webhook: connectors.webhook.is_some(),
        };
        let functions = functions
            .entity_with::<StandardDeviceEntity>(STANDARD, treatment.clone())
            .entity_with::<WeatherDeviceEntity>(WEATHER, treatment)
            .orchestration(SEND_NOTIFICATION, move |cx, input| {
                send_notification(ways, cx, input)
            })
            .orchestration(SAVE_CAPTURE, move |cx, input| {
                save_capture(profile, cx, input)
            });
        let functions = self
            .options
            .twins
            .iter()
            .rev()
            .fold(functions, |all, twin| {
                all.entity_with::<TwinState>(twin.name(), twin.clone())
            });
        let functions = self.activity(functions, TO_DEVICE, move |cx, input| {
            Ok(notification::message_to_device(cx, epoch, input))
        });
        let functions = self.activity(functions, TO_TWILIO, |cx, input| {
            Ok(notification::message_to_twilio(cx, input))
        });
        let mail_to = connectors.mail_to.clone().unwrap_or_default();
        let functions = self.activity(functions, TO_MAIL, move |cx, input| {
            Ok(notification::mail(cx, &mail_to, input))
        });
        let url = connectors.webhook.clone().unwrap_or_default();
        let functions = self.activity(functions, TO_WEBHOOK, move |cx, input| {
            notification::webhook(cx, &url, input)
        });
        self.save(functions)
    }

    /// An activity of the alert workflow: captured within the commit, or sent after it.
    fn activity(
        &self,
        functions: Functions,
        name: &str,
        call: impl Fn(&ActivityContext, &NotificationData) -> Result<Call, Failure>
        + Send
        + Sync
        + 'static,
    ) -> Functions {
        let outbox = self.outbox.clone();
        match self.options.connectors.of(name).cloned() {
            None => functions.activity(name, move |cx, input: NotificationData| {
                outbox.capture(call(cx, &input)?)
            }),
            Some(connector) => functions.async_activity(name, move |cx, input| {
                let (outbox, connector) = (outbox.clone(), Arc::clone(&connector));
                let call = call(&cx, &input);
                async move { outbox.send(connector, call?).await }
            }),
        }
    }

    /// `SaveCaptureData`: the original says that it failed, and nobody listens.
    fn save(&self, functions: Functions) -> Functions {
        let Options { epoch, profile, .. } = self.options;
        let named =
            move |outbox: &SharedOutbox, cx: &ActivityContext, data: &StorageCaptureData| {
                let mut call = capture::file_of(cx, epoch, data);
                let outbox = outbox.lock();
                if outbox.has_file(&call.to) {
                    if profile.is_original() {
                        let reason = format!("the blob {} exists", call.to);
                        return Err(SendError::Refused(reason));
                    }
                    let stem = call.to.trim_end_matches(".csv").to_owned();
                    call.to = (2..=u32::MAX)
                        .map(|n| format!("{stem}-{n}.csv"))
                        .find(|name| !outbox.has_file(name))
                        .unwrap_or(call.to);
                }
                Ok(call)
            };
        let answer = move |saved: Result<Receipt, Failure>| match saved {
            Ok(receipt) => Ok(Saved {
                saved: true,
                receipt,
            }),
            Err(_) if profile.is_original() => Ok(Saved {
                saved: false,
                receipt: Receipt::default(),
            }),
            Err(failure) => Err(failure),
        };
        let outbox = self.outbox.clone();
        match self.options.connectors.of(SAVE_CAPTURE_DATA).cloned() {
            None => functions.activity(SAVE_CAPTURE_DATA, move |cx, data: StorageCaptureData| {
                answer(match named(&outbox, cx, &data) {
                    Ok(call) => outbox.capture(call),
                    Err(error) => Err(error.into()),
                })
            }),
            Some(connector) => {
                functions.async_activity(SAVE_CAPTURE_DATA, move |cx, data: StorageCaptureData| {
                    let (outbox, connector) = (outbox.clone(), Arc::clone(&connector));
                    let call = named(&outbox, &cx, &data);
                    async move {
                        answer(match call {
                            Ok(call) => outbox.send(connector, call).await,
                            Err(error) => Err(error.into()),
                        })
                    }
                })
            }
        }
    }

    /// `IoTHubDispatcher`: takes a batch of messages of one partition, in their order.
    ///
    /// One that cannot be used goes to the dead letters; the others become signals. In the
    /// original the first that cannot be used ends the invocation, and the rest of the batch is
    /// gone: its checkpoint is taken all the same.
    pub fn on_events(
        &mut self,
        engine: &mut Engine,
        partition: u16,
        batch: &[&EventData],
        now: VirtualTime,
    ) {
        let read = batch.iter().map(|event| self.read(event)).collect();
        self.dispatch(engine, partition, batch, read, now);
    }

    /// The same for batches of several partitions: their messages are read side by side, and what
    /// comes of them is done in the order of the batches. The outcome is that of
    /// [`Application::on_events`], one batch after the other.
    pub fn on_batches(
        &mut self,
        engine: &mut Engine,
        batches: &[(u16, Vec<&EventData>)],
        now: VirtualTime,
    ) {
        let messages: usize = batches.iter().map(|(_, batch)| batch.len()).sum();
        if messages < SIDE_BY_SIDE {
            for (partition, batch) in batches {
                self.on_events(engine, *partition, batch, now);
            }
            return;
        }
        let read: Vec<Vec<Read>> = batches
            .par_iter()
            .map(|(_, batch)| batch.iter().map(|event| self.read(event)).collect())
            .collect();
        for ((partition, batch), read) in batches.iter().zip(read) {
            self.dispatch(engine, *partition, batch, read, now);
        }
    }

    /// Reads a message, without a look at any state.
    fn read(&self, event: &EventData) -> Read {
        let rules = Rules {
            adapter: self.options.adapter,
            profile: self.options.profile,
            source: self.options.source,
            epoch: self.options.epoch,
        };
        let device = event.device.as_str();
        match self.options.twins.iter().find(|it| it.is_of(device)) {
            Some(twin) => match twins::ingest(twin, event, &rules) {
                ForTwin::Telemetry(telemetry, clock_corrected) => Read::Signal {
                    entity: EntityId::new(twin.name(), &telemetry.device_id)
                        .map_err(|cause| cause.to_string()),
                    input: Json::of(&telemetry),
                    clock_corrected,
                },
                ForTwin::Skipped => Read::Skipped,
                ForTwin::Refused(reason) => Read::Refused(reason),
            },
            None => match ingest(event, &rules) {
                Ingest::Telemetry {
                    telemetry,
                    clock_corrected,
                } => {
                    let device = telemetry.device_id.as_str();
                    Read::Signal {
                        entity: EntityId::new(entity_name_of(device), device)
                            .map_err(|cause| cause.to_string()),
                        input: Json::of(&telemetry),
                        clock_corrected,
                    }
                }
                Ingest::Skipped => Read::Skipped,
                Ingest::Refused(reason) => Read::Refused(reason),
            },
        }
    }

    fn dispatch(
        &mut self,
        engine: &mut Engine,
        partition: u16,
        batch: &[&EventData],
        read: Vec<Read>,
        now: VirtualTime,
    ) {
        let mut counts = Counts::default();
        let mut error = None;
        for (event, read) in batch.iter().zip(read) {
            counts.messages += 1;
            let refusal = match read {
                Read::Signal {
                    entity,
                    input,
                    clock_corrected,
                } => {
                    let signalled = entity.and_then(|entity| {
                        let input = input.map_err(|cause| cause.to_string())?;
                        let sent = engine.signal(&entity, "TelemetryReceived", input, now);
                        sent.map_err(|cause| cause.to_string())
                    });
                    let Err(reason) = signalled else {
                        counts.clocks_corrected += u64::from(clock_corrected);
                        counts.signalled += 1;
                        continue;
                    };
                    reason
                }
                Read::Skipped => {
                    counts.skipped += 1;
                    continue;
                }
                Read::Refused(reason) => reason,
            };
            if self.options.profile.is_original() {
                counts.lost = batch.len() as u64 - counts.messages + 1;
                counts.messages = batch.len() as u64;
                tracing::warn!(device = %event.device, reason = refusal, lost = counts.lost, "the invocation failed");
                error = Some(refusal);
                break;
            }
            counts.dead_letters += 1;
            self.refuse(event, refusal, now);
        }
        let facts = Batch {
            function: "IoTHubDispatcher",
            partition,
            counts,
            error: error.as_deref(),
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
        if self.dead_letters.has(event) {
            // It was delivered before.
            return;
        }
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

    /// Lets a connector be down, refuse, or be slow, until [`Application::end_fault`]; `number`
    /// tells faults apart that overlap.
    pub fn begin_fault(&mut self, number: usize, fault: ConnectorFault) {
        self.outbox.begin_fault(number, fault);
    }

    /// Ends a fault of connectors.
    pub fn end_fault(&mut self, number: usize) {
        self.outbox.end_fault(number);
    }

    /// Says why a device can be sent no messages at present, or that it can again.
    pub fn refuse_device(&mut self, device: &str, reason: Option<String>) {
        self.outbox.lock().refuse_device(device, reason);
    }

    /// Moves the messages for devices since the last call to `out`: the hub's queues are where
    /// they go next.
    pub fn drain_for_devices(&mut self, out: &mut Vec<Call>) {
        self.outbox.lock().drain_for_devices(out);
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
        self.lost += more.lost;
    }
}
