//! The Durable Functions HTTP API, row by row as `durable-semantics`, section 10 lists it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics and says where"
)]

mod anything;
mod common;
mod entities;
mod histories;
mod instances;
mod lists;
mod openapi;
mod purging;
mod start;
mod telling;
