//! Running plans on a bench that is made up: every step, and every way in which one fails.

#![expect(clippy::unwrap_used, reason = "tests")]

mod actions;
mod expectations;
mod invariants;
mod world;
