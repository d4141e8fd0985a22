//! Machines: whatever runs a device. One trait, several backends, and the links by which a
//! device reaches the hub.
//!
//! | module | is |
//! |---|---|
//! | [`Machine`] | the trait, what goes in ([`Stimulus`]) and what comes out ([`Output`]) |
//! | [`generator`] | values over time for sensors and devices without firmware |
//! | [`modem`] | a serial modem with the ESP-AT command set |
//! | [`SimulatedMachine`] | a device without firmware |
//! | [`EmulatorMachine`] | firmware in the embedded emulator, with its modem |
//! | [`RenodeMachine`] | firmware in Renode, with its modem |
//! | `probe` | real boards behind debug probes, and a virtual probe (feature `probe`) |
//! | [`ProcessMachine`] | a program of the system that plays a device |
//! | [`Snapshots`], [`Inspect`], [`Debug`](trait@Debug) | what a backend may offer besides |
//!
//! Nothing here reads a clock, opens a socket or starts a thread, but for named edges: the port for GDB
//! ([`DebuggedMachine`]), and the two backends that own another program.

mod emulator;
mod error;
pub mod generator;
mod inspect;
mod machine;
pub mod modem;
mod network;
mod output;
#[cfg(feature = "probe")]
pub mod probe;
mod process;
mod renode;
mod settings;
mod simulated;
mod stimulus;

pub use emulator::{DebuggedMachine, EmulatorMachine, EmulatorOptions, QUANTITIES, SENSOR_PERIOD};
pub use error::Error;
pub use inspect::{Debug, Frame, Inspect, Snapshots, Variable};
pub use machine::{Capabilities, Halt, Machine, QUANTUM, Wake};
pub use network::{NetworkEvent, NetworkRequest};
pub use output::{Name, Output, OutputKind};
pub use process::{Limits, ProcessMachine, ProcessOptions, Restart};
pub use renode::{Pin, Quantity, RenodeBoard, RenodeMachine, RenodeOptions, Setup};
pub use simulated::{
    BodyStyle, Burst, Churn, Misbehaviour, Misdeed, SignIn, SimulatedLink, SimulatedMachine,
    SimulatedMethod, SimulatedOptions, Traffic, Update,
};
pub use stimulus::Stimulus;
