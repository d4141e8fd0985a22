//! The application on the engine, behaviour by behaviour.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod adapter;
mod alerts;
mod batches;
mod common;
mod configuration;
mod connectors;
mod front_end;
mod history;
mod poison;
mod restart;
mod twin_files;
