//! Runs the engine through random work with crashes, a seed at a time:
//! `cargo run --release -p twinbench-engine --example sim -- --seeds 10000 --from 0`.

use std::{process::ExitCode, time::Instant};

use twinbench_engine::sim::{Report, simulate};

/// Random steps of a seed.
const STEPS: usize = 1000;

struct Arguments {
    seeds: u64,
    from: u64,
    steps: usize,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        seeds: 1000,
        from: 0,
        steps: STEPS,
    };
    let mut all = std::env::args().skip(1);
    while let Some(name) = all.next() {
        let value = all.next().unwrap_or_default();
        let number: u64 = value
            .parse()
            .map_err(|_| format!("{name} {value}: expected --seeds N, --from S or --steps N"))?;
        match name.as_str() {
            "--seeds" => found.seeds = number,
            "--from" => found.from = number,
            "--steps" => found.steps = number as usize,
            _ => return Err(format!("{name}: expected --seeds N, --from S or --steps N")),
        }
    }
    Ok(found)
}

#[expect(
    clippy::disallowed_methods,
    reason = "seeds per second are measured, nothing is decided by it"
)]
fn main() -> ExitCode {
    let Arguments { seeds, from, steps } = match arguments() {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    let (mut all, mut failed) = (Report::default(), 0);
    for (done, seed) in (1..).zip(from..from + seeds) {
        match simulate(seed, steps) {
            Ok(report) => all += report,
            Err(failure) => {
                failed += 1;
                println!("{failure}\n  again: cargo xtask sim --seed {seed}");
                if failed == 10 {
                    println!("too many: the rest is left out");
                    break;
                }
            }
        }
        if done % 1000 == 0 {
            let rate = f64::from(done) / begun.elapsed().as_secs_f64();
            println!("{done} seeds, {rate:.0} seeds/s");
        }
    }
    let elapsed = begun.elapsed().as_secs_f64();
    println!(
        "{seeds} seeds from {from} in {elapsed:.1} s ({:.0} seeds/s): {} steps, {} commits, \
         {} crashes, {} messages, {} orchestrations, {} work items, {} of them lost",
        seeds as f64 / elapsed,
        all.steps,
        all.commits,
        all.crashes,
        all.messages,
        all.orchestrations,
        all.items,
        all.items_lost,
    );
    if failed > 0 {
        println!("{failed} failed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
