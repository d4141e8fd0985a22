//! MQTT over WebSocket: binary messages are pieces of the stream (MQTT 3.1.1, section 6).

use std::sync::{Arc, atomic::Ordering};

use axum::{
    extract::{
        ConnectInfo, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use super::{
    NetEvent,
    connection::{LINGER, Peer, Queued, way_out},
    https::Client,
    listener::{Shared, lock},
};

/// Longest message of a client: more than any packet that the hub takes.
const LONGEST: usize = 512 * 1024;

/// Takes an upgrade to the subprotocol `mqtt`.
pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(client): ConnectInfo<Client>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade
        .protocols(["mqtt", "mqttv3.1"])
        .max_message_size(LONGEST)
        .max_frame_size(LONGEST);
    if upgrade.selected_protocol().is_none() {
        let text = "only MQTT speaks over WebSocket here: ask for the subprotocol mqtt";
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    upgrade.on_upgrade(move |socket| serve(shared, client, socket))
}

async fn serve(shared: Arc<Shared>, client: Client, mut socket: WebSocket) {
    let id = shared.number();
    let mut peer = Peer {
        id,
        address: client.address.to_string(),
        certificate: client.certificate,
    };
    let (outgoing, mut queued) = way_out(shared.options.waiting_bytes);
    lock(&shared.table).insert(id, outgoing);
    if shared.events.send(peer.opened()).await.is_ok() {
        relay(&shared, id, &mut socket, &mut queued).await;
    }
    lock(&shared.table).remove(&id);
    // Without a loop to hear it, nobody waits for the news.
    let _ = shared.events.send(NetEvent::Closed { id }).await;
    drop(client.place);
}

async fn relay(
    shared: &Shared,
    id: crate::ConnectionId,
    socket: &mut WebSocket,
    queued: &mut Queued,
) {
    loop {
        tokio::select! {
            () = queued.end.notified() => return,
            bytes = queued.queue.recv() => {
                let Some(bytes) = bytes else {
                    // The hub has closed: the client has a moment to take the rest and to close.
                    let closing = async {
                        if socket.send(Message::Close(None)).await.is_ok() {
                            while let Some(Ok(_)) = socket.recv().await {}
                        }
                    };
                    let _ = tokio::time::timeout(LINGER, closing).await;
                    return;
                };
                let size = bytes.len();
                if socket.send(Message::Binary(bytes)).await.is_err() {
                    return;
                }
                queued.waiting.fetch_sub(size, Ordering::Relaxed);
            }
            message = socket.recv() => {
                let bytes: Bytes = match message {
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    // A text is no MQTT (section 6.0, MQTT-6.0.0-1).
                    Some(Ok(Message::Text(_) | Message::Close(_)) | Err(_)) | None => return,
                };
                // In pieces as from a socket, so that no event is longer than one of those.
                for piece in bytes.chunks(16 * 1024) {
                    let bytes = bytes.slice_ref(piece);
                    if shared.events.send(NetEvent::Data { id, bytes }).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
