//! Messages a second through hub, functions and entities, with durable commits and a recording.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use twinbench::{
    replay::{
        Plan, bench,
        through::{roles, through},
    },
    session::{COMMIT_EVERY, Options, Session},
};
use twinbench_engine::store::Durability;
use twinbench_model::VirtualDuration;
use twinbench_recording::Reader;

use crate::{Result, row};

/// As so many devices the journey's are played.
const COPIES: u32 = 1_000;
/// So often.
const LOOPS: u32 = 5;

pub(crate) fn figures(folder: &Path) -> Result<()> {
    let recording = PathBuf::from("fixtures/recordings/journey.mcap");
    let plan = Plan {
        copies: Some(COPIES),
        phase: VirtualDuration::from_secs(10),
        loops: LOOPS,
        ..Plan::default()
    };
    let header = Reader::open(&recording)?.header().clone();
    let file = bench::for_roles(None, &header, &roles(&recording, &plan)?)?;
    let options = Options {
        path: PathBuf::from("figures.toml"),
        text: String::new(),
        out: folder.join("replay"),
        data: folder.join("replay/data"),
        resume: false,
        threads: 0,
        commit_every: COMMIT_EVERY,
        durability: Durability::Strict,
        require_recording: true,
        parent: None,
    };
    let mut session = Session::open(file, &options)?;
    let start = Instant::now();
    let played = through(&mut session, &recording, &plan, |_, _| true)?;
    session.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "replayed {} messages as {COPIES} devices, durable commits and a recording on",
        played.messages
    );
    row(
        "messages a second through the logic",
        played.messages as f64 / seconds,
        "",
        "50000 or more",
    );
    Ok(())
}
