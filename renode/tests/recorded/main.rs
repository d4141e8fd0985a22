//! Every channel against sessions that were recorded with real Renodes: the requests must be the
//! recorded bytes, and the answers are cut at random borders.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

mod control;
mod fake_two;
mod monitor;
mod robot;
mod session;
mod uart;

use std::{path::Path, time::Duration};

use renode_rs_bindings::{
    Version,
    recorded::{Peer, Transcript},
};

/// The releases that sessions were recorded with.
const RELEASES: [&str; 2] = ["1.15.3", "1.16.1"];
/// For anything that waits: other programs may use the computer.
const PATIENCE: Duration = Duration::from_mins(1);

fn transcript(release: &str, session: &str) -> Transcript {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/transcripts")
        .join(format!("{release}-{session}.jsonl"));
    Transcript::load(&path).unwrap()
}

fn peer(release: &str, session: &str, seed: u64) -> Peer {
    Peer::serve(transcript(release, session), seed).unwrap()
}

fn version(release: &str) -> Version {
    Version::find(release).unwrap()
}
