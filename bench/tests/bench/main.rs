//! Whole benches, as a person or a CI job runs them.

mod bad_input;
mod common;
mod determinism;
mod restart;
mod serve;
