//! Faults between device and cloud, and crashes of the cloud: what a scenario or a search puts in.
//!
//! Messages of devices without firmware pass here on their way to the hub; those of firmware come
//! through its own MQTT connection, which a crash or missing Wi-Fi breaks. Whether a message is
//! concerned is drawn from the bench's seed, the device and the time, so a run can be repeated.

use std::collections::BTreeMap;

use serde_json::json;
use twinbench_engine::ClientFaults;
use twinbench_hub::{
    HubOutput,
    faults::{Fault, FaultId, FaultKind},
};
use twinbench_machine::{NetworkEvent, generator::Key};
use twinbench_model::{DeviceId, Event, Message, Room, VirtualDuration, VirtualTime};
use twinbench_serverless::connectors::faults::ConnectorFault;

use super::{
    Error, Session,
    open::{checkpoints, rooms},
};

/// A fault of messages while it lasts.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageFault {
    /// What happens to them.
    pub kind: MessageFaultKind,
    /// Whose: a device's id or a pattern with `*`; `None`: everybody's.
    pub device: Option<String>,
    /// How likely each is concerned, 0 to 1.
    pub probability: f64,
    /// How late they come, for those that come late.
    pub by: VirtualDuration,
}

/// What happens to messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFaultKind {
    /// They are lost before the hub.
    Drop,
    /// The hub takes them twice.
    Duplicate,
    /// They come late, in order.
    Delay,
    /// They come late, each by a time of its own.
    Reorder,
    /// Their batch is given to the function twice.
    Redeliver,
}

/// When the cloud process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// Before the next commit: what it would have held is lost.
    BeforeCommit,
    /// After the next commit, before anything of it leaves: nobody hears that it was done.
    AfterCommit,
}

/// Faults that are under way.
#[derive(Debug, Default)]
pub(super) struct Faults {
    seed: u64,
    active: BTreeMap<usize, MessageFault>,
    late: BTreeMap<(VirtualTime, u64), (DeviceId, Message)>,
    made: u64,
    crash: Option<CrashPoint>,
    /// Faults of the hub, which a crash of the cloud does not end.
    hub: BTreeMap<usize, (Fault, FaultId)>,
    /// Faults of connectors, which a crash of the cloud does not end either.
    pub(super) connectors: BTreeMap<usize, ConnectorFault>,
    /// How often the cloud process has ended.
    crashes: u64,
    /// What happens to signals of the function, for the whole run.
    pub(super) clients: ClientFaults,
}

impl Faults {
    pub(super) fn new(seed: u64, clients: ClientFaults) -> Self {
        Self {
            seed,
            clients,
            ..Self::default()
        }
    }

    /// When the next late message comes.
    pub(super) fn next_due(&self) -> Option<VirtualTime> {
        self.late.keys().next().map(|(time, _)| *time)
    }

    pub(super) fn take_crash(&mut self) -> Option<CrashPoint> {
        self.crash.take()
    }

    /// A number in [0, 1) for a fault, a device and a time.
    fn draw(&self, device: &DeviceId, what: &str, number: usize, now: VirtualTime) -> f64 {
        let key = Key {
            seed: self.seed,
            device: device.clone(),
        };
        key.quantity(&format!("fault {what} {number}")).at(now)
    }

    /// Whether the batch is to be given out a second time.
    pub(super) fn redeliver(&self, partition: u16, now: VirtualTime) -> bool {
        self.active.iter().any(|(number, fault)| {
            fault.kind == MessageFaultKind::Redeliver
                && DeviceId::new(&format!("partition-{partition}"))
                    .is_ok_and(|id| self.draw(&id, "redeliver", *number, now) < fault.probability)
        })
    }

    fn late(&mut self, due: VirtualTime, device: &DeviceId, message: Message) {
        self.late
            .insert((due, self.made), (device.clone(), message));
        self.made += 1;
    }
}

impl Session {
    /// Begins a fault of messages; `number` tells faults apart that overlap.
    pub fn begin_fault(&mut self, number: usize, fault: MessageFault) {
        let facts = json!({"begins": format!("{fault:?}")});
        self.note("fault", &number.to_string(), &facts);
        self.faults.active.insert(number, fault);
    }

    /// Ends a fault of messages. What is late still comes.
    pub fn end_fault(&mut self, number: usize) {
        if self.faults.active.remove(&number).is_some() {
            self.note("fault", &number.to_string(), &json!({"ends": true}));
        }
    }

    /// Begins a fault between a device and the hub, which acts on its connections; `number` tells
    /// faults apart that overlap. Messages of devices without a connection are lost while they
    /// could not reach the hub.
    ///
    /// # Errors
    /// When what it changed cannot be committed.
    pub(crate) fn begin_hub_fault(
        &mut self,
        number: usize,
        kind: FaultKind,
        device: Option<String>,
    ) -> Result<(), Error> {
        let fault = Fault {
            kind,
            device,
            lasts: None,
        };
        let begun = self.hub.begin_fault(fault.clone(), self.now);
        if kind != FaultKind::ForceDisconnect {
            self.faults.hub.insert(number, (fault, begun));
        }
        self.answer_now()
    }

    /// Ends a fault between a device and the hub.
    ///
    /// # Errors
    /// As [`Session::begin_hub_fault`].
    pub(crate) fn end_hub_fault(&mut self, number: usize) -> Result<(), Error> {
        if let Some((_, begun)) = self.faults.hub.remove(&number) {
            self.hub.end_fault(begun, self.now);
        }
        self.answer_now()
    }

    /// How often the cloud process has ended.
    pub(crate) fn crashes(&self) -> u64 {
        self.faults.crashes
    }

    /// Whether a fault of the hub keeps a device away from it.
    fn is_cut_off(&self, device: &DeviceId) -> bool {
        self.hub.faults().any(|(_, fault)| {
            let cuts = matches!(
                fault.kind,
                FaultKind::NetworkDrop
                    | FaultKind::HalfOpen
                    | FaultKind::RejectAuthentication
                    | FaultKind::ServerRestart
            );
            cuts && fault.acts_on(device.as_str())
        })
    }

    /// Lets the cloud process end at its next commit and start again from its durable state.
    pub fn crash_at_commit(&mut self, point: CrashPoint) {
        self.note("fault", "crash", &json!({"at": format!("{point:?}")}));
        self.faults.crash = Some(point);
        // Even when nothing else happens, the next step is to commit.
        self.uncommitted = self.uncommitted.max(self.commit_every);
    }

    /// A whole message of a device without a connection of its own goes to the hub, or where the
    /// faults send it.
    pub(super) fn send(&mut self, device: &DeviceId, message: Message, now: VirtualTime) {
        let mut copies = 1u32;
        let mut late = None;
        let concerned: Vec<(usize, MessageFault)> = self
            .faults
            .active
            .iter()
            .filter(|(_, fault)| {
                let pattern = fault.device.as_deref().unwrap_or("*");
                twinbench_scenario::plan::fits(pattern, device.as_str())
            })
            .map(|(number, fault)| (*number, fault.clone()))
            .collect();
        for (number, fault) in concerned {
            let name = format!("{:?}", fault.kind);
            if self.faults.draw(device, &name, number, now) >= fault.probability {
                continue;
            }
            match fault.kind {
                MessageFaultKind::Drop => copies = 0,
                MessageFaultKind::Duplicate => copies *= 2,
                MessageFaultKind::Delay => late = Some(fault.by),
                MessageFaultKind::Reorder => {
                    let part = self.faults.draw(device, "by", number, now);
                    let by = VirtualDuration::from_secs_f64(fault.by.as_secs_f64() * part);
                    late = Some(by);
                }
                MessageFaultKind::Redeliver => {}
            }
        }
        if self.is_cut_off(device) {
            copies = 0;
        }
        if copies != 1 || late.is_some() {
            let by = late.map(|by| by.to_string());
            self.note(
                "decision",
                device.as_str(),
                &json!({"copies": copies, "late": by}),
            );
        }
        let mut give = |message: Message| match late {
            Some(by) => self.faults.late(now.saturating_add(by), device, message),
            None => self.give(device, message, now),
        };
        for _ in 1..copies {
            give(message.clone());
        }
        if copies > 0 {
            give(message);
        }
    }

    /// Late messages that are due reach the hub.
    pub(super) fn publish_late(&mut self) {
        while let Some(entry) = self.faults.late.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (device, message) = entry.remove();
            self.give(&device, message, self.now);
        }
    }

    fn give(&mut self, device: &DeviceId, message: Message, now: VirtualTime) {
        if let Err(refusal) = self.hub.publish(device, message, now) {
            self.work.events.push(Event::json(
                now,
                Room::Hub,
                "refused",
                device.shared(),
                &json!({"reason": refusal.to_string()}),
            ));
        }
    }

    /// The cloud process ends: what was not committed is gone, connections break, and the rooms
    /// start again from the store.
    pub(super) fn crash(&mut self) -> Result<(), Error> {
        let (hub, engine, application) =
            rooms(&self.file, self.store.as_mut(), self.faults.clients)?;
        self.partitions_read = checkpoints(&hub);
        self.hub = hub;
        self.engine = engine;
        self.application = application;
        self.uncommitted = 0;
        self.work.records.clear();
        self.work.hub.clear();
        for ((slot, connection), _) in self.network.clear() {
            let reason = "the server ended".to_owned();
            self.tell(slot, NetworkEvent::Closed { connection, reason })?;
        }
        // Programs outside hear it as their sockets close; those of a test have none.
        self.work
            .sockets
            .retain(|output| !matches!(output, HubOutput::Send { .. }));
        self.note("crash", "cloud", &json!({}));
        self.faults.crashes += 1;
        let hub = &mut self.hub;
        for (fault, begun) in self.faults.hub.values_mut() {
            *begun = hub.begin_fault(fault.clone(), self.now);
        }
        for (number, fault) in &self.faults.connectors {
            self.application.begin_fault(*number, fault.clone());
        }
        self.full_queues.clear();
        self.settle()?;
        self.commit_now()
    }
}
