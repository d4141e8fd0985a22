//! HTTPS: MQTT over WebSocket at its address, and a router for everything else.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, extract::connect_info::Connected, routing, serve::IncomingStream};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
};
use tokio_rustls::server::TlsStream;

use super::{
    Net, NetError, Tls,
    listener::{Place, bind},
    websocket,
};
use crate::ClientCertificate;

/// Where MQTT speaks over WebSocket (IoT Hub MQTT guide).
const WEBSOCKET: &str = "/$iothub/websocket";
/// Connections that have done their handshakes and wait for the router.
const READY: usize = 64;

/// Who sends a request.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(super) certificate: Option<Box<ClientCertificate>>,
    pub(crate) place: Arc<Place>,
}

impl Net {
    /// Listens for HTTPS: WebSocket upgrades at `/$iothub/websocket` become MQTT connections,
    /// everything else is the router's, such as the service's REST interface. To be called inside
    /// a tokio runtime.
    ///
    /// # Errors
    /// When the port is in use or not allowed.
    pub async fn listen_https(
        &self,
        address: SocketAddr,
        tls: Tls,
        router: Router,
    ) -> Result<SocketAddr, NetError> {
        let (listener, address) = bind(address).await?;
        let (ready, taken) = mpsc::channel(READY);
        let shared = Arc::clone(&self.shared);
        self.spawn(accept(listener, tls, shared, ready));
        let mqtt = routing::any(websocket::upgrade).with_state(Arc::clone(&self.shared));
        let router = Router::new()
            .route(WEBSOCKET, mqtt)
            .fallback_service(router);
        #[cfg(feature = "amqp")]
        let router = Router::new()
            .fallback_service(router)
            .layer(axum::middleware::map_request(amqp_elsewhere));
        let service = router.into_make_service_with_connect_info::<Client>();
        let listener = Secured { taken, address };
        self.spawn(async move {
            // Never ends by itself; an error of one connection is that connection's.
            if let Err(error) = axum::serve(listener, service).await {
                tracing::error!(%error, "HTTPS has ended");
            }
        });
        Ok(address)
    }
}

/// IoT Hub's clients ask for MQTT and AMQP at one address, Event Hubs' clients for AMQP at
/// another, which is where AMQP is served.
#[cfg(feature = "amqp")]
async fn amqp_elsewhere(mut request: axum::extract::Request) -> axum::extract::Request {
    use crate::amqp::websocket::{EVENT_HUBS, is_asked_for};
    use axum::http::{Uri, header::SEC_WEBSOCKET_PROTOCOL};
    let asked = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let asked = asked.and_then(|text| text.to_str().ok());
    let path = request.uri().path();
    let here = path.strip_suffix('/').unwrap_or(path) == WEBSOCKET;
    if here && asked.is_some_and(is_asked_for) {
        *request.uri_mut() = Uri::from_static(EVENT_HUBS);
    }
    request
}

/// A connection that has done its handshake.
type Ready = (TlsStream<TcpStream>, Client);

async fn accept(
    listener: TcpListener,
    tls: Tls,
    shared: Arc<super::listener::Shared>,
    ready: mpsc::Sender<Ready>,
) {
    loop {
        let (socket, address, place) = shared.accept(&listener).await;
        let (tls, ready) = (tls.clone(), ready.clone());
        tokio::spawn(async move {
            match tls.accept(socket).await {
                Ok((stream, certificate)) => {
                    let client = Client {
                        address,
                        certificate,
                        place: Arc::new(place),
                    };
                    // Without a router, nobody is there to answer.
                    let _ = ready.send((stream, client)).await;
                }
                Err(error) => tracing::info!(peer = %address, %error, "no TLS handshake: closed"),
            }
        });
    }
}

/// What axum takes its connections from.
struct Secured {
    taken: Receiver<Ready>,
    address: SocketAddr,
}

impl axum::serve::Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = Client;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.taken.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Err(io::Error::other(format!("{} is no client", self.address)))
    }
}

impl Connected<IncomingStream<'_, Secured>> for Client {
    fn connect_info(stream: IncomingStream<'_, Secured>) -> Self {
        stream.remote_addr().clone()
    }
}
