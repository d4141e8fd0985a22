//! How many events a second one core sequences, digests and records, and reads back.
//!
//! `cargo run --release -p twinbench-recording --example record_rate [EVENTS]`

use std::{error::Error, path::Path};

use jiff::Timestamp;
use twinbench_model::{Epoch, Event, Room, VirtualTime};
use twinbench_recording::{Digest, Header, Options, Reader, Recorder, Sequencer};

const DEVICES: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let count = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 600_000u64,
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rate.mcap");
    let sources: Vec<_> = (0..DEVICES)
        .map(|n| format!("device-{n:04}").into())
        .collect();
    let steps: Vec<Vec<Event>> = (0..count / DEVICES)
        .map(|step| {
            let time = VirtualTime::from_millis(10 * step);
            let event = |(n, source): (u64, &std::sync::Arc<str>)| {
                let facts = serde_json::json!({
                    "temperature": 20.0 + ((step * 7 + n) % 100) as f64 / 10.0,
                    "humidity": 40.0 + ((step * 3 + n) % 200) as f64 / 10.0,
                    "enqueued": step, "partition": n % 4, "message": step * DEVICES + n,
                });
                Event::json(time, Room::Hub, "d2c", source.clone(), &facts)
            };
            (0..).zip(&sources).map(event).collect()
        })
        .collect();
    let mut bytes = 0;
    let recorded = timed(|| record(&path, steps, &mut bytes))?;
    let read = timed(|| Ok(Reader::open(&path)?.try_fold(0u64, |n, read| read.map(|_| n + 1))?))?;
    for (verb, (entries, seconds)) in [("recorded", recorded), ("read", read)] {
        let rate = entries as f64 / seconds;
        println!("{verb:<9}{entries} events in {seconds:.2} s: {rate:.0} events/s on one core");
    }
    println!("file     {:.1} MB", bytes as f64 / 1e6);
    Ok(())
}

/// Sequences, digests and records; returns the number of entries.
fn record(path: &Path, steps: Vec<Vec<Event>>, bytes: &mut u64) -> Result<u64, Box<dyn Error>> {
    let header = Header {
        bench: "rate".to_owned(),
        seed: 1,
        epoch: Epoch::new("2026-01-01T00:00:00Z".parse()?),
        producer: "record_rate".to_owned(),
        bench_file: None,
        parent: None,
    };
    let (mut sequencer, mut digest) = (Sequencer::new(), Digest::new());
    let mut recorder = Recorder::create(path, &header, Options::default())?;
    for step in steps {
        let wall = Timestamp::from_nanosecond(now())?;
        for entry in sequencer.step(step)? {
            digest.update(&entry);
            recorder.record(&entry, wall)?;
        }
    }
    let finished = recorder.finish(&digest.hex())?;
    *bytes = finished.bytes;
    Ok(finished.entries)
}

fn timed(act: impl FnOnce() -> Result<u64, Box<dyn Error>>) -> Result<(u64, f64), Box<dyn Error>> {
    let start = now();
    let entries = act()?;
    Ok((entries, (now() - start) as f64 / 1e9))
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
