//! Recordings of whole benches: played again, run again, gone back in, compared.

mod again;
mod commands;
mod kill;
mod through;
mod timeline;

use std::path::{Path, PathBuf};

use serde_json::Value;
use twinbench::session::{ENTITIES, Kept};
use twinbench_model::VirtualTime;
use twinbench_recording::Reader;

use crate::common;

/// Every bench of the repository.
fn benches() -> Vec<PathBuf> {
    let mut benches: Vec<_> = std::fs::read_dir(common::fixture(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .collect();
    benches.sort();
    assert!(!benches.is_empty());
    benches
}

/// Records a bench for so many seconds.
fn record(bench: &Path, folder: &Path, seconds: u64) -> Kept {
    let mut session = common::open(bench, folder, 2, false);
    session.run_until(VirtualTime::from_secs(seconds)).unwrap();
    session.finish().unwrap().1
}

/// The states of entities that a recording ends with.
fn states(recording: &Path) -> Value {
    let mut reader = Reader::open(recording).unwrap();
    let states = reader.attachment(ENTITIES).unwrap();
    serde_json::from_slice(&states.expect("a finished recording has the states")).unwrap()
}
