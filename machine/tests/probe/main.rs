//! The whole path of a debug probe, without hardware: `probe-rs` drives a virtual probe in front of an
//! emulated board.
#![cfg(feature = "probe")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the tests with firmware use more of it")]
mod common;

mod black_magic;
mod debugging;
// With its tests: those of the library itself are not run with this feature, which would build all
// libraries of the workspace for it.
#[cfg(feature = "defmt")]
#[path = "../../src/probe/defmt.rs"]
mod decoder;
mod machine;
mod parity;
mod stepping;
