//! A debug probe without hardware: a driver for `probe-rs` in front of a board in the embedded emulator.
//!
//! What a probe's wire carries is emulated at the level of the debug port's registers (ADIv5.2): a
//! serial wire debug port ([`port`]), one access port to the bus, the chip's table of components
//! ([`components`]). Everything above is `probe-rs` itself, as with a real board: it powers the debug
//! domain up, halts the core, loads the chip's flash algorithm into RAM and runs it on the emulated
//! core.

mod board;
mod components;
mod driver;
mod port;

pub(super) use self::board::State;
pub use self::{
    board::{Pace, VirtualBoard},
    driver::{PRODUCT, VENDOR},
};
