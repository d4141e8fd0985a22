//! The trait that every backend implements.

use twinbench_model::{VirtualDuration, VirtualTime};

use crate::{Debug, Error, Inspect, Output, Snapshots, Stimulus};

/// A device's machine. It decides only on what it is given: it reads no clock, opens no socket
/// and starts no thread, so a bench may run many of them in parallel with one result.
pub trait Machine: Send {
    /// Runs up to `t`. Returns early, with the reason, when the machine stops by itself.
    ///
    /// # Errors
    /// When the backend fails; a firmware that crashes is no error but a [`Halt`].
    fn run_until(&mut self, t: VirtualTime) -> Result<Halt, Error>;

    /// Moves everything that came out since the last call to `out`, in order of time.
    fn drain(&mut self, out: &mut Vec<Output>);

    /// Gives the machine something from outside, at the time up to which it ran.
    ///
    /// # Errors
    /// When this machine has nothing that takes such a stimulus.
    fn apply(&mut self, stimulus: Stimulus) -> Result<(), Error>;

    /// When the machine wants to run next. An idle machine is not visited before.
    fn next_wake(&self) -> Wake;

    /// What this backend can do.
    fn capabilities(&self) -> Capabilities;

    /// Its state to take and put back; none: this backend cannot.
    fn snapshots(&mut self) -> Option<&mut dyn Snapshots> {
        None
    }

    /// A look into it; none: this backend has no such thing.
    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        None
    }

    /// A debugger's door; none: this backend has none, or serves it by itself.
    fn debug(&mut self) -> Option<&mut dyn Debug> {
        None
    }
}

/// Why `run_until` returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// The asked time is reached.
    Reached,
    /// The core locked up or stopped for good; the text says where and why.
    Lockup(String),
    /// The firmware asked to end (semihosting exit, program end), with its code.
    Exited(i32),
    /// A debugger holds it. Its time stands until the debugger lets go; call again.
    Debugger,
}

/// When a machine wants to run next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// It is executing: run it through the next quantum.
    Busy,
    /// Nothing happens before this time.
    At(VirtualTime),
    /// Nothing happens until a stimulus.
    Never,
}

/// What a backend can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Same inputs, same outputs.
    pub deterministic: bool,
    /// It runs firmware (and so has ports, pins, sensors).
    pub firmware: bool,
}

/// The quantum in which a busy machine is run: what leaves it waits at most so long for the hub.
pub const QUANTUM: VirtualDuration = VirtualDuration::from_millis(10);
