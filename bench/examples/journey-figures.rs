//! Prints the figures of the journey: `cargo xtask bench journey`.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the wall clock"
)]

use std::{
    error::Error,
    path::{Path, PathBuf},
    time::Instant,
};

use twinbench::{
    file::BenchFile,
    session::{COMMIT_EVERY, Options, Session},
};
use twinbench_model::{VirtualDuration, VirtualTime};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let journey = PathBuf::from(
        std::env::args()
            .nth(1)
            .unwrap_or_else(|| "fixtures/benches/journey.toml".into()),
    );
    let folder = std::env::temp_dir().join(format!("twinbench-figures-{}", std::process::id()));
    let outcome = figures(&journey, &folder);
    // Left-over state of a failed run is of no use to anybody.
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn figures(journey: &Path, folder: &Path) -> Result<()> {
    println!(
        "journey bench ({}), durable commits on, {} core(s)",
        journey.display(),
        std::thread::available_parallelism()?
    );

    let started = Instant::now();
    let mut session = open(
        BenchFile::load(journey)?,
        journey,
        &folder.join("journey"),
        COMMIT_EVERY,
    )?;
    while session.stats().messages == 0 {
        session.step(session.next_step(VirtualTime::MAX))?;
    }
    row(
        "first telemetry after",
        started.elapsed().as_secs_f64() * 1e3,
        "ms",
        "below 1000",
    );

    let firmware = loop {
        // The first message of the emulated board, which has to boot, join and sign in first.
        if session.file().device.iter().any(|device| {
            device.firmware.is_some()
                && twinbench_model::DeviceId::new(device.id.get_ref())
                    .is_ok_and(|id| session.messages_of(&id) > 0)
        }) {
            break started.elapsed();
        }
        session.step(session.next_step(VirtualTime::MAX))?;
    };
    row(
        "first telemetry of the firmware after",
        firmware.as_secs_f64() * 1e3,
        "ms",
        "",
    );

    let (from, wall) = (session.now(), Instant::now());
    session.run_until(from + VirtualDuration::from_secs(600))?;
    row(
        "virtual seconds per second",
        600.0 / wall.elapsed().as_secs_f64(),
        "",
        "100 or more",
    );
    session.finish()?;

    let fleet = fleet(1_000);
    let path = folder.join("fleet.toml");
    std::fs::write(&path, &fleet)?;
    let mut session = open(
        BenchFile::parse(&path, &fleet)?,
        &path,
        &folder.join("fleet"),
        COMMIT_EVERY,
    )?;
    // Past the retention of ten minutes, so that every history has its full length.
    session.run_until(VirtualTime::from_secs(650))?;
    let (before, wall) = (session.stats().messages, Instant::now());
    session.run_until(VirtualTime::from_secs(1_850))?;
    session.commit()?;
    let messages = (session.stats().messages - before) as f64;
    row(
        "messages a second, 1,000 devices, end to end",
        messages / wall.elapsed().as_secs_f64(),
        "",
        "20000 or more",
    );
    row("memory at 1,000 devices", resident_mib(), "MiB", "");
    session.finish()?;
    Ok(())
}

fn open(file: BenchFile, path: &Path, folder: &Path, commit_every: u64) -> Result<Session> {
    let options = Options {
        path: path.to_owned(),
        text: String::new(),
        out: folder.to_owned(),
        data: folder.join("data"),
        resume: false,
        threads: 0,
        commit_every,
        durability: twinbench_engine::store::Durability::Strict,
        require_recording: false,
        parent: None,
    };
    Ok(Session::open(file, &options)?)
}

/// A fleet of simulated devices, each with 60 readings of history.
fn fleet(count: u32) -> String {
    format!(
        r#"
version = 1
name = "fleet"
epoch = "2026-01-01T00:00:00Z"
seed = 7
[[device]]
id = "sim-{{n}}"
count = {count}
backend = "simulated"
interval = "10s"
sensors = {{ temperature = {{ periodic = {{ min = 0.0, max = 30.0, period = "60s", noise = 5.0 }} }}, humidity = {{ random = {{ min = 0.0, max = 100.0 }} }} }}
[[app]]
kind = "serverless-iot"
"#
    )
}

fn row(what: &str, value: f64, unit: &str, aim: &str) {
    let aim = if aim.is_empty() {
        String::new()
    } else {
        format!("   (aim: {aim})")
    };
    println!("{what:<46} {value:>12.1} {unit}{aim}");
}

/// Resident memory of this process, where the system tells it.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}
