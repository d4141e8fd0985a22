//! Accepts connections.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
};

use super::connection::{self, Outgoing, Peer};
use crate::{ClientCertificate, ConnectionId, HubOutput};

/// Settings of a listener.
#[derive(Debug, Clone)]
pub struct NetOptions {
    /// TCP port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// Connections beyond this number are closed at once. As many again may be in their TLS
    /// handshakes; beyond, the one that began first is closed. Default 1,000.
    pub max_connections: usize,
    /// Number of the first connection; the next ones count up. Default 2³², so that connections
    /// inside the bench can count from 0.
    pub first_id: u64,
    /// Events that may wait for the loop; beyond, the sockets wait. Default 1,024.
    pub waiting_events: usize,
    /// Bytes that may wait for a client; beyond, it is closed. Default 1 MiB.
    pub waiting_bytes: usize,
    /// How long a client may take for its TLS handshake, and for the head of an HTTP request.
    /// Default 30 s.
    pub opening: Duration,
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
            opening: Duration::from_secs(30),
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
        /// The certificate that it has shown to TLS.
        certificate: Option<Box<ClientCertificate>>,
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
    /// The certificates cannot be used.
    #[error("TLS cannot be offered: {0}")]
    Tls(String),
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

/// Listeners and their connections. Dropping it closes them all.
#[derive(Debug)]
pub struct Net {
    address: SocketAddr,
    pub(super) shared: Arc<Shared>,
    accepting: Mutex<Vec<JoinHandle<()>>>,
}

/// What all listeners of a hub share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: NetOptions,
    pub(super) table: Table,
    pub(super) events: Sender<NetEvent>,
    next: AtomicU64,
    /// Connections that are open, TLS done.
    open: Arc<AtomicUsize>,
    /// Connections that do their handshakes.
    #[cfg(feature = "tls")]
    pub(super) handshakes: super::handshakes::Handshakes,
}

/// A connection's place among those that may be open; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// A number for a new connection.
    pub(super) fn number(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A place for a new connection; `None` when there are too many.
    pub(super) fn place(&self) -> Option<Place> {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.open));
        (before < self.options.max_connections).then_some(place)
    }

    /// A place for a connection; `None`, with a word in the log, when there are too many.
    pub(super) fn place_for(&self, peer: SocketAddr) -> Option<Place> {
        let place = self.place();
        if place.is_none() {
            let limit = self.options.max_connections;
            tracing::warn!(%peer, limit, "too many connections: closed");
        }
        place
    }

    /// The next connection.
    pub(super) async fn accept(&self, listener: &TcpListener) -> (TcpStream, SocketAddr) {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    // Small answers are to leave at once; a socket that refuses the option works
                    // all the same.
                    if let Err(error) = socket.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY cannot be set");
                    }
                    return (socket, peer);
                }
                Err(error) => {
                    // Of a client that went away at once, or out of file handles: both pass.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Binds a port on loopback.
pub(super) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), NetError> {
    let port = address.port();
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => NetError::PortInUse(port),
        io::ErrorKind::PermissionDenied => NetError::NotAllowed(port),
        _ => NetError::Listen { port, source },
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

impl Net {
    /// Listens for plain MQTT on loopback. To be called inside a tokio runtime, which then drives
    /// the sockets; the events may be received from another thread.
    ///
    /// # Errors
    /// When the port is in use or not allowed.
    pub async fn listen(options: NetOptions) -> Result<(Self, Receiver<NetEvent>), NetError> {
        let (listener, address) = bind((Ipv4Addr::LOCALHOST, options.port).into()).await?;
        let (net, receiver) = Self::new(options, address);
        let shared = Arc::clone(&net.shared);
        net.spawn(async move {
            loop {
                let (socket, peer) = shared.accept(&listener).await;
                let Some(place) = shared.place_for(peer) else {
                    continue;
                };
                let peer = Peer {
                    id: shared.number(),
                    address: peer.to_string(),
                    certificate: None,
                };
                let limit = shared.options.waiting_bytes;
                let (table, events) = (Arc::clone(&shared.table), shared.events.clone());
                tokio::spawn(async move {
                    connection::serve(peer, socket, limit, table, events).await;
                    drop(place);
                });
            }
        });
        Ok((net, receiver))
    }

    /// Listens nowhere yet: without a port for plain MQTT.
    pub fn closed(options: NetOptions) -> (Self, Receiver<NetEvent>) {
        Self::new(options, (Ipv4Addr::LOCALHOST, 0).into())
    }

    fn new(options: NetOptions, address: SocketAddr) -> (Self, Receiver<NetEvent>) {
        let (events, receiver) = mpsc::channel(options.waiting_events.max(1));
        let shared = Shared {
            table: Table::default(),
            events,
            next: AtomicU64::new(options.first_id),
            open: Arc::default(),
            #[cfg(feature = "tls")]
            handshakes: super::handshakes::Handshakes::new(
                options.max_connections,
                options.opening,
            ),
            options,
        };
        let net = Self {
            address,
            shared: Arc::new(shared),
            accepting: Mutex::default(),
        };
        (net, receiver)
    }

    /// Runs a listener's task until this is dropped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task);
        let accepting = self.accepting.lock();
        accepting.unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Where it listens for plain MQTT; port 0 when it does not.
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
        let mut table = lock(&self.shared.table);
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
        lock(&self.shared.table).remove(&id).is_some()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        lock(&self.shared.table).len()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let accepting = self.accepting.get_mut();
        for task in accepting.unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
        lock(&self.shared.table).clear();
    }
}

pub(super) fn lock(table: &Table) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, Outgoing>> {
    // No code that holds the lock can leave the table half changed.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
