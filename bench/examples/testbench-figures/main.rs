//! Prints the figures of recordings, replay and scenarios: `cargo xtask bench testbench`.
//!
//! Seek is measured beside the `mcap` package of Python, in the same file and run.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the wall clock"
)]

mod recordings;
mod replay;

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Events of the long recording: about a gigabyte.
const LONG: u64 = 13_000_000;
/// Events of each of the two that are compared.
const COMPARED: u64 = 1_000_000;

/// A bench of one board.
const BENCH: &str = r#"
version = 1
name    = "one-devkit"
epoch   = "2026-01-01T00:00:00Z"

[[device]]
id       = "devkit-01"
board    = "az3166"
firmware = "FIRMWARE"
link     = { modem = "usart1" }

[[app]]
kind = "serverless-iot"
"#;

/// A day of it.
const DAY: &str = r#"
version = 1
name    = "a day with a board"
bench   = "bench.toml"
for     = "24h"

[[step]]
name = "the last reading of the day"
at   = "23h 50m"
within = "10m"
expect.telemetry = { device = "devkit-01" }
"#;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What is measured for its memory runs as a process of its own.
    if let [verb, left, right] = &arguments[..]
        && verb == "diff"
    {
        return recordings::diff(Path::new(left), Path::new(right));
    }
    let long = arguments.first().map_or(Ok(LONG), |it| it.parse())?;
    let folder = std::env::temp_dir().join(format!("twinbench-figures-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = figures(&folder, long);
    // Left-over state of a failed run is of no use to anybody.
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn figures(folder: &Path, long: u64) -> Result<()> {
    println!(
        "testbench, {} core(s)",
        std::thread::available_parallelism()?
    );
    replay::figures(folder)?;
    scenarios(folder)?;
    recordings::figures(folder, long)
}

/// Start-up of `twinbench test`, and a day with a board.
fn scenarios(folder: &Path) -> Result<()> {
    let own = std::env::current_exe()?;
    let program: PathBuf = own
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new(""))
        .join("twinbench");
    if !program.is_file() {
        println!("{} is not built: no scenarios", program.display());
        return Ok(());
    }
    let mut best = f64::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        let done = Command::new(&program)
            .args(["test", "--list", "fixtures/scenarios/one-alert.toml"])
            .output()?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into());
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    row(
        "`twinbench test` reads a scenario and lists it in",
        best * 1e3,
        "ms",
        "below 100",
    );
    let firmware = std::fs::canonicalize("fixtures/firmware/devkit.elf")?;
    let bench = BENCH.replace("FIRMWARE", &firmware.display().to_string());
    std::fs::write(folder.join("bench.toml"), bench)?;
    std::fs::write(folder.join("day.toml"), DAY)?;
    let start = Instant::now();
    let done = Command::new(&program)
        .args(["test", "day.toml"])
        .current_dir(folder)
        .output()?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stdout).into());
    }
    row(
        "a scenario of 24 h with one devkit takes",
        start.elapsed().as_secs_f64(),
        "s",
        "below 60",
    );
    Ok(())
}

fn row(what: &str, figure: f64, unit: &str, aim: &str) {
    let aim = if aim.is_empty() {
        String::new()
    } else {
        format!("  (aim: {aim})")
    };
    println!("{what:<52} {figure:>12.1} {unit:<4}{aim}");
}
