//! Machines: whatever runs a device. One trait, several backends, and the links by which a
//! device reaches the hub.

use bytes::Bytes;
use twinbench_model::{Message, VirtualDuration, VirtualTime};

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

/// Something that came out of a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// When it came out (for bytes: when the last of them had left).
    pub time: VirtualTime,
    /// What.
    pub kind: OutputKind,
}

/// What came out of a machine.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputKind {
    /// Bytes on a console or link port, e.g. `console`.
    Uart {
        /// The board's name for the port.
        port: &'static str,
        /// The bytes.
        bytes: Bytes,
    },
    /// An LED or another named pin changed its level.
    Pin {
        /// The board's name for it, e.g. `led-user`.
        name: &'static str,
        /// High or low.
        high: bool,
    },
    /// The display's picture changed: rows of 8 vertical pixels, as the controller keeps them.
    Display {
        /// 1,024 bytes for 128×64 pixels.
        frame: Bytes,
    },
    /// The modem's network card wants something of the network.
    Network(NetworkRequest),
    /// A whole message, from a machine without firmware or from a line link.
    Message(Message),
    /// One line of diagnosis (unmodelled register, modem state, …).
    Note(String),
}

/// What a modem asks of the network it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkRequest {
    /// Open a connection. The answer is [`NetworkEvent::Opened`] or [`NetworkEvent::Closed`].
    Open {
        /// The machine's own number for the connection.
        connection: u32,
        /// Host name as the firmware gave it.
        host: String,
        /// TCP port.
        port: u16,
        /// Whether the modem speaks TLS for the firmware.
        tls: bool,
    },
    /// Send bytes.
    Send {
        /// The connection.
        connection: u32,
        /// The bytes.
        bytes: Bytes,
    },
    /// Close it.
    Close {
        /// The connection.
        connection: u32,
    },
}

/// What the network tells a modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkEvent {
    /// The connection stands.
    Opened {
        /// The machine's own number for the connection.
        connection: u32,
    },
    /// Bytes arrived.
    Received {
        /// The connection.
        connection: u32,
        /// The bytes.
        bytes: Bytes,
    },
    /// The other side closed, or it could not be opened.
    Closed {
        /// The connection.
        connection: u32,
        /// Why, for the log.
        reason: String,
    },
}

/// Something given to a machine from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Stimulus {
    /// Bytes into a UART port.
    Uart {
        /// The board's name for the port.
        port: String,
        /// The bytes.
        bytes: Bytes,
    },
    /// A sensor's quantity has a new value, in the quantity's unit (°C, %RH, hPa, mG, mg, mdps).
    Sensor {
        /// The quantity, e.g. `temperature`.
        quantity: String,
        /// The value.
        value: f64,
    },
    /// A button goes down or up.
    Button {
        /// The board's name for it: `a`, `b`.
        name: String,
        /// Pressed or released.
        pressed: bool,
    },
    /// The reset line.
    Reset,
    /// News from the network for the modem.
    Network(NetworkEvent),
}

/// What a backend can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Same inputs, same outputs.
    pub deterministic: bool,
    /// It runs firmware (and so has ports, pins, sensors).
    pub firmware: bool,
}

/// Why a machine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stimulus has no target on this machine.
    #[error("no {what} on this machine; it has: {available}")]
    NoSuchTarget {
        /// What was asked for.
        what: String,
        /// What there is.
        available: String,
    },
    /// The firmware image cannot be used.
    #[error("firmware cannot be loaded: {0}")]
    Firmware(String),
    /// A setting is out of range.
    #[error("{0}")]
    Setting(String),
}

/// The quantum in which a busy machine is run: what leaves it waits at most so long for the hub.
pub const QUANTUM: VirtualDuration = VirtualDuration::from_millis(10);
