//! Faults as commands to the hub.

use mqtt_proto::v3::Packet;
use serde_json::json;
use twinbench_model::{Event, Room, VirtualDuration, VirtualTime};

use super::{Fault, FaultId, FaultKind, LateMessage};
use crate::{CloseReason, ConnectionId, Hub, HubOutput, mqtt::encode, registry::IdentityId};

impl Hub {
    /// Begins a fault. One that happens once, such as a forced disconnect, is over at once.
    pub fn begin_fault(&mut self, fault: Fault, now: VirtualTime) -> FaultId {
        self.faults.last += 1;
        let number = FaultId(self.faults.last);
        let facts = json!({"begins": fault});
        self.fault_event(number, &facts, now);
        let reason = match fault.kind {
            FaultKind::NetworkDrop => Some(CloseReason::Fault("the network is gone")),
            FaultKind::ForceDisconnect => Some(CloseReason::Fault("a forced disconnect")),
            FaultKind::ServerRestart => Some(CloseReason::Fault("the server restarts")),
            _ => None,
        };
        if let Some(reason) = reason {
            let acts = |id: &IdentityId| fault.acts_on(id.device.as_str());
            let online = self.online.iter().filter(|(id, _)| acts(id));
            let connections: Vec<ConnectionId> = online.map(|(_, number)| *number).collect();
            for connection in connections {
                self.close(connection, reason.clone(), now);
            }
        }
        if fault.kind != FaultKind::ForceDisconnect {
            let until = fault.lasts.map(|lasts| now.saturating_add(lasts));
            self.faults.active.insert(number, (fault, until));
        }
        number
    }

    /// Ends a fault. What is late still comes. Tells whether it was under way.
    pub fn end_fault(&mut self, number: FaultId, now: VirtualTime) -> bool {
        let Some((fault, _)) = self.faults.active.remove(&number) else {
            return false;
        };
        self.fault_event(number, &json!({"ends": fault}), now);
        true
    }

    /// The faults that are under way.
    pub fn faults(&self) -> impl Iterator<Item = (FaultId, &Fault)> {
        self.faults
            .active
            .iter()
            .map(|(number, (fault, _))| (*number, fault))
    }

    fn fault_event(&mut self, number: FaultId, facts: &serde_json::Value, now: VirtualTime) {
        let source = number.0.to_string().into();
        self.events
            .push(Event::json(now, Room::Hub, "fault", source, facts));
    }

    pub(crate) fn tick_faults(&mut self, now: VirtualTime) {
        let over = |(number, (_, until)): (&FaultId, &(Fault, Option<VirtualTime>))| {
            until.is_some_and(|until| until <= now).then_some(*number)
        };
        let over: Vec<FaultId> = self.faults.active.iter().filter_map(over).collect();
        for number in over {
            self.end_fault(number, now);
        }
        while let Some(late) = self.late.due_message(now) {
            self.take_late(late, now);
        }
        while let Some(output) = self.late.due_output(now) {
            // Of a connection that has ended meanwhile, there is nobody to hear it.
            match &output {
                HubOutput::Send { connection, .. }
                    if !self.connections.contains_key(connection) => {}
                _ => self.outputs.push(output),
            }
        }
    }

    /// Takes a message that was kept back.
    pub(crate) fn take_late(&mut self, late: LateMessage, now: VirtualTime) {
        let LateMessage {
            id,
            scope,
            model,
            message,
            acknowledge,
        } = late;
        self.take(&id, scope, model.as_deref(), &message, now);
        if let Some((connection, pid)) = acknowledge {
            self.send(connection, &Packet::Puback(pid), now);
        }
    }

    /// Sends a packet, as late as the faults on its connection want it.
    pub(crate) fn send(&mut self, connection: ConnectionId, packet: &Packet, now: VirtualTime) {
        self.send_after(connection, packet, VirtualDuration::ZERO, now);
    }

    /// Sends a packet after a delay of its own, for which nothing else on the connection waits.
    pub(crate) fn send_after(
        &mut self,
        connection: ConnectionId,
        packet: &Packet,
        delay: VirtualDuration,
        now: VirtualTime,
    ) {
        let latency = match self.way_to(connection) {
            Way::Open => VirtualDuration::ZERO,
            Way::Late(by) => by,
            Way::Closed => return,
        };
        let Some(known) = self.connections.get_mut(&connection) else {
            return;
        };
        // What was said before arrives before, also when the latency ends meanwhile.
        known.said = known.said.max(now.saturating_add(latency));
        let due = known.said.saturating_add(delay);
        if let (Packet::Puback(pid), true) = (packet, due <= now) {
            return self.outputs.acknowledge(connection, *pid);
        }
        let bytes = encode(packet);
        let output = HubOutput::Send { connection, bytes };
        if due <= now {
            self.outputs.push(output);
        } else if let Some(output) = self.late.output(due, output) {
            self.outputs.push(output);
        }
    }

    fn way_to(&self, connection: ConnectionId) -> Way {
        if self.faults.is_empty() {
            return Way::Open;
        }
        let Some(session) = self.session(connection) else {
            return Way::Open;
        };
        let way = |kind| match kind {
            FaultKind::HalfOpen => Some(Way::Closed),
            FaultKind::Latency(by) => Some(Way::Late(by)),
            _ => None,
        };
        let device = session.id.device.as_str();
        self.faults.find(device, way).unwrap_or(Way::Open)
    }

    /// Whether nothing of this connection reaches the hub.
    pub(crate) fn is_deaf(&self, connection: ConnectionId) -> bool {
        matches!(self.way_to(connection), Way::Closed)
    }

    /// By how much a throttle fault delays a device's acknowledgements.
    pub(crate) fn throttled_by(&self, id: &IdentityId) -> Option<VirtualDuration> {
        let by = |kind| match kind {
            FaultKind::Throttle(by) => Some(by),
            _ => None,
        };
        self.faults.find(id.device.as_str(), by)
    }

    /// How often a message of or to a device goes: twice, when a fault and chance want it.
    pub(crate) fn copies(&mut self, id: &IdentityId) -> usize {
        let device = id.device.as_str();
        let likely = |kind| match kind {
            FaultKind::Duplicate(likely) => Some(likely),
            _ => None,
        };
        match self.faults.find(device, likely) {
            Some(likely) if self.faults.draw(device) < likely => 2,
            _ => 1,
        }
    }

    /// When a message of a device is taken, if a fault wants it late.
    pub(crate) fn kept_until(&mut self, id: &IdentityId, now: VirtualTime) -> Option<VirtualTime> {
        let device = id.device.as_str();
        let up_to = |kind| match kind {
            FaultKind::Reorder(by) => Some(by),
            _ => None,
        };
        let by = self.faults.find(device, up_to)?;
        let by = VirtualDuration::from_secs_f64(by.as_secs_f64() * self.faults.draw(device));
        Some(now.saturating_add(by))
    }
}

/// What is between the hub and a client.
#[derive(Clone, Copy)]
enum Way {
    Open,
    Late(VirtualDuration),
    Closed,
}
