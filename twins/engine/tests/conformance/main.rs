//! The conformance checks of `durable-semantics`, section 12, by their numbers, and what else the
//! specification promises. Where the way makes a difference each one is run in several ways: by the
//! functions of the engine's own process, by a worker elsewhere, and by a worker that loses,
//! abandons and cuts its work short.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod addresses;
mod batches;
mod commits;
mod common;
mod crashes;
mod delivery;
mod endings;
mod http_rows;
mod limits;
mod reading;
mod replays;
mod retries;
mod rewinding;
mod sections;
mod suspending;
mod threads;
mod versions;
mod workers;
