//! One byte stream: a task that reads and a task that writes.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::{
        Notify,
        mpsc::{self, Sender, UnboundedReceiver, UnboundedSender},
        oneshot,
    },
};

use super::listener::{NetEvent, Table, lock};
use crate::{ClientCertificate, ConnectionId};

/// Most bytes of one [`NetEvent::Data`].
const READ: usize = 16 * 1024;
/// Answers that leave together, at most.
const PIECES: usize = 64;
/// How long a client may take, once the hub has closed, to accept the last bytes and to close too.
/// A socket dropped before would lose what the client has not read, such as its CONNACK.
pub(super) const LINGER: Duration = Duration::from_secs(2);

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

/// The connection's side of [`Outgoing`].
pub(super) struct Queued {
    pub(super) queue: UnboundedReceiver<Bytes>,
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) end: Arc<Notify>,
    pub(super) closed: oneshot::Receiver<()>,
}

/// Makes both sides of a way out that holds so many bytes.
pub(super) fn way_out(limit: usize) -> (Outgoing, Queued) {
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
    let queued = Queued {
        queue: queued,
        waiting,
        end,
        closed,
    };
    (outgoing, queued)
}

/// Who is at the other end.
pub(super) struct Peer {
    pub(super) id: ConnectionId,
    pub(super) address: String,
    pub(super) certificate: Option<Box<ClientCertificate>>,
}

impl Peer {
    pub(super) fn opened(&mut self) -> NetEvent {
        NetEvent::Opened {
            id: self.id,
            peer: std::mem::take(&mut self.address),
            certificate: self.certificate.take(),
        }
    }
}

/// Runs a connection, which is entered in the table meanwhile, to its end, and then tells of it
/// by [`NetEvent::Closed`].
pub(super) async fn serve<S>(
    mut peer: Peer,
    stream: S,
    limit: usize,
    table: Table,
    events: Sender<NetEvent>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let id = peer.id;
    let (outgoing, queued) = way_out(limit);
    lock(&table).insert(id, outgoing);
    let (from, to) = tokio::io::split(stream);
    let Queued {
        queue,
        waiting,
        end,
        closed,
    } = queued;
    if events.send(peer.opened()).await.is_err() {
        lock(&table).remove(&id);
        return;
    }
    let writing = tokio::spawn(write(to, queue, waiting, Arc::clone(&end)));
    tokio::select! {
        () = read(id, from, &events) => {}
        () = end.notified() => {}
        () = async { let _ = closed.await; tokio::time::sleep(LINGER).await } => {}
    }
    lock(&table).remove(&id);
    writing.abort();
    // Without a loop to hear it, nobody waits for the news.
    let _ = events.send(NetEvent::Closed { id }).await;
}

async fn read<S: AsyncRead + Unpin>(id: ConnectionId, mut socket: S, events: &Sender<NetEvent>) {
    while let Ok(bytes) = piece(&mut socket).await {
        if bytes.is_empty() || events.send(NetEvent::Data { id, bytes }).await.is_err() {
            return;
        }
    }
}

/// What has come in, at least a byte; nothing at the end. The buffer lives no longer than a poll,
/// so a connection that waits has none.
async fn piece<S: AsyncRead + Unpin>(socket: &mut S) -> io::Result<Bytes> {
    std::future::poll_fn(|context| {
        let mut space = [MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *socket).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
    })
    .await
}

/// Writes until the way out is dropped and the queue empty, then closes this direction.
async fn write<S: AsyncWrite + Unpin>(
    mut socket: S,
    mut queued: UnboundedReceiver<Bytes>,
    waiting: Arc<AtomicUsize>,
    end: Arc<Notify>,
) {
    let mut pieces = Vec::new();
    while queued.recv_many(&mut pieces, PIECES).await > 0 {
        let size: usize = pieces.iter().map(Bytes::len).sum();
        // Many small answers are one write, and one TLS record.
        let bytes = match pieces.as_slice() {
            [one] => one.clone(),
            many => many.concat().into(),
        };
        pieces.clear();
        let sent = async {
            socket.write_all(&bytes).await?;
            socket.flush().await
        };
        if sent.await.is_err() {
            return end.notify_one();
        }
        waiting.fetch_sub(size, Ordering::Relaxed);
    }
    if socket.shutdown().await.is_err() {
        end.notify_one();
    }
}
