//! A peer that plays Renode's side of a recording.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{Side, Transcript};

/// How long a client may leave the peer waiting.
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays Renode's side of a recorded session to one client, on loopback. It takes nothing but the
/// recorded bytes, and cuts its answers wherever it likes: borders of reads say nothing.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    thread: JoinHandle<Result<(), Mismatch>>,
}

/// The client did something else than was recorded.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// It sent other bytes.
    #[error(
        "piece {piece}: the client sent {} where {} was recorded",
        sent.escape_ascii(), recorded.escape_ascii()
    )]
    Sent {
        /// Which line of the recording, from 0.
        piece: usize,
        /// What came.
        sent: Vec<u8>,
        /// What was recorded.
        recorded: Vec<u8>,
    },
    /// It went on after its recorded end.
    #[error("piece {piece}: the client sent {} after its recorded end", sent.escape_ascii())]
    GoesOn {
        /// Which line.
        piece: usize,
        /// What came.
        sent: Vec<u8>,
    },
    /// A connection failed or ended early.
    #[error("piece {piece}: {cause}")]
    Connection {
        /// Which line.
        piece: usize,
        /// Why.
        cause: io::Error,
    },
    /// The peer itself has failed.
    #[error("the peer has failed")]
    Failed,
}

impl Peer {
    /// Waits for a client at a free port. `seed` decides where answers are cut.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn serve(transcript: Transcript, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let thread = thread::spawn(move || play(&listener, &transcript, Cuts(seed)));
        Ok(Self { address, thread })
    }

    /// Where it waits.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the session is played to its end.
    ///
    /// # Errors
    /// When the client did something else than was recorded.
    pub fn finish(self) -> Result<(), Mismatch> {
        self.thread.join().unwrap_or(Err(Mismatch::Failed))
    }
}

/// Lengths of pieces, the same for the same seed.
struct Cuts(u64);

impl Cuts {
    /// Between 1 and `most`; short ones more often.
    fn next(&mut self, most: usize) -> usize {
        // A step of splitmix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let reach = if z.is_multiple_of(4) {
            most
        } else {
            most.min(7)
        };
        1 + (z >> 8) as usize % reach
    }
}

fn play(listener: &TcpListener, transcript: &Transcript, mut cuts: Cuts) -> Result<(), Mismatch> {
    let mut connection: Option<TcpStream> = None;
    for (piece, it) in transcript.pieces.iter().enumerate() {
        let failed = |cause| Mismatch::Connection { piece, cause };
        let stream = match &mut connection {
            Some(stream) => stream,
            None => connection.insert(accept(listener).map_err(failed)?),
        };
        match (it.side, it.bytes.is_empty()) {
            (Side::Client, false) => {
                let mut sent = vec![0; it.bytes.len()];
                let mut length = 0;
                while length < sent.len() {
                    match stream.read(&mut sent[length..]).map_err(failed)? {
                        0 => break,
                        read => length += read,
                    }
                    // Told as soon as it is seen: what follows may never come.
                    if sent[..length] != it.bytes[..length] {
                        break;
                    }
                }
                sent.truncate(length);
                if sent != it.bytes {
                    return Err(Mismatch::Sent {
                        piece,
                        sent,
                        recorded: it.bytes.clone(),
                    });
                }
            }
            (Side::Client, true) => {
                let mut sent = Vec::new();
                stream.read_to_end(&mut sent).map_err(failed)?;
                if !sent.is_empty() {
                    return Err(Mismatch::GoesOn { piece, sent });
                }
                connection = None;
            }
            (Side::Renode, false) => {
                let mut rest = it.bytes.as_slice();
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(cuts.next(rest.len()));
                    stream.write_all(now).map_err(failed)?;
                    rest = later;
                }
            }
            (Side::Renode, true) => {
                // The client may have closed before.
                let _ = stream.shutdown(Shutdown::Both);
                connection = None;
            }
        }
    }
    Ok(())
}

fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    // A client that never comes must not keep a test for ever.
    listener.set_nonblocking(true)?;
    let pulse = Duration::from_millis(2);
    for _ in 0..PATIENCE.as_millis() / pulse.as_millis() {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => thread::sleep(pulse),
            Err(cause) => return Err(cause),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}
