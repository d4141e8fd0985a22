//! Accepts connections.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
};

use super::connection::{self, Outgoing};
use crate::{ConnectionId, HubOutput};

/// Settings of a listener.
#[derive(Debug, Clone)]
pub struct NetOptions {
    /// TCP port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// Connections beyond this number are closed at once. Default 1,000.
    pub max_connections: usize,
    /// Number of the first connection; the next ones count up. Default 2³², so that connections
    /// inside the bench can count from 0.
    pub first_id: u64,
    /// Events that may wait for the loop; beyond, the sockets wait. Default 1,024.
    pub waiting_events: usize,
    /// Bytes that may wait for a client; beyond, it is closed. Default 1 MiB.
    pub waiting_bytes: usize,
}

impl NetOptions {
    /// The defaults, on a port.
    pub fn new(port: u16) -> Self {
        Self {
            port,
            max_connections: 1_000,
            first_id: 1 << 32,
            waiting_events: 1_024,
            waiting_bytes: 1024 * 1024,
        }
    }
}

/// What came from the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// A client connected.
    Opened {
        /// Its number, never used again.
        id: ConnectionId,
        /// Its address and port.
        peer: String,
    },
    /// Bytes came in.
    Data {
        /// From where.
        id: ConnectionId,
        /// At most 16 KiB.
        bytes: Bytes,
    },
    /// The connection has ended, from whichever side. The last event of this number.
    Closed {
        /// Which.
        id: ConnectionId,
    },
}

/// A port cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Another program has the port.
    #[error(
        "port {0} on 127.0.0.1 is in use: end the program that has it, or choose another port (0 \
         takes any free one)"
    )]
    PortInUse(u16),
    /// The system keeps the port for privileged programs.
    #[error("port {0} needs more rights than this program has: choose a port from 1024 on")]
    NotAllowed(u16),
    /// Something else.
    #[error("port {port} on 127.0.0.1 cannot be listened on: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// The system's error.
        source: io::Error,
    },
}

/// Connections that are open, with their ways out. Only looked up, never listed.
pub(super) type Table = Arc<Mutex<HashMap<ConnectionId, Outgoing>>>;

/// A listener and its connections. Dropping it closes them all.
#[derive(Debug)]
pub struct Net {
    address: SocketAddr,
    table: Table,
    accepting: JoinHandle<()>,
}

impl Net {
    /// Listens on loopback. To be called inside a tokio runtime, which then drives the sockets;
    /// the events may be received from another thread.
    ///
    /// # Errors
    /// When the port is in use or not allowed.
    pub async fn listen(options: NetOptions) -> Result<(Self, Receiver<NetEvent>), NetError> {
        let port = options.port;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => NetError::PortInUse(port),
            io::ErrorKind::PermissionDenied => NetError::NotAllowed(port),
            _ => NetError::Listen { port, source },
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, receiver) = mpsc::channel(options.waiting_events.max(1));
        let table = Table::default();
        let accepting = tokio::spawn(accept(listener, options, Arc::clone(&table), sender));
        let net = Self {
            address,
            table,
            accepting,
        };
        Ok((net, receiver))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does what the hub asks on one of these connections; numbers of others are passed over and
    /// give `false`. Never waits.
    pub fn apply(&self, output: &HubOutput) -> bool {
        match output {
            HubOutput::Send { connection, bytes } => self.send(*connection, bytes.clone()),
            HubOutput::Close { connection, .. } => self.close(*connection),
        }
    }

    /// Sends bytes; a client that has too much waiting for it is closed instead. `false` when
    /// there is no such connection any more.
    pub fn send(&self, id: ConnectionId, bytes: Bytes) -> bool {
        let mut table = lock(&self.table);
        let Some(outgoing) = table.get(&id) else {
            return false;
        };
        if outgoing.send(bytes) {
            return true;
        }
        tracing::warn!(connection = id.0, "the client takes nothing more: closed");
        if let Some(outgoing) = table.remove(&id) {
            outgoing.abort();
        }
        false
    }

    /// Closes a connection once what was sent before has left. `false` when there is no such
    /// connection any more.
    pub fn close(&self, id: ConnectionId) -> bool {
        // Without its way out, the connection finishes by itself.
        lock(&self.table).remove(&id).is_some()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        lock(&self.table).len()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.accepting.abort();
        lock(&self.table).clear();
    }
}

pub(super) fn lock(table: &Table) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, Outgoing>> {
    // No code that holds the lock can leave the table half changed.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(
    listener: TcpListener,
    options: NetOptions,
    table: Table,
    events: Sender<NetEvent>,
) {
    let mut next = options.first_id;
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Of a client that went away at once, or out of file handles: both pass.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        if lock(&table).len() >= options.max_connections {
            tracing::warn!(%peer, limit = options.max_connections, "too many connections: closed");
            continue;
        }
        let id = ConnectionId(next);
        next += 1;
        let limit = options.waiting_bytes;
        connection::start((id, peer), socket, limit, &table, events.clone());
    }
}
