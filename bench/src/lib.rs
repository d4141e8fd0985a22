//! Twinbench: a device's real firmware, a local cloud, one clock.
//!
//! This crate puts the rooms together: bench files, the stepping loop, sessions, the API server
//! and the `twinbench` command. It holds no domain rule of its own.

pub mod cli;
pub mod exit;
pub mod file;
pub mod replay;
pub mod report;
mod scenario;
pub mod serve;
pub mod session;
