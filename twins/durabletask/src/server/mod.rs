//! The server: `TaskHubSidecarService` in front of an [`EngineHandle`].

mod clients;
mod service;
mod stream;
mod work;

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::{net::TcpListener, sync::watch};
use tonic::transport::{Server, server::TcpIncoming};

use self::service::Service;
use crate::{
    handle::EngineHandle, proto::task_hub_sidecar_service_server::TaskHubSidecarServiceServer,
    workers::SWEEPS_IN_A_LEASE,
};

/// The address that SDKs expect a local server at: `127.0.0.1:8080`.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// How a server behaves.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What callers from other machines have to show, as `x-functions-key` or
    /// `authorization: Bearer …`. Callers on this machine need not.
    pub key: Option<String>,
    /// The task hub of callers that name none.
    pub default_hub: String,
    /// How many orchestrations, entities and activities a worker is given at once that sets no
    /// limit.
    pub concurrency: usize,
    /// How often a worker hears that its stream is alive.
    pub ping: Duration,
    /// How long a worker may keep an orchestration or an entity.
    pub turn_lease: Duration,
    /// How long a worker may keep an activity.
    pub activity_lease: Duration,
    /// How long an item that a worker abandons is kept from workers.
    pub abandon_delay: Duration,
    /// The longest message that is taken, in bytes.
    pub longest_message: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: DEFAULT_ADDRESS,
            key: None,
            default_hub: "default".to_owned(),
            concurrency: 100,
            // SDKs take two minutes of silence for a lost connection.
            ping: Duration::from_secs(30),
            turn_lease: Duration::from_mins(5),
            // Nothing in the protocol prolongs a lease, and activities may take hours; a worker
            // that is gone is noticed by its stream.
            activity_lease: Duration::from_hours(24),
            abandon_delay: Duration::from_millis(500),
            longest_message: 128 << 20,
        }
    }
}

/// Why a server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error(
        "cannot listen at {address} ({cause}): end what listens there, or give another address"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// Other machines could reach it, and nothing would be asked of them.
    #[error("{0} is reachable from other machines: give a key, or listen on 127.0.0.1")]
    NoKey(SocketAddr),
    /// The connection layer failed.
    #[error("the server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    options: ServerOptions,
}

impl Listening {
    /// Takes the address.
    ///
    /// # Errors
    /// When it cannot be had, or is reachable from elsewhere and no key is set.
    pub async fn open(options: ServerOptions) -> Result<Self, ServeError> {
        let fail = |cause| ServeError::Listen {
            address: options.listen,
            cause,
        };
        if !options.listen.ip().is_loopback() && options.key.is_none() {
            return Err(ServeError::NoKey(options.listen));
        }
        let listener = TcpListener::bind(options.listen).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Self {
            listener,
            address,
            options,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is there; then ends streams, lets calls finish, and returns.
    ///
    /// # Errors
    /// When the connection layer fails.
    pub async fn serve(
        self,
        handle: EngineHandle,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let (closing, closed) = watch::channel(false);
        let longest = self.options.longest_message;
        let sweeping = tokio::spawn(sweep(handle.clone(), self.options.clone()));
        let service = Service::new(handle, self.options, closed);
        let service = TaskHubSidecarServiceServer::new(service)
            .max_decoding_message_size(longest)
            .max_encoding_message_size(usize::MAX);
        let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        let result = Server::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(20)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)))
            .http2_adaptive_window(Some(true))
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, async move {
                shutdown.await;
                // Streams of work would keep it open for ever.
                let _ = closing.send(true);
            })
            .await;
        sweeping.abort();
        Ok(result?)
    }
}

/// Serves engines until `shutdown` is there; `listening` is told the address.
///
/// # Errors
/// As [`Listening::open`] and [`Listening::serve`].
pub async fn serve(
    handle: EngineHandle,
    options: ServerOptions,
    listening: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let server = Listening::open(options).await?;
    listening(server.address());
    server.serve(handle, shutdown).await
}

/// Takes items back from workers that keep them for too long.
async fn sweep(handle: EngineHandle, options: ServerOptions) {
    let turns = async {
        loop {
            tokio::time::sleep(options.turn_lease / SWEEPS_IN_A_LEASE).await;
            handle.sweep(false);
        }
    };
    let activities = async {
        loop {
            tokio::time::sleep(options.activity_lease / SWEEPS_IN_A_LEASE).await;
            handle.sweep(true);
        }
    };
    tokio::join!(turns, activities);
}
