//! Looking into a machine, taking its state and putting it back.

use serde::Serialize;
use twinbench_model::VirtualTime;

use crate::Error;

/// Takes and puts back a machine's whole state.
///
/// A machine that goes on from a snapshot does, on the same stimuli, what the one did that it was
/// taken of. What its options gave it (identity, generators, the modem's surroundings) stays its own.
pub trait Snapshots {
    /// The state now: versioned bytes, which name the firmware.
    ///
    /// # Errors
    /// When the state cannot be written; memory holds all that is written.
    fn snapshot(&mut self) -> Result<Vec<u8>, Error>;

    /// Goes on from a snapshot of a machine of the same kind with the same firmware.
    ///
    /// # Errors
    /// When the bytes are damaged, of another version, board or firmware. The machine then needs
    /// a good snapshot or a reset.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), Error>;
}

/// Looks into a machine's processor and memory. Nothing is changed by looking.
pub trait Inspect {
    /// The processor's registers, in its manual's order.
    fn registers(&self) -> Vec<(&'static str, u32)>;

    /// Up to `length` bytes of memory; fewer where memory ends.
    fn memory(&self, address: u32, length: usize) -> Vec<u8>;

    /// A variable by name: whole, or the end of its path when only one ends so.
    ///
    /// # Errors
    /// When the firmware's symbols are not known, or have no such variable in memory.
    fn variable(&mut self, name: &str) -> Result<Variable, Error>;

    /// The functions that are being executed, innermost first, through exceptions.
    ///
    /// # Errors
    /// When the firmware's symbols are not known.
    fn backtrace(&mut self) -> Result<Vec<Frame>, Error>;
}

/// A variable and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its whole name.
    pub name: String,
    /// Its address.
    pub address: u32,
    /// Its bytes, as they are in memory.
    pub bytes: Vec<u8>,
}

impl Variable {
    /// The value of a little-endian integer of up to eight bytes.
    pub fn unsigned(&self) -> Option<u64> {
        let mut word = [0; 8];
        word.get_mut(..self.bytes.len())?
            .copy_from_slice(&self.bytes);
        Some(u64::from_le_bytes(word))
    }
}

/// A function in a backtrace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// The address executed next in it.
    pub pc: u32,
    /// Its name, when known.
    pub function: Option<String>,
    /// The source file as the compiler was given it, when known.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// It was interrupted by an exception and did not call.
    pub interrupted: bool,
}

/// A debugger's door into a machine: bytes of the GDB remote protocol in and out.
///
/// While a client holds the core, the machine's time stands: `run_until` returns
/// [`Halt::Debugger`](crate::Halt::Debugger) early, again and again, until it lets go.
pub trait Debug {
    /// A client has come: the core stops for it.
    ///
    /// # Errors
    /// When there is a client already.
    fn debug_open(&mut self) -> Result<(), Error>;

    /// Takes what the client sent. A single step is carried out at once.
    ///
    /// # Errors
    /// When the client breaks the protocol; it is then gone.
    fn debug_receive(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// What is to be sent to the client.
    fn debug_output(&mut self) -> Vec<u8>;

    /// The client has gone: the core runs on.
    fn debug_close(&mut self);

    /// Whether there is a client.
    fn is_debugged(&self) -> bool;

    /// The time at which a client holds the core; none: nobody does.
    fn held_at(&self) -> Option<VirtualTime>;
}
