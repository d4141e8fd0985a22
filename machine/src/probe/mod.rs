//! Real boards behind debug probes, and a virtual probe in front of an emulated board.
//!
//! [`ProbeMachine`] drives a board with `probe-rs`: it writes the firmware, listens to its channels
//! (RTT, `defmt`, serial ports), reads variables, and tells why a core locked up. With a
//! [`VirtualBoard`] all of that happens without hardware, the chip's flash algorithm on the emulated
//! core included.
//!
//! A probe is another device that may be unplugged: what is lost then is a gap, and said so.

mod black_magic;
mod channels;
mod console;
#[cfg(feature = "defmt")]
mod defmt;
#[cfg(not(feature = "defmt"))]
#[path = "without_defmt.rs"]
mod defmt;
mod detect;
mod fault;
mod inspect;
mod link;
mod list;
mod machine;
mod options;
mod serial;
mod virtual_probe;
mod watched;

pub use self::{
    black_magic::BlackMagicPort,
    list::{ACCESS_HINT, ProbeInfo, list},
    machine::{POLL, ProbeMachine},
    options::{Flashing, Phase, ProbeOptions, Progress, SerialLine},
    virtual_probe::{PRODUCT, Pace, VENDOR, VirtualBoard},
};
