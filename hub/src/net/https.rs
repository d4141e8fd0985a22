//! HTTPS: MQTT over WebSocket at its address, and a router for everything else.

use std::{net::SocketAddr, sync::Arc};

use axum::{Extension, Router, extract::ConnectInfo, routing};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::{
    Net, NetError, Tls,
    listener::{Place, Shared, bind},
    websocket,
};
use crate::ClientCertificate;

/// Where MQTT speaks over WebSocket (IoT Hub MQTT guide).
const WEBSOCKET: &str = "/$iothub/websocket";

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
        let mqtt = routing::any(websocket::upgrade).with_state(Arc::clone(&self.shared));
        let router = Router::new()
            .route(WEBSOCKET, mqtt)
            .fallback_service(router);
        #[cfg(feature = "amqp")]
        let router = Router::new()
            .fallback_service(router)
            .layer(axum::middleware::map_request(amqp_elsewhere));
        let shared = Arc::clone(&self.shared);
        self.spawn(async move {
            loop {
                let (socket, peer) = shared.accept(&listener).await;
                let (shared, tls, router) = (Arc::clone(&shared), tls.clone(), router.clone());
                tokio::spawn(async move {
                    match Box::pin(tls.accept(socket, &shared.handshakes)).await {
                        Ok((stream, certificate)) => {
                            serve(&shared, stream, (peer, certificate), router).await;
                        }
                        Err(error) => tracing::info!(%peer, %error, "no TLS handshake: closed"),
                    }
                });
            }
        });
        Ok(address)
    }
}

/// Serves a connection that has done its handshake.
async fn serve(
    shared: &Shared,
    stream: TlsStream<TcpStream>,
    (address, certificate): (SocketAddr, Option<Box<ClientCertificate>>),
    router: Router,
) {
    let Some(place) = shared.place_for(address) else {
        return;
    };
    let client = Client {
        address,
        certificate,
        place: Arc::new(place),
    };
    let router = router.layer(Extension(ConnectInfo(client)));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also between requests: a client that says nothing more connects again.
        .header_read_timeout(shared.options.opening)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    if let Err(error) = serving.await {
        tracing::info!(peer = %address, %error, "an HTTP connection was closed");
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
