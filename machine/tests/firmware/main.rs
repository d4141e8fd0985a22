//! The devkit firmware, as it is built and kept, in front of a hub.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the conformance suite uses more of it")]
mod common;

mod cloud;
mod signs_in;
