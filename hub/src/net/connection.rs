//! One socket: a task that reads and a task that writes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{
        Notify,
        mpsc::{self, Sender, UnboundedReceiver, UnboundedSender},
        oneshot,
    },
};

use super::listener::{NetEvent, Table, lock};
use crate::ConnectionId;

/// Most bytes of one [`NetEvent::Data`].
const READ: usize = 16 * 1024;
/// How long a client may take, once the hub has closed, to accept the last bytes and to close too.
/// A socket dropped before would lose what the client has not read, such as its CONNACK.
const LINGER: Duration = Duration::from_secs(2);

/// The way out to a client. Dropped, the connection closes after what waits has left.
#[derive(Debug)]
pub(super) struct Outgoing {
    queue: UnboundedSender<Bytes>,
    /// Bytes in the queue, which this bounds rather than the number of pieces.
    waiting: Arc<AtomicUsize>,
    limit: usize,
    end: Arc<Notify>,
    /// Its end tells that this was dropped.
    _open: oneshot::Sender<()>,
}

impl Outgoing {
    /// Queues bytes unless too many wait already.
    pub(super) fn send(&self, bytes: Bytes) -> bool {
        let size = bytes.len();
        if self.waiting.fetch_add(size, Ordering::Relaxed) + size > self.limit {
            return false;
        }
        self.queue.send(bytes).is_ok()
    }

    /// Ends the connection with no regard to what waits.
    pub(super) fn abort(self) {
        self.end.notify_one();
    }
}

/// Starts the tasks of a connection and enters it in the table. When it has ended, it is out of
/// the table and its [`NetEvent::Closed`] is sent.
pub(super) fn start(
    (id, peer): (ConnectionId, SocketAddr),
    socket: TcpStream,
    limit: usize,
    table: &Table,
    events: Sender<NetEvent>,
) {
    // Small answers are to leave at once; a socket that refuses the option works all the same.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let (queue, queued) = mpsc::unbounded_channel();
    let (waiting, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (open, closed) = oneshot::channel();
    let outgoing = Outgoing {
        queue,
        _open: open,
        waiting: Arc::clone(&waiting),
        limit,
        end: Arc::clone(&end),
    };
    lock(table).insert(id, outgoing);
    let table = Arc::clone(table);
    let (from, to) = socket.into_split();
    let writing = tokio::spawn(write(to, queued, waiting, Arc::clone(&end)));
    tokio::spawn(async move {
        let peer = peer.to_string();
        if events.send(NetEvent::Opened { id, peer }).await.is_err() {
            lock(&table).remove(&id);
            return;
        }
        tokio::select! {
            () = read(id, from, &events) => {}
            () = end.notified() => {}
            () = async { let _ = closed.await; tokio::time::sleep(LINGER).await } => {}
        }
        lock(&table).remove(&id);
        writing.abort();
        // Without a loop to hear it, nobody waits for the news.
        let _ = events.send(NetEvent::Closed { id }).await;
    });
}

async fn read(id: ConnectionId, mut socket: OwnedReadHalf, events: &Sender<NetEvent>) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ);
        let mut piece = (&mut socket).take(READ as u64);
        match piece.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let bytes = buffer.split().freeze();
        if events.send(NetEvent::Data { id, bytes }).await.is_err() {
            return;
        }
    }
}

/// Writes until the way out is dropped and the queue empty, then closes this direction.
async fn write(
    mut socket: OwnedWriteHalf,
    mut queued: UnboundedReceiver<Bytes>,
    waiting: Arc<AtomicUsize>,
    end: Arc<Notify>,
) {
    while let Some(bytes) = queued.recv().await {
        if socket.write_all(&bytes).await.is_err() {
            return end.notify_one();
        }
        waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
    }
    if socket.shutdown().await.is_err() {
        end.notify_one();
    }
}
