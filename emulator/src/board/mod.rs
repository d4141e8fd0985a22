//! A board: a chip, what is wired to it, and names for it all.
//!
//! The wiring is data ([`BoardFile`]); the board gives bytes, levels and measured values to the chip
//! by name, and names what comes out.

mod error;
mod file;
mod light;
mod output;
mod run;

pub use error::BoardError;
pub use file::{BoardFile, BusDevice, Button, Level, Line, Memory, PinName, Region, Uart};
pub use output::{BoardOutput, BoardOutputKind};
pub use run::Board;
