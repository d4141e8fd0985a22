//! External Control: time, pins, converters and the bus of a running emulation, over both generations
//! of its protocol. What it can do is one API; which bytes go over the wire follows the version.

pub mod gen1;
pub mod gen2;
mod one;
mod parts;
mod two;

use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub use self::parts::{Adc, Bus, Gpio, Machine, Width};
use crate::version::Generation;

/// The commands, whose numbers are the same in both generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Command {
    /// Second generation only: do the versions fit?
    CheckVersion = 0,
    /// Run the emulation.
    RunFor = 1,
    /// The virtual time.
    GetTime = 2,
    /// A machine's number.
    GetMachine = 3,
    /// Converters.
    Adc = 4,
    /// Pins.
    Gpio = 5,
    /// Memory.
    SystemBus = 6,
}

/// A change of a pin that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The asker's number for it.
    pub descriptor: i32,
    /// When, in virtual time. Its grain is that of the emulation's sync points (100 µs unless set),
    /// and a microsecond at least in the first generation.
    pub time: Duration,
    /// The new level.
    pub high: bool,
}

/// Why External Control could not do it.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The connection failed.
    #[error("renode's external control at {address} cannot be reached: {cause}")]
    Connection {
        /// The server.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// The server has closed the connection. It does so on a fatal error, often without its words, and
    /// then listens no more.
    #[error("renode closed external control; the server has to be made again (its log tells why)")]
    Closed,
    /// A fatal error, with its words. The server listens no more.
    #[error("renode's external control has given up: {0}; the server has to be made again")]
    Fatal(String),
    /// No answer in time.
    #[error(
        "renode's external control did not answer within {0:?}; is the version the one that was told?"
    )]
    Silent(Duration),
    /// The command failed, with Renode's words.
    #[error("{0}")]
    Failed(String),
    /// The server does not have the command in this version.
    #[error("this renode's external control has no {0:?}; it needs {1} or newer")]
    Unsupported(Command, &'static str),
    /// Bytes that are no frame of the first generation.
    #[error(transparent)]
    Frame(#[from] gen1::NotAFrame),
    /// Bytes that are no message of the second generation.
    #[error(transparent)]
    Message(#[from] gen2::NotAMessage),
    /// An answer of another form.
    #[error("renode answered {command:?} with {length} bytes, which cannot be")]
    Form {
        /// To which command.
        command: Command,
        /// How many.
        length: usize,
    },
    /// A duration that the protocol cannot carry.
    #[error("the first generation of external control counts whole microseconds: {0:?} is none")]
    Grain(Duration),
}

/// A connection to External Control. The server takes one client at a time.
#[derive(Debug)]
pub struct Control {
    wire: Wire,
}

#[derive(Debug)]
enum Wire {
    One(one::Client),
    Two(two::Client),
}

/// How long to wait on the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For an answer.
    pub answer: Duration,
    /// For a run: a second of virtual time may take minutes.
    pub run: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            run: Duration::from_mins(10),
        }
    }
}

impl Control {
    /// Connects and agrees on the protocol.
    ///
    /// # Errors
    /// When there is no server, or it does not take this generation.
    pub fn connect(
        address: SocketAddr,
        generation: Generation,
        patience: Patience,
    ) -> Result<Self, ControlError> {
        let failed = |cause| ControlError::Connection { address, cause };
        let stream = TcpStream::connect_timeout(&address, patience.answer).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let wire = match generation {
            Generation::One(commands) => {
                Wire::One(one::Client::new(stream, address, commands, patience)?)
            }
            Generation::Two => Wire::Two(two::Client::new(stream, address, patience)?),
        };
        Ok(Self { wire })
    }

    /// The virtual time of the emulation.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn time(&mut self) -> Result<Duration, ControlError> {
        let data = self.call(Command::GetTime, &[])?;
        let count = u64::from_le_bytes(fixed(Command::GetTime, &data)?);
        Ok(match self.wire {
            Wire::One(_) => Duration::from_micros(count),
            Wire::Two(_) => Duration::from_nanos(count),
        })
    }

    /// Runs the emulation; it must be paused. Afterwards [`Control::edges`] has what pins did.
    ///
    /// # Errors
    /// When it runs already, the server does not answer, or the duration has a grain finer than the
    /// protocol's.
    pub fn run_for(&mut self, duration: Duration) -> Result<(), ControlError> {
        let nanos = duration.as_nanos();
        let count = match self.wire {
            Wire::One(_) if !nanos.is_multiple_of(1000) => {
                return Err(ControlError::Grain(duration));
            }
            Wire::One(_) => nanos / 1000,
            Wire::Two(_) => nanos,
        };
        let count = u64::try_from(count).map_err(|_| ControlError::Grain(duration))?;
        self.call(Command::RunFor, &count.to_le_bytes()).map(drop)
    }

    /// The changes of pins since the last call, in the order in which Renode told of them.
    pub fn edges(&mut self) -> Vec<Edge> {
        match &mut self.wire {
            Wire::One(client) => client.edges(),
            Wire::Two(client) => client.edges(),
        }
    }

    /// A machine by the name it was created with.
    ///
    /// # Errors
    /// `Machine not found`.
    pub fn machine(&mut self, name: &str) -> Result<Machine, ControlError> {
        let data = self.call(Command::GetMachine, &sized(name))?;
        Ok(Machine(i32::from_le_bytes(fixed(
            Command::GetMachine,
            &data,
        )?)))
    }

    fn call(&mut self, command: Command, payload: &[u8]) -> Result<Vec<u8>, ControlError> {
        match &mut self.wire {
            Wire::One(client) => client.call(command, payload),
            Wire::Two(client) => client.call(command, payload),
        }
    }
}

/// A length and a name.
fn sized(name: &str) -> Vec<u8> {
    let mut bytes = (name.len() as u32).to_le_bytes().to_vec();
    bytes.extend(name.as_bytes());
    bytes
}

/// Data of a known length.
fn fixed<const N: usize>(command: Command, data: &[u8]) -> Result<[u8; N], ControlError> {
    data.try_into().map_err(|_| ControlError::Form {
        command,
        length: data.len(),
    })
}

/// What an event about a pin holds: 8 bytes of time, 4 of level, 4 of padding.
fn edge(descriptor: i32, data: &[u8], unit: fn(u64) -> Duration) -> Result<Edge, ControlError> {
    let body: [u8; 16] = fixed(Command::Gpio, data)?;
    let [t0, t1, t2, t3, t4, t5, t6, t7, s0, s1, s2, s3, ..] = body;
    Ok(Edge {
        descriptor,
        time: unit(u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7])),
        high: u32::from_le_bytes([s0, s1, s2, s3]) != 0,
    })
}
