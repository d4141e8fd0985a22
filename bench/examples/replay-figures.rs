//! Figures of replay: messages a second through hub, functions and entities, with durable commits
//! and a recording.
//!
//! `cargo run --release -p twinbench --example replay-figures [RECORDING [DEVICES [LOOPS]]]`
//!
//! Plays the recording (that of the journey) as DEVICES devices (1,000), LOOPS times. Prints one
//! JSON object.

use std::{error::Error, path::PathBuf, time::Instant};

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

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is a command line of its own: it reads the wall clock"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let recording = PathBuf::from(
        arguments
            .next()
            .unwrap_or_else(|| "fixtures/recordings/journey.mcap".to_owned()),
    );
    let copies: u32 = arguments.next().map_or(Ok(1_000), |it| it.parse())?;
    let loops: u32 = arguments.next().map_or(Ok(5), |it| it.parse())?;
    let plan = Plan {
        copies: Some(copies),
        phase: VirtualDuration::from_secs(10),
        loops,
        ..Plan::default()
    };
    let header = Reader::open(&recording)?.header().clone();
    let folder = tempfile::tempdir()?;
    let file = bench::for_roles(None, &header, &roles(&recording, &plan)?)?;
    let options = Options {
        path: PathBuf::from("figures.toml"),
        text: String::new(),
        out: folder.path().join("out"),
        data: folder.path().join("data"),
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
    let (stats, _) = session.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({
            "replay": {
                "devices": copies, "messages": played.messages, "seconds": seconds,
                "messagesPerSecond": played.messages as f64 / seconds,
                "events": stats.events, "commits": stats.commits,
            },
        })
    );
    Ok(())
}
