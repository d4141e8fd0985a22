//! Whole benches, as a person or a CI job runs them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics and says where"
)]

mod app;
mod bad_input;
mod broken;
mod clients;
mod cloud;
mod common;
mod determinism;
mod durable;
mod field;
mod guide;
mod hub_file;
mod killed;
mod machines;
mod modem;
mod page;
mod past;
mod probes;
mod programs;
mod recordings;
mod restart;
mod serve;
mod served_probe;
mod workers;
