//! AMQP over WebSocket: binary messages are pieces of the stream (OASIS "AMQP WebSocket Binding",
//! section 2.4).

use std::sync::Arc;

use axum::{
    Router,
    extract::{
        ConnectInfo, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
    routing,
};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::AmqpServer;
use crate::net::Client;

/// Where Event Hubs clients connect; some end it with a slash.
pub(crate) const EVENT_HUBS: &str = "/$servicebus/websocket";
const EVENT_HUBS_SLASH: &str = "/$servicebus/websocket/";
/// The subprotocol that the cloud's clients ask for, and the name that the binding gives it.
const SUBPROTOCOLS: [&str; 2] = ["AMQPWSB10", "amqp"];
/// Longest message of a client: more than any frame that the endpoint takes.
const LONGEST: usize = 256 * 1024;
/// Bytes between the WebSocket and the AMQP connection, each way.
const BETWEEN: usize = 64 * 1024;
/// Most bytes of a message to the client.
const PIECE: usize = 16 * 1024;

impl AmqpServer {
    /// A router that takes AMQP over WebSocket at `/$servicebus/websocket` and leaves everything
    /// else to `rest`. Served by [`Net::listen_https`](crate::net::Net::listen_https), it also has
    /// the clients that ask for AMQP at `/$iothub/websocket`.
    pub fn over_websocket(&self, rest: Router) -> Router {
        let upgrade = routing::any(upgrade).with_state(self.clone());
        Router::new()
            .route(EVENT_HUBS, upgrade.clone())
            .route(EVENT_HUBS_SLASH, upgrade)
            .fallback_service(rest)
    }
}

/// Whether a client asks for AMQP with its `Sec-WebSocket-Protocol`.
pub(crate) fn is_asked_for(protocols: &str) -> bool {
    let asked = |name: &str| SUBPROTOCOLS.contains(&name.trim());
    protocols.split(',').any(asked)
}

async fn upgrade(
    State(server): State<AmqpServer>,
    ConnectInfo(client): ConnectInfo<Client>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade
        .protocols(SUBPROTOCOLS)
        .max_message_size(LONGEST)
        .max_frame_size(LONGEST);
    if upgrade.selected_protocol().is_none() {
        let text = "only AMQP speaks over WebSocket here: ask for the subprotocol AMQPWSB10";
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    let Ok(seat) = Arc::clone(&server.shared.room).try_acquire_owned() else {
        tracing::warn!(peer = %client.address, "too many AMQP connections: refused");
        let text = "the hub has as many AMQP connections as it takes: try again later";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    upgrade.on_upgrade(move |socket| async move {
        let (near, far) = tokio::io::duplex(BETWEEN);
        let peer = client.address.to_string();
        // Whichever ends first, the other sees its stream end.
        tokio::join!(server.serve(near, peer), relay(socket, far));
        drop((seat, client.place));
    })
}

/// Carries bytes between a WebSocket and a stream until either ends. Neither direction waits for
/// the other's reader.
async fn relay(mut socket: WebSocket, stream: DuplexStream) {
    let (mut from, mut to) = tokio::io::split(stream);
    let mut piece = vec![0; PIECE];
    let mut waiting = Bytes::new();
    loop {
        tokio::select! {
            read = from.read(&mut piece) => {
                let Ok(read @ 1..) = read else {
                    // The client may have gone before.
                    let _ = socket.send(Message::Close(None)).await;
                    return;
                };
                let bytes = Bytes::copy_from_slice(&piece[..read]);
                if socket.send(Message::Binary(bytes)).await.is_err() {
                    return;
                }
            }
            written = to.write_buf(&mut waiting), if !waiting.is_empty() => {
                if written.is_err() {
                    return;
                }
            }
            message = socket.recv(), if waiting.is_empty() => match message {
                Some(Ok(Message::Binary(bytes))) => waiting = bytes,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                // A text is no AMQP.
                Some(Ok(Message::Text(_) | Message::Close(_)) | Err(_)) | None => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_who_asks_for_amqp() {
        for text in ["AMQPWSB10", "amqp", "mqtt, AMQPWSB10"] {
            assert!(is_asked_for(text), "{text}");
        }
        for text in ["", "mqtt", "AMQP"] {
            assert!(!is_asked_for(text), "{text}");
        }
    }
}
