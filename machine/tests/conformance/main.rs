//! What every backend holds to, run against each that is present.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the tests with firmware use more of it")]
mod common;

mod emulated;
mod every;
mod process;
mod two_kinds;
