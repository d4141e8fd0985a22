//! `twinbench test` and `twinbench explore`, as a person or a CI server calls them.

#![expect(clippy::unwrap_used, reason = "tests")]

mod command;
mod exploring;
mod failing;
mod passing;
mod reports;
mod serverless;
