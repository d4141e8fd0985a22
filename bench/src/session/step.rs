//! The stepping loop: machines → hub → functions → engine → answers, one quantum at a time.

use serde_json::json;
use twinbench_hub::{HubOutput, log::DEFAULT_GROUP, net::NetEvent};
use twinbench_machine::{
    NetworkEvent, NetworkRequest, Output, OutputKind, QUANTUM, Stimulus, Wake,
};
use twinbench_model::{Event, EventData, Payload, Record, Room, VirtualTime};

use super::{CrashPoint, DataFolder, Error, Session, fleet::SlotOutput, network};

/// How many messages the event-batch function is given at once (host.json: maxEventBatchSize).
const BATCH: usize = 10;

/// Buffers that live from step to step, and counters.
#[derive(Default)]
pub(super) struct Work {
    pub(super) messages: u64,
    pub(super) commits: u64,
    pub(super) steps: u64,
    outputs: Vec<SlotOutput>,
    pub(super) records: Vec<Record>,
    pub(super) hub: Vec<HubOutput>,
    pub(super) events: Vec<Event>,
    /// What is to leave through sockets, in order; the server takes it after the commit.
    pub(super) sockets: Vec<HubOutput>,
    /// The latest event that the recording has.
    told: VirtualTime,
}

impl Session {
    /// When the next step would end: the end of the quantum in which something happens next,
    /// and never later than `limit`.
    ///
    /// Quanta lie on a fixed grid, so the result does not depend on how often somebody asks.
    pub fn next_step(&self, limit: VirtualTime) -> VirtualTime {
        let timer = self.next_timer();
        let next = match (self.fleet.next_wake(), timer) {
            (Wake::Busy, _) => self.now,
            (Wake::At(wake), Some(timer)) => wake.min(timer),
            (Wake::At(wake), None) => wake,
            (Wake::Never, Some(timer)) => timer,
            (Wake::Never, None) => return limit,
        };
        let quantum = QUANTUM.as_nanos();
        let end = next.max(self.now).as_nanos() / quantum * quantum;
        VirtualTime::from_nanos(end.saturating_add(quantum)).min(limit)
    }

    /// Runs up to `end`.
    ///
    /// # Errors
    /// When a machine fails, or store or recording cannot be written; what was committed stays.
    pub fn run_until(&mut self, end: VirtualTime) -> Result<(), Error> {
        while self.now < end {
            self.step(self.next_step(end))?;
        }
        Ok(())
    }

    /// One step: up to `end`, everything that happens on the way in order of its time.
    ///
    /// # Errors
    /// As [`Session::run_until`].
    pub fn step(&mut self, end: VirtualTime) -> Result<(), Error> {
        self.work.steps += 1;
        let mut outputs = std::mem::take(&mut self.work.outputs);
        self.fleet.run_until(end, &mut outputs)?;
        for SlotOutput { slot, output } in outputs.drain(..) {
            self.timers_until(output.time)?;
            self.now = self.now.max(output.time);
            self.machine_output(slot, output)?;
        }
        self.work.outputs = outputs;
        self.timers_until(end)?;
        self.now = end;
        self.settle()?;
        for (slot, connection) in std::mem::take(&mut self.network.opened) {
            self.tell(slot, NetworkEvent::Opened { connection })?;
        }
        self.deliver()?;
        self.hub.drain_outputs(&mut self.work.hub);
        if !self.work.hub.is_empty() || self.uncommitted >= self.commit_every {
            self.commit()?;
            self.hand_out()?;
        }
        self.scribe_events(end)
    }

    /// When hub, engine or a late message has something to do next.
    fn next_timer(&self) -> Option<VirtualTime> {
        let timers = [
            self.hub.next_timer(),
            self.engine.next_timer(),
            self.faults.next_due(),
        ];
        timers.into_iter().flatten().min()
    }

    /// Fires the timers of hub and engine that are due up to `time`, each at its own time.
    pub(super) fn timers_until(&mut self, time: VirtualTime) -> Result<(), Error> {
        loop {
            let Some(due) = self.next_timer().filter(|due| *due <= time) else {
                return Ok(());
            };
            self.now = self.now.max(due);
            self.publish_late();
            self.hub.tick(self.now);
            self.settle()?;
        }
    }

    /// What came out of a machine goes its way: bytes to the recording, requests to the hub.
    fn machine_output(&mut self, slot: usize, output: Output) -> Result<(), Error> {
        let source = self.fleet.id(slot).shared();
        let now = output.time;
        let _span = tracing::debug_span!("device", device = %source, at = %now).entered();
        let event = match output.kind {
            OutputKind::Uart { port, bytes } => {
                // The console is what a person reads; other ports say which they are.
                let source = if port == "console" {
                    source
                } else {
                    format!("{source}/{port}").into()
                };
                Event::bytes(now, Room::Machine, "uart", source, bytes)
            }
            OutputKind::Pin { name, high } => Event::json(
                now,
                Room::Machine,
                "pin",
                source,
                &json!({"name": name, "high": high}),
            ),
            OutputKind::Display { frame } => {
                Event::bytes(now, Room::Machine, "display", source, frame)
            }
            OutputKind::Watch(values) => {
                Event::json(now, Room::Machine, "watch", source, &json!(values))
            }
            OutputKind::Note(text) => {
                Event::json(now, Room::Machine, "note", source, &json!({"text": text}))
            }
            OutputKind::Network(request) => {
                self.network_request(slot, request);
                return self.settle();
            }
            OutputKind::Message(message) => {
                let device = self.fleet.id(slot).clone();
                self.send(&device, message, now);
                return self.settle();
            }
        };
        self.work.events.push(event);
        Ok(())
    }

    fn network_request(&mut self, slot: usize, request: NetworkRequest) {
        match request {
            NetworkRequest::Open {
                connection,
                host,
                port,
                tls,
            } => {
                let device = self.fleet.id(slot);
                let name = network::name(device, connection);
                let facts = json!({"connection": name, "host": host, "port": port, "tls": tls});
                self.work.events.push(Event::json(
                    self.now,
                    Room::Machine,
                    "network",
                    device.shared(),
                    &facts,
                ));
                let id = self.network.open((slot, connection));
                self.hub.open(id, &name, self.now);
            }
            NetworkRequest::Send { connection, bytes } => {
                if let Some(id) = self.network.connection((slot, connection)) {
                    self.hub.receive(id, &bytes, self.now);
                }
            }
            NetworkRequest::Close { connection } => {
                if let Some(id) = self.network.close((slot, connection)) {
                    self.hub.disconnected(id, self.now);
                }
            }
        }
    }

    /// News from the sockets of programs outside, at the current virtual time.
    pub(crate) fn socket(&mut self, event: NetEvent) {
        match event {
            NetEvent::Opened {
                id,
                peer,
                certificate,
            } => {
                let certificate = certificate.map(|certificate| *certificate);
                self.hub.open_with(id, &peer, certificate, self.now);
            }
            NetEvent::Data { id, bytes } => self.hub.receive(id, &bytes, self.now),
            NetEvent::Closed { id } => self.hub.disconnected(id, self.now),
        }
    }

    /// Processes and commits what sockets brought; what is to leave by them is in `out` afterwards.
    ///
    /// # Errors
    /// As [`Session::run_until`].
    pub(crate) fn answer_sockets(&mut self, out: &mut Vec<HubOutput>) -> Result<(), Error> {
        self.settle()?;
        self.hub.drain_outputs(&mut self.work.hub);
        if !self.work.hub.is_empty() {
            self.commit()?;
            self.hand_out()?;
        }
        out.append(&mut self.work.sockets);
        Ok(())
    }

    /// Hub → functions → engine, until nothing is left to do at the current time.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        for (partition, read) in self.partitions_read.iter_mut().enumerate() {
            let partition = partition as u16;
            loop {
                let batch = self.hub.read(partition, *read, BATCH).map_err(Error::log)?;
                let batch: Vec<&EventData> = batch.collect();
                let Some(last) = batch.last() else { break };
                *read = last.sequence_number + 1;
                for event in &batch {
                    let _span = tracing::debug_span!(
                        "message",
                        device = %event.device,
                        partition,
                        sequence = event.sequence_number,
                    )
                    .entered();
                    tracing::debug!(at = %event.enqueued, bytes = event.message.body.len(), "taken by the hub");
                    self.series.message(event);
                }
                self.work.messages += batch.len() as u64;
                self.uncommitted += batch.len() as u64;
                self.application
                    .on_events(&mut self.engine, partition, &batch, self.now);
                if self.faults.redeliver(partition, self.now) {
                    self.application
                        .on_events(&mut self.engine, partition, &batch, self.now);
                }
                self.hub
                    .set_checkpoint(DEFAULT_GROUP, partition, *read)
                    .map_err(Error::log)?;
            }
        }
        self.engine.run(self.now);
        self.messages_to_devices();
        self.hub.drain_events(&mut self.work.events);
        self.engine.drain_events(&mut self.work.events);
        self.application.drain_events(&mut self.work.events);
        Ok(())
    }

    /// Makes everything that happened so far durable.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.scribe.flush()?;
        match self.faults.take_crash() {
            Some(CrashPoint::BeforeCommit) => return self.crash(),
            Some(CrashPoint::AfterCommit) => {
                self.commit_now()?;
                return self.crash();
            }
            None => {}
        }
        self.commit_now()
    }

    pub(super) fn commit_now(&mut self) -> Result<(), Error> {
        let records = &mut self.work.records;
        self.hub.drain_records(records);
        self.engine.drain_records(records);
        self.application.drain_records(records);
        if records.is_empty() {
            return Ok(());
        }
        let head = DataFolder {
            bench: self.file.name.get_ref().clone(),
            seed: self.file.seed,
            epoch: self.epoch.instant().to_string(),
            committed: self.now,
        };
        records.push(head.record());
        self.store.commit(records).map_err(Error::store)?;
        tracing::trace!(at = %self.now, records = records.len(), "committed");
        records.clear();
        self.work.commits += 1;
        self.uncommitted = 0;
        Ok(())
    }

    /// Hands the hub's answers to machines and sockets. Called after the commit only.
    pub(super) fn hand_out(&mut self) -> Result<(), Error> {
        let mut outputs = std::mem::take(&mut self.work.hub);
        for output in outputs.drain(..) {
            let (HubOutput::Send { connection: id, .. } | HubOutput::Close { connection: id, .. }) =
                &output;
            let Some((slot, connection)) = self.network.port(*id) else {
                self.work.sockets.push(output);
                continue;
            };
            match output {
                HubOutput::Send { bytes, .. } => {
                    self.tell(slot, NetworkEvent::Received { connection, bytes })?;
                }
                HubOutput::Close { reason, .. } => {
                    self.network.close((slot, connection));
                    self.tell(
                        slot,
                        NetworkEvent::Closed {
                            connection,
                            reason: reason.to_string(),
                        },
                    )?;
                }
            }
        }
        self.work.hub = outputs;
        Ok(())
    }

    pub(super) fn tell(&mut self, slot: usize, event: NetworkEvent) -> Result<(), Error> {
        self.fleet
            .apply(slot, Stimulus::Network(event), self.now)
            .map_err(|cause| Error::Machine {
                device: self.fleet.id(slot).clone(),
                cause,
            })
    }

    /// Gives the recorder every event before `end`; those at `end` wait for what the next step
    /// adds to the same instant, so that the canonical order holds across steps.
    pub(super) fn scribe_events(&mut self, end: VirtualTime) -> Result<(), Error> {
        // A call that really leaves is answered steps after it was made, which are told already.
        let told = self.work.told;
        for event in &mut self.work.events {
            if event.room == Room::Connectors {
                event.time = event.time.max(told);
            }
        }
        self.watched.see(&self.work.events);
        let events = std::mem::take(&mut self.work.events);
        for event in events {
            if event.time >= end {
                self.work.events.push(event);
                continue;
            }
            if event.kind == "connector"
                && let Payload::Json(text) = &event.payload
                && let Some((device, text)) = twinbench_serverless::alert_of(text)
            {
                self.series.alert(&device, event.time, text);
            }
            self.work.told = self.work.told.max(event.time);
            self.scribe.push(event);
        }
        self.watched.kept(self.work.events.len());
        self.scribe.flush()
    }
}
