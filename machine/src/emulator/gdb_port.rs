//! The edge: a port on loopback at which GDB finds an emulated board.
//!
//! A thread carries bytes between the client and the board, so that a client is answered while
//! the bench is paused. While the client holds the core, a bench that wants the machine to run
//! waits for it: virtual time stands, for every device alike.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use twinbench_model::VirtualTime;

use super::EmulatorMachine;
use crate::{
    Capabilities, Debug, Error, Frame, Halt, Inspect, Machine, Output, Snapshots, Stimulus,
    Variable, Wake,
};

/// How long the thread waits for a client's bytes before it looks whether the core has stopped.
const LOOK: Duration = Duration::from_millis(5);
/// How often it looks for a client.
const ACCEPT: Duration = Duration::from_millis(20);

/// An emulated board with a port for GDB.
pub struct DebuggedMachine {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shared {
    machine: Mutex<EmulatorMachine>,
    /// The client let go of the core, or went.
    released: Condvar,
    /// How many want the machine for a client's sake: they go first.
    clients: AtomicUsize,
    closing: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, EmulatorMachine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something for the client, before the bench has its next turn.
    fn serve<R>(&self, act: impl FnOnce(&mut EmulatorMachine) -> R) -> R {
        self.clients.fetch_add(1, Ordering::SeqCst);
        let result = act(&mut self.lock());
        self.clients.fetch_sub(1, Ordering::SeqCst);
        self.released.notify_all();
        result
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }
}

impl DebuggedMachine {
    /// Opens the port on loopback; 0 takes any free one.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub fn new(machine: EmulatorMachine, port: u16) -> Result<Self, Error> {
        let refuse = |cause: std::io::Error| {
            Error::Debugger(format!(
                "port {port} cannot be opened: {cause}; give another, or 0 for any free one"
            ))
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(refuse)?;
        listener.set_nonblocking(true).map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        let shared = Arc::new(Shared {
            machine: Mutex::new(machine),
            released: Condvar::new(),
            clients: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name(format!("gdb-{}", address.port()))
            .spawn(move || listen(&listener, &theirs))
            .map_err(refuse)?;
        tracing::info!(%address, "GDB can connect: target remote {address}");
        Ok(Self {
            shared,
            address,
            thread: Some(thread),
        })
    }

    /// Where GDB connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The machine, once the client's current wish is fulfilled.
    fn machine(&self) -> MutexGuard<'_, EmulatorMachine> {
        while self.shared.clients.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
        self.shared.lock()
    }
}

impl Drop for DebuggedMachine {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // It holds no lock while it waits and looks every few milliseconds.
            let _ = thread.join();
        }
    }
}

fn listen(listener: &TcpListener, shared: &Shared) {
    while !shared.is_closing() {
        match listener.accept() {
            Ok((client, peer)) => {
                tracing::info!(%peer, "GDB is here");
                if let Err(cause) = attend(client, shared) {
                    tracing::warn!(%peer, %cause, "GDB has gone");
                }
                shared.serve(Debug::debug_close);
            }
            Err(_) => thread::sleep(ACCEPT),
        }
    }
}

/// Serves one client until it goes.
fn attend(mut client: TcpStream, shared: &Shared) -> Result<(), Error> {
    let lost = |cause: std::io::Error| Error::Debugger(cause.to_string());
    client.set_nonblocking(false).map_err(lost)?;
    client.set_nodelay(true).map_err(lost)?;
    client.set_read_timeout(Some(LOOK)).map_err(lost)?;
    shared.serve(Debug::debug_open)?;
    let mut buffer = [0; 2048];
    while !shared.is_closing() {
        let done = match client.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                shared.serve(|machine| machine.debug_receive(bytes))
            }
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                shared.serve(EmulatorMachine::poll_debugger)
            }
            Err(cause) => return Err(lost(cause)),
        };
        let (out, there) = shared.serve(|machine| (machine.debug_output(), machine.is_debugged()));
        client.write_all(&out).map_err(lost)?;
        done?;
        if !there {
            return Ok(());
        }
    }
    Ok(())
}

impl Machine for DebuggedMachine {
    /// Waits, and virtual time with it, while a client holds the core.
    fn run_until(&mut self, t: VirtualTime) -> Result<Halt, Error> {
        let mut machine = self.machine();
        loop {
            match machine.run_until(t)? {
                Halt::Debugger => {
                    machine = self
                        .shared
                        .released
                        .wait(machine)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                halt => return Ok(halt),
            }
        }
    }

    fn drain(&mut self, out: &mut Vec<Output>) {
        self.machine().drain(out);
    }

    fn apply(&mut self, stimulus: Stimulus) -> Result<(), Error> {
        self.machine().apply(stimulus)
    }

    fn next_wake(&self) -> Wake {
        let machine = self.machine();
        // A core that is held has nothing to do, but time must not go on without it.
        if machine.held_at().is_some() {
            Wake::Busy
        } else {
            machine.next_wake()
        }
    }

    fn capabilities(&self) -> Capabilities {
        self.machine().capabilities()
    }

    fn snapshots(&mut self) -> Option<&mut dyn Snapshots> {
        Some(self)
    }

    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        Some(self)
    }
}

impl Snapshots for DebuggedMachine {
    fn snapshot(&mut self) -> Result<Vec<u8>, Error> {
        self.machine().snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), Error> {
        self.machine().restore(snapshot)
    }
}

impl Inspect for DebuggedMachine {
    fn registers(&self) -> Vec<(&'static str, u32)> {
        self.machine().registers()
    }

    fn memory(&self, address: u32, length: usize) -> Vec<u8> {
        self.machine().memory(address, length)
    }

    fn variable(&mut self, name: &str) -> Result<Variable, Error> {
        self.machine().variable(name)
    }

    fn backtrace(&mut self) -> Result<Vec<Frame>, Error> {
        self.machine().backtrace()
    }
}
