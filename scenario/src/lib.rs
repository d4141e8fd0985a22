//! Scenarios: what is done to a bench, what must come of it, and whether it did.
//!
//! | module | what |
//! |---|---|
//! | [`mod@file`] | scenario files: read and checked, every mistake with its place |
//! | [`plan`] | a scenario made ready to run |
//! | [`matcher`] | conditions on values |
//! | [`runner`] | the state machine that runs a plan: virtual time and events in, verdicts out |
//! | [`coverage`] | what a suite reached |
//! | [`explore`] | the search for a seed and faults that break a scenario, and its shrinking |
//! | [`report`] | verdicts for people, JUnit, GitHub and JSON |
//!
//! This room decides and does no IO: files come in through a function, time and events by
//! argument, and the bench is met through the trait [`World`](runner::World).

pub mod coverage;
pub mod diagnostic;
pub mod explore;
pub mod file;
pub mod matcher;
pub mod plan;
pub mod report;
pub mod runner;
pub mod transcript;

pub use diagnostic::FileError;
pub use file::{Case, Suite};

/// The JSON Schema of scenario files, for editors; generated from the types.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(file::ScenarioFile).to_value()
}
