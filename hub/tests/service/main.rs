//! The service side: its REST rules in memory, and the cloud's own clients through TLS.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "rest")]

mod clients;
mod host;
mod rig;
mod routes;
mod rules;
