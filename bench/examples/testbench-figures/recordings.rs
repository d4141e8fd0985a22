//! Seek in a long recording, and the comparison of two of a million events.

use std::{path::Path, process::Command, sync::Arc, time::Instant};

use jiff::Timestamp;
use twinbench_model::{Epoch, Event, Room, VirtualTime};
use twinbench_recording::{Digest, Header, Options, Reader, Recorder, Sequencer};

use crate::{COMPARED, Result, row};

const DEVICES: u64 = 1_000;
const EPOCH: &str = "2026-01-01T00:00:00Z";
/// Moments that are looked for.
const MOMENTS: u64 = 20;

/// The same seeks with the format's own package: opens the file, and takes the first message of each
/// moment. Prints the slowest in milliseconds.
const PYTHON: &str = r"
import sys, time
from mcap.reader import make_reader
slowest = 0
for at in sys.argv[2:]:
    start = time.perf_counter()
    with open(sys.argv[1], 'rb') as file:
        next(iter(make_reader(file).iter_messages(start_time=int(at))))
    slowest = max(slowest, time.perf_counter() - start)
print(slowest * 1e3)
";

pub(crate) fn figures(folder: &Path, long: u64) -> Result<()> {
    let file = folder.join("long.mcap");
    let bytes = record(&file, long, u64::MAX)?;
    println!("a recording of {long} events, {} MB", bytes / 1_000_000);
    let last = VirtualTime::from_millis(10 * (long / DEVICES));
    let moments: Vec<VirtualTime> = (1..MOMENTS)
        .map(|part| VirtualTime::from_nanos(last.as_nanos() / MOMENTS * part))
        .collect();
    let mut slowest = 0.0f64;
    for &moment in &moments {
        let start = Instant::now();
        let first = Reader::open_at(&file, moment)?.next();
        slowest = slowest.max(start.elapsed().as_secs_f64() * 1e3);
        let found = first.ok_or("nothing there")??.entry.time;
        assert!(found >= moment, "{found} is before {moment}");
    }
    row(
        "open and seek, the slowest of 19",
        slowest,
        "ms",
        "below 50",
    );
    theirs(&file, &moments)?;
    std::fs::remove_file(&file)?;

    let [left, right] = ["left.mcap", "right.mcap"].map(|name| folder.join(name));
    record(&left, COMPARED, u64::MAX)?;
    record(&right, COMPARED, COMPARED - COMPARED / 10)?;
    let done = Command::new(std::env::current_exe()?)
        .arg("diff")
        .args([left, right])
        .status()?;
    if done.success() {
        Ok(())
    } else {
        Err("the comparison failed".into())
    }
}

fn theirs(file: &Path, moments: &[VirtualTime]) -> Result<()> {
    let Some(python) = std::env::var_os("TWINBENCH_PYTHON") else {
        println!("no Python with `mcap`: nothing to compare with");
        return Ok(());
    };
    let epoch: Timestamp = EPOCH.parse()?;
    let wall = moments
        .iter()
        .map(|moment| (epoch.as_nanosecond() + i128::from(moment.as_nanos())).to_string());
    let done = Command::new(python)
        .args(["-c", PYTHON])
        .arg(file)
        .args(wall)
        .output()?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into());
    }
    let slowest: f64 = String::from_utf8(done.stdout)?.trim().parse()?;
    row("the same with Python's mcap package", slowest, "ms", "");
    Ok(())
}

/// Compares two recordings that differ in one event.
pub(crate) fn diff(left: &Path, right: &Path) -> Result<()> {
    use twinbench_recording::diff;

    let start = Instant::now();
    let options = diff::Options {
        context: 3,
        ..diff::Options::default()
    };
    let (left, right) = (Reader::open(left)?, Reader::open(right)?);
    let found = diff::diff(left.entries(), right.entries(), &options)?;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(found.divergences.len(), 1, "{found}");
    row(
        "the first divergence of two of 1,000,000 events in",
        seconds,
        "s",
        "below 10",
    );
    if let Some(peak) = peak() {
        row("with at most", peak, "MiB", "below 200");
    }
    Ok(())
}

/// Records so many events of a fleet; one of them, if it comes, says something else.
fn record(path: &Path, count: u64, other: u64) -> Result<u64> {
    let header = Header {
        bench: "figures".to_owned(),
        seed: 1,
        epoch: Epoch::new(EPOCH.parse()?),
        producer: "testbench-figures".to_owned(),
        bench_file: None,
        parent: None,
    };
    let sources: Vec<Arc<str>> = (0..DEVICES)
        .map(|n| format!("device-{n:04}").into())
        .collect();
    let (mut sequencer, mut digest) = (Sequencer::new(), Digest::new());
    let mut recorder = Recorder::create(path, &header, Options::default())?;
    for step in 0..count / DEVICES {
        let time = VirtualTime::from_millis(10 * step);
        let event = |(n, source): (u64, &Arc<str>)| {
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
        for entry in sequencer.step((0..).zip(&sources).map(event).collect())? {
            digest.update(&entry);
            recorder.record(&entry, Timestamp::UNIX_EPOCH)?;
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
