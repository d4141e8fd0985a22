//! Figures of a fleet: devkits in the emulator with their modems and a hub that lets everybody in.
//!
//! ```text
//! cargo run --release -p twinbench-machine --example fleet-figures -- [devices] [virtual seconds] [threads]
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement of speed needs the wall clock, and ends where something fails"
)]

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    thread,
    time::{Duration, Instant},
};

use common::{Bench, device, devkit_image, devkit_options};
use twinbench_machine::{EmulatorMachine, QUANTUM, Wake};
use twinbench_model::{VirtualDuration, VirtualTime};

/// How long the devices take to come up, join and sign in.
const SIGNED_IN: VirtualTime = VirtualTime::from_secs(15);

/// Runs one bench to a time, quantum by quantum while it is busy; where it sleeps it is not visited.
fn run_one(bench: &mut Bench, until: VirtualTime) {
    while bench.now < until {
        let quantum = QUANTUM.as_nanos();
        let sleeps_to = match bench.machine.next_wake() {
            Wake::Busy => bench.now,
            Wake::At(time) => VirtualTime::from_nanos(time.as_nanos() / quantum * quantum),
            Wake::Never => until,
        };
        if sleeps_to > bench.now {
            bench.step(sleeps_to.min(until));
        } else {
            bench.run((bench.now + QUANTUM).min(until));
        }
    }
}

/// Runs every bench to a time, on all threads; how long that took.
fn run(benches: &mut [Bench], threads: usize, until: VirtualTime) -> Duration {
    let start = Instant::now();
    let share = benches.len().div_ceil(threads);
    thread::scope(|scope| {
        for benches in benches.chunks_mut(share) {
            scope.spawn(move || {
                for bench in benches {
                    run_one(bench, until);
                    bench.out.clear();
                    bench.given.clear();
                }
            });
        }
    });
    start.elapsed()
}

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(default, |it| it.parse().unwrap());
    let (devices, seconds, threads) = (number(1000), number(60), number(2));
    let image = devkit_image();
    let before = resident();
    let mut benches: Vec<Bench> = (0..devices)
        .map(|index| {
            let mut options = devkit_options();
            options.device = device(&format!("devkit-{index}"));
            options.telemetry_interval = Some(VirtualDuration::from_secs(10));
            Bench::new(EmulatorMachine::az3166(image.clone(), options).unwrap())
        })
        .collect();
    let boot = run(&mut benches, threads as usize, SIGNED_IN);
    let published = |benches: &[Bench]| -> usize {
        let all = benches.iter().flat_map(|bench| &bench.hub.published);
        all.filter(|(topic, _)| topic.contains("/messages/events"))
            .count()
    };
    let first = published(&benches);
    let end = SIGNED_IN + VirtualDuration::from_secs(seconds);
    let wall = run(&mut benches, threads as usize, end);
    let sent = published(&benches) - first;
    println!("{devices} devkits with modem and hub, {threads} threads");
    println!(
        "  switched on, joined and signed in ({SIGNED_IN}): {:.2} s, {:.1} ms a device",
        boot.as_secs_f64(),
        boot.as_secs_f64() * 1e3 / devices as f64
    );
    println!(
        "  {seconds} virtual seconds: {:.2} s, {:.1} times faster than real time, {sent} messages",
        wall.as_secs_f64(),
        seconds as f64 / wall.as_secs_f64()
    );
    if let (Some(before), Some(after)) = (before, resident()) {
        let each = (after - before) as f64 / 1024.0 / devices as f64;
        println!("  {each:.0} KiB a device, resident, beyond the shared image");
    }
}

/// Bytes of this process in memory, on Linux.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
