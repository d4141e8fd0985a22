//! Listens and serves connections.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use super::{Archive, ReaderId, Readers, connection};
use crate::{Options, handle::HubHandle};

/// How long TLS and the AMQP opening may take together.
pub(super) const OPENING: Duration = Duration::from_secs(30);

/// Settings of the AMQP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmqpOptions {
    /// The Event Hubs-compatible name of the built-in endpoint; `messages/events` is always its
    /// other name. Default `hub`.
    pub event_hub: String,
    /// Connections beyond this number wait to be accepted, and are refused over WebSocket.
    /// Default 200.
    pub max_connections: usize,
}

impl Default for AmqpOptions {
    fn default() -> Self {
        Self {
            event_hub: "hub".to_owned(),
            max_connections: 200,
        }
    }
}

/// A port cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    /// Another program has the port, or it is not allowed.
    #[error(
        "AMQP cannot listen on {address}: {source}; choose another port (0 takes any free one), \
         or end the program that has it"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
}

/// The endpoint. Cheap to clone; every listener of a hub shares one.
#[derive(Clone)]
pub struct AmqpServer {
    pub(super) shared: Arc<Shared>,
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) settings: AmqpOptions,
    /// The hub's own settings, whose policies and names do not change while it runs.
    pub(super) options: Arc<Options>,
    pub(super) hub: HubHandle,
    pub(super) archive: Arc<dyn Archive>,
    pub(super) readers: Mutex<ReaderTable>,
    pub(super) room: Arc<Semaphore>,
}

/// The contest and the bells of its readers.
#[derive(Default)]
pub(super) struct ReaderTable {
    pub(super) readers: Readers,
    pub(super) stolen: BTreeMap<ReaderId, Arc<Notify>>,
}

/// A port that is listened on, until this is dropped. Connections that are open go on until
/// their clients close them or the hub ends.
#[derive(Debug)]
pub struct AmqpListener {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl AmqpServer {
    /// An endpoint for a hub with these options, which are those that the hub was made with.
    pub fn new(
        settings: AmqpOptions,
        options: Options,
        hub: HubHandle,
        archive: Arc<dyn Archive>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(settings.max_connections.max(1)));
        let shared = Shared {
            settings,
            options: Arc::new(options),
            hub,
            archive,
            readers: Mutex::default(),
            room,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Listens, plain or with TLS. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the port is in use or not allowed.
    pub async fn listen(
        &self,
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> Result<AmqpListener, AmqpError> {
        let failed = |source| AmqpError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        small_segments(&listener);
        let accepting = tokio::spawn(self.clone().accept(listener, tls.map(TlsAcceptor::from)));
        Ok(AmqpListener { address, accepting })
    }

    /// Listens with the hub's own TLS, which also has a key for clients that take RSA only.
    /// Handshakes take no place among the connections; when too many are under way, the oldest
    /// makes room. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the port is in use or not allowed.
    #[cfg(feature = "tls")]
    pub async fn listen_tls(
        &self,
        address: SocketAddr,
        tls: crate::net::Tls,
    ) -> Result<AmqpListener, AmqpError> {
        let failed = |source| AmqpError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        small_segments(&listener);
        let limit = self.shared.settings.max_connections;
        let handshakes = crate::net::Handshakes::new(limit, OPENING);
        let server = self.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, peer) = accepted(&listener).await;
                let (server, tls) = (server.clone(), tls.clone());
                let handshakes = handshakes.clone();
                tokio::spawn(async move {
                    let peer = peer.to_string();
                    let stream = match Box::pin(tls.accept(socket, &handshakes)).await {
                        Ok((stream, _)) => stream,
                        Err(error) => {
                            tracing::info!(%peer, %error, "no TLS handshake on AMQP: closed");
                            return;
                        }
                    };
                    let Ok(seat) = Arc::clone(&server.shared.room).try_acquire_owned() else {
                        tracing::warn!(%peer, "too many AMQP connections: closed");
                        return;
                    };
                    server.serve(stream, peer).await;
                    drop(seat);
                });
            }
        });
        Ok(AmqpListener { address, accepting })
    }

    /// Serves one connection on any stream, such as a WebSocket's, until it ends.
    pub async fn serve<S>(&self, stream: S, peer: String)
    where
        S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin + 'static,
    {
        if let Err(reason) = connection::serve(Arc::clone(&self.shared), stream, &peer).await {
            tracing::info!(%peer, %reason, "an AMQP connection ended");
        }
    }

    async fn accept(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        loop {
            let Ok(seat) = Arc::clone(&self.shared.room).acquire_owned().await else {
                return;
            };
            let (socket, peer) = accepted(&listener).await;
            let (server, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                let _seat = seat;
                let peer = peer.to_string();
                let Some(tls) = tls else {
                    return server.serve(socket, peer).await;
                };
                match tokio::time::timeout(OPENING, tls.accept(socket)).await {
                    Ok(Ok(stream)) => server.serve(stream, peer).await,
                    Ok(Err(error)) => tracing::info!(%peer, %error, "TLS failed on AMQP"),
                    Err(_) => tracing::info!(%peer, "TLS took too long on AMQP"),
                }
            });
        }
    }
}

/// The next connection.
async fn accepted(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY cannot be set");
                }
                return (socket, peer);
            }
            Err(error) => {
                // Of a client that went away at once, or out of file handles: both pass.
                tracing::warn!(%error, "an AMQP connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

impl std::fmt::Debug for AmqpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let settings = &self.shared.settings;
        f.debug_struct("AmqpServer")
            .field("settings", settings)
            .finish_non_exhaustive()
    }
}

impl AmqpListener {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for AmqpListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Bounds the segments of a listener's connections below 32 KiB. Loopback agrees on larger ones,
/// and azure-eventhub sets the size that it reads from its socket again, which Linux refuses from
/// 32,768 bytes on ("Invalid argument").
fn small_segments(listener: &TcpListener) {
    #[cfg(unix)]
    if let Err(error) = socket2::SockRef::from(listener).set_tcp_mss(16 * 1024) {
        tracing::debug!(%error, "TCP_MAXSEG cannot be set");
    }
    #[cfg(not(unix))]
    let _ = listener;
}

/// Locks what no code can leave half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
