//! The server and the worker at their sockets: unmodified SDKs, workers of ours, crashes, access.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod access;
mod common;
mod crash;
mod functions;
mod sdk;
mod worker;
