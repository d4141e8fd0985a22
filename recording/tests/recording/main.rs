//! What a user may rely on in recordings, one file per behaviour.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod broken;
mod common;
mod cut_files;
mod order;
mod other_readers;
mod round_trip;
mod seek;
