//! The network between machines and the hub: connections by number, no cables.

use std::collections::BTreeMap;

use twinbench_hub::ConnectionId;
use twinbench_model::DeviceId;

/// A connection of a machine: the machine's slot and its own number for the connection.
pub(super) type Port = (usize, u32);

/// Which hub connection belongs to which machine. What is not in here is a socket's: the hub's
/// listener numbers its connections from 2³², so the two never meet.
#[derive(Debug, Default)]
pub(super) struct Network {
    by_port: BTreeMap<Port, ConnectionId>,
    by_id: BTreeMap<ConnectionId, Port>,
    next: u64,
    /// Connections that stand, to be told to their machines at the end of the step.
    pub(super) opened: Vec<Port>,
}

impl Network {
    /// A new connection of a machine.
    pub(super) fn open(&mut self, port: Port) -> ConnectionId {
        let id = ConnectionId(self.next);
        self.next += 1;
        self.by_port.insert(port, id);
        self.by_id.insert(id, port);
        self.opened.push(port);
        id
    }

    pub(super) fn connection(&self, port: Port) -> Option<ConnectionId> {
        self.by_port.get(&port).copied()
    }

    pub(super) fn port(&self, id: ConnectionId) -> Option<Port> {
        self.by_id.get(&id).copied()
    }

    /// Forgets every connection of a machine; they were these.
    pub(super) fn clear(&mut self) -> Vec<(Port, ConnectionId)> {
        self.by_id.clear();
        self.opened.clear();
        std::mem::take(&mut self.by_port).into_iter().collect()
    }

    pub(super) fn close(&mut self, port: Port) -> Option<ConnectionId> {
        let id = self.by_port.remove(&port)?;
        self.by_id.remove(&id);
        Some(id)
    }
}

/// How a machine's connection shows in the hub's events.
pub(super) fn name(device: &DeviceId, connection: u32) -> String {
    format!("{device}#{connection}")
}
