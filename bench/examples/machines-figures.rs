//! Prints the figures of machines: `cargo xtask bench machines`.
//!
//! Renode is a stand-in that answers at once: what is measured is what we add to Renode's own time.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the wall clock"
)]

use std::{
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use renode_rs_bindings::{Renode, recorded::Pretend};
use twinbench::{
    file::BenchFile,
    session::{COMMIT_EVERY, Options, Session},
};
use twinbench_machine::{Machine as _, Pin, QUANTUM, RenodeBoard, RenodeMachine, RenodeOptions};
use twinbench_model::{DeviceId, Epoch, VirtualDuration, VirtualTime};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// External Control's round trips that are measured.
const TRIPS: u32 = 2_000;
/// Quanta of a board in Renode that are measured.
const QUANTA: u32 = 200;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let devices = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 100_000,
    };
    println!(
        "machines, {} core(s)",
        std::thread::available_parallelism()?
    );
    renode()?;
    let folder = std::env::temp_dir().join(format!("twinbench-figures-{}", std::process::id()));
    let outcome = fleet(devices, &folder);
    // Left-over state of a failed run is of no use to anybody.
    let _ = fs::remove_dir_all(&folder);
    outcome
}

/// One figure; the aim may be empty.
fn row(what: &str, value: f64, unit: &str, aim: &str) {
    println!("{what:<60} {value:>12.1} {unit:<12} {aim}");
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn renode() -> Result<()> {
    let pretend = Pretend::serve("1.16.1")?;
    let folder = std::env::temp_dir();
    let mut session = Renode::options().attach(pretend.address(), folder.clone())?;
    session.create_machine("device")?;

    let begin = Instant::now();
    for _ in 0..TRIPS {
        session.time()?;
    }
    row(
        "External Control: one round trip (time)",
        micros(begin.elapsed() / TRIPS),
        "us",
        "",
    );
    let begin = Instant::now();
    for _ in 0..TRIPS / 10 {
        session.run_for(Duration::from_millis(1))?;
    }
    row(
        "External Control: run for 1 ms, with its edges",
        micros(begin.elapsed() / (TRIPS / 10)),
        "us",
        "the stand-in waits 200 of them",
    );
    let begin = Instant::now();
    for _ in 0..TRIPS / 10 {
        session.read_word(0x4002_0014)?;
    }
    row(
        "robot server: one command",
        micros(begin.elapsed() / (TRIPS / 10)),
        "us",
        "",
    );
    drop(session);

    let mut board = RenodeBoard::description("platforms/cpus/stm32f412.repl");
    board.uarts = vec![("console".to_owned(), "sysbus.usart2".to_owned())];
    board.pins = vec![Pin {
        name: "led".to_owned(),
        port: "sysbus.gpioPortA".to_owned(),
        pin: 5,
    }];
    let epoch = Epoch::new("2026-01-01T00:00:00Z".parse()?);
    let options = RenodeOptions::new(DeviceId::new("hello")?, 7, epoch, board, "hello.elf");
    let pretend = Pretend::serve("1.16.1")?;
    let session = Renode::options().attach(pretend.address(), folder)?;
    let mut machine = RenodeMachine::in_session(session, &options)?;
    let mut out = Vec::new();
    let (mut now, begin) = (VirtualTime::ZERO, Instant::now());
    for _ in 0..QUANTA {
        now += QUANTUM;
        machine.run_until(now)?;
        machine.drain(&mut out);
    }
    row(
        "a board in Renode: one quantum of 10 ms",
        micros(begin.elapsed() / QUANTA),
        "us",
        "two slices, each with 2 ms to listen",
    );
    Ok(())
}

/// A fleet without firmware in one bench, at one message a minute each.
fn fleet(devices: u32, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join("bench.toml");
    fs::write(
        &path,
        format!(
            "version = 1\nname = \"fleet\"\nepoch = \"2026-01-01T00:00:00Z\"\nseed = 7\n\n\
             [[device]]\nid = \"sim-{{n}}\"\ncount = {devices}\nbackend = \"simulated\"\n\
             interval = \"60s\"\n\n[[app]]\nkind = \"serverless-iot\"\n"
        ),
    )?;
    let before = memory();
    let begin = Instant::now();
    let options = Options {
        path: path.clone(),
        text: fs::read_to_string(&path)?,
        out: folder.join("out"),
        data: folder.join("data"),
        resume: false,
        threads: 0,
        commit_every: COMMIT_EVERY,
        durability: twinbench_engine::store::Durability::Strict,
        require_recording: true,
        parent: None,
    };
    let mut session = Session::open(BenchFile::load(&path)?, &options)?;
    let name = format!("{devices} simulated devices:");
    row(
        &format!("{name} ready after"),
        begin.elapsed().as_secs_f64() * 1e3,
        "ms",
        "",
    );
    let made = memory();
    row(
        &format!("{name} memory of each, before its first message"),
        (made - before) / f64::from(devices),
        "bytes",
        "",
    );
    let minute = VirtualDuration::from_secs(60);
    for number in 1..=3 {
        let (cpu, wall, sent) = (cpu_time(), Instant::now(), session.stats().messages);
        session.run_until(session.now() + minute)?;
        let wall = wall.elapsed().as_secs_f64();
        let sent = session.stats().messages - sent;
        println!(
            "{name} minute {number}: {sent} messages in {wall:.2} s, {:.2} s of processor, {:.0} MiB",
            cpu_time() - cpu,
            memory() / f64::from(1 << 20),
        );
        if number == 3 {
            row(
                &format!("{name} a core's load at real time"),
                (cpu_time() - cpu) / 60.0 * 100.0,
                "%",
                "",
            );
            row(
                &format!("{name} memory of each, with its entity"),
                (memory() - before) / f64::from(devices),
                "bytes",
                "",
            );
        }
    }
    Ok(())
}

/// Resident memory in bytes, as Linux has it; 0 elsewhere.
fn memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}

/// Processor time of this process in seconds, as Linux has it; 0 elsewhere.
fn cpu_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may have spaces; user and system time are the 14th and 15th fields.
    let behind = stat.rsplit_once(')').map_or("", |it| it.1);
    let fields: Vec<f64> = behind
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    // The kernel counts hundredths of a second for everybody.
    fields.iter().sum::<f64>() / 100.0
}
