//! Figures of recordings: seek in a long one, and the comparison of two of a million events.
//!
//! `cargo run --release -p twinbench-recording --example seek_and_diff [EVENTS [LONG]]`
//!
//! EVENTS is how many the compared recordings have (1,000,000), LONG how many the long one has
//! (5,000,000: some hundred megabytes). Prints one JSON object.

use std::{error::Error, path::Path};

use jiff::Timestamp;
use twinbench_model::{Epoch, Event, Room, VirtualTime};
use twinbench_recording::{Digest, Header, Options, Reader, Recorder, Sequencer, diff};

const DEVICES: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments.next().map_or(Ok(1_000_000), |it| it.parse())?;
    let long: u64 = arguments.next().map_or(Ok(5_000_000), |it| it.parse())?;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);

    let bytes = record(&at("long.mcap"), long, u64::MAX)?;
    let last = VirtualTime::from_millis(10 * (long / DEVICES));
    let mut slowest = 0.0f64;
    for part in 1..20u64 {
        let time = VirtualTime::from_nanos(last.as_nanos() / 20 * part);
        let start = now();
        let first = Reader::open_at(&at("long.mcap"), time)?.next();
        let taken = (now() - start) as f64 / 1e6;
        let found = first.ok_or("nothing there")??.entry.time;
        assert!(found >= time, "{found} is before {time}");
        slowest = slowest.max(taken);
    }

    let differs = events - events / 10;
    record(&at("left.mcap"), events, u64::MAX)?;
    record(&at("right.mcap"), events, differs)?;
    let start = now();
    let open = |name: &str| Ok::<_, Box<dyn Error>>(Reader::open(&at(name))?.entries());
    let options = diff::Options {
        context: 3,
        ..diff::Options::default()
    };
    let found = diff::diff(open("left.mcap")?, open("right.mcap")?, &options)?;
    let seconds = (now() - start) as f64 / 1e9;
    assert_eq!(found.divergences.len(), 1, "{found}");

    println!(
        "{}",
        serde_json::json!({
            "seek": {"megabytes": bytes as f64 / 1e6, "events": long, "slowestOf19Milliseconds": slowest},
            "diff": {"events": found.events, "seconds": seconds, "peakMebibytes": peak()},
        })
    );
    Ok(())
}

/// Records so many events of a fleet; one of them, if it comes, says something else.
fn record(path: &Path, count: u64, other: u64) -> Result<u64, Box<dyn Error>> {
    let header = Header {
        bench: "figures".to_owned(),
        seed: 1,
        epoch: Epoch::new("2026-01-01T00:00:00Z".parse()?),
        producer: "seek_and_diff".to_owned(),
        bench_file: None,
        parent: None,
    };
    let sources: Vec<std::sync::Arc<str>> = (0..DEVICES)
        .map(|n| format!("device-{n:04}").into())
        .collect();
    let (mut sequencer, mut digest) = (Sequencer::new(), Digest::new());
    let mut recorder = Recorder::create(path, &header, Options::default())?;
    let wall = Timestamp::UNIX_EPOCH;
    for step in 0..count / DEVICES {
        let time = VirtualTime::from_millis(10 * step);
        let event = |(n, source): (u64, &std::sync::Arc<str>)| {
            let number = step * DEVICES + n;
            // What does not repeat, as readings do not.
            let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let facts = serde_json::json!({
                "temperature": 20.0 + (noise >> 40) as f64 / 1e6,
                "humidity": 40.0 + (noise & 0xff_ffff) as f64 / 1e6,
                "message": if number == other { 0 } else { number },
            });
            Event::json(time, Room::Hub, "d2c", source.clone(), &facts)
        };
        let step = sequencer.step((0..).zip(&sources).map(event).collect())?;
        for entry in step {
            digest.update(&entry);
            recorder.record(&entry, wall)?;
        }
    }
    Ok(recorder.finish(&digest.hex())?.bytes)
}

/// The most memory that the process has had, in MiB, where the system tells.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// Wall time in nanoseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is a command line of its own: it hands the wall clock in"
)]
fn now() -> i128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i128)
}
