//! The edge: a virtual probe for other programs, as a Black Magic remote over TCP on loopback.
//!
//! A stock `probe-rs` (or any program with a Black Magic driver) reaches the emulated board with
//! `--probe 1d50:6018:127.0.0.1:PORT`: it attaches, writes flash memory, debugs, listens to RTT. While
//! somebody is connected, the board's time goes with the wall clock's.

mod command;
mod wire;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use twinbench_model::VirtualDuration;

use self::command::Remote;
use super::VirtualBoard;
use crate::{Error, Machine};

/// How long the thread waits for a client's bytes before it lets the board run on.
const LOOK: Duration = Duration::from_millis(2);
/// How often it looks for a client.
const ACCEPT: Duration = Duration::from_millis(20);
/// The board makes up for no more than this at once.
const MOST: Duration = Duration::from_millis(50);

/// A port at which other programs find a virtual board's probe.
pub struct BlackMagicPort {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl BlackMagicPort {
    /// Opens the port on loopback; 0 takes any free one.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub fn open(board: VirtualBoard, port: u16) -> Result<Self, Error> {
        let opened = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        let (listener, address) = opened.map_err(|cause| {
            Error::Probe(format!(
                "port {port} cannot be opened: {cause}; take another, or 0 for any free one"
            ))
        })?;
        let closing = Arc::new(AtomicBool::new(false));
        let told = closing.clone();
        let thread = thread::spawn(move || accept(&listener, &board, &told));
        Ok(Self {
            address,
            closing,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How `probe-rs` names this probe.
    pub fn selector(&self) -> String {
        format!("1d50:6018:{}", self.address)
    }
}

impl Drop for BlackMagicPort {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, board: &VirtualBoard, closing: &AtomicBool) {
    while !closing.load(Ordering::SeqCst) {
        match listener.accept() {
            // One client at a time; one that breaks off is as good as one that says good-bye.
            Ok((client, _)) => {
                let _ = serve(client, board, closing);
            }
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => thread::sleep(ACCEPT),
            Err(_) => return,
        }
    }
}

fn serve(mut client: TcpStream, board: &VirtualBoard, closing: &AtomicBool) -> std::io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(LOOK))?;
    let mut remote = Remote::default();
    let mut clock = Clock::new();
    let mut bytes = [0; 4096];
    while !closing.load(Ordering::SeqCst) {
        match client.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                let mut state = board.state();
                let mut answers = Vec::new();
                for byte in bytes.get(..length).unwrap_or_default() {
                    remote.take(*byte, &mut state, &mut answers);
                }
                drop(state);
                client.write_all(&answers)?;
            }
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(cause) => return Err(cause),
        }
        let passed = clock.passed();
        board.with(|machine| {
            let end = machine.now().saturating_add(passed);
            // Why it stops early is in the registers, which the client reads.
            let _ = machine.run_until(end);
        });
    }
    Ok(())
}

/// The wall clock, looked at again and again.
struct Clock(Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "an edge: another program waits at the wall clock's pace"
    )]
    fn new() -> Self {
        Self(Instant::now())
    }

    /// What has passed since the last look.
    fn passed(&mut self) -> VirtualDuration {
        let before = std::mem::replace(self, Self::new());
        let passed = self.0.saturating_duration_since(before.0).min(MOST);
        VirtualDuration::from_nanos(passed.as_nanos() as u64)
    }
}
