//! Compares the core with an independent oracle (unicorn), instruction by instruction.
//!
//! ```text
//! cargo run --release -p twinbench-emulator --example fuzz-isa -- [--seconds N] [--seed S]
//!     [--cases N] [--case K] [--rows]
//! ```
//! The Python that has unicorn is named by `TWINBENCH_PYTHON`. `--case K` runs one case of a seed
//! and shows it; `--rows` prints how often each row was reached. Exit code 1: differences.

#![expect(
    clippy::disallowed_methods,
    reason = "a tool for the command line: it has a time limit and finds its oracle by the environment"
)]

use std::{
    collections::BTreeMap,
    error::Error,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

#[path = "../tests/isa/mod.rs"]
mod isa;

use isa::{
    case::Case,
    compare::{Subject, difference},
    oracle::Oracle,
    rows::ROWS,
};

const BATCH: u64 = 2000;
const SHOWN: usize = 40;

#[derive(Debug)]
struct Options {
    seconds: u64,
    seed: u64,
    cases: u64,
    case: Option<u64>,
    rows: bool,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        seconds: 30,
        seed: 1,
        cases: u64::MAX,
        case: None,
        rows: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--rows" {
            options.rows = true;
            continue;
        }
        let value = arguments.next().ok_or(format!("{name} needs a number"))?;
        let value: u64 = value
            .parse()
            .map_err(|_| format!("{name} {value}: no number"))?;
        match name.as_str() {
            "--seconds" => options.seconds = value,
            "--seed" => options.seed = value,
            "--cases" => options.cases = value,
            "--case" => options.case = Some(value),
            _ => return Err(format!("{name} is not known; see the head of this example").into()),
        }
    }
    Ok(options)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = options()?;
    let python = std::env::var("TWINBENCH_PYTHON").unwrap_or("python3".into());
    let mut oracle = Oracle::start(&PathBuf::from(python))?;
    let mut subject = Subject::default();
    let seed = options.seed;
    if let Some(number) = options.case {
        let case = Case::new(seed, number);
        println!("{case:x?}");
        oracle.send(std::slice::from_ref(&case))?;
        let theirs = oracle.receive(1)?.remove(0);
        let ours = subject.run(&case);
        println!(
            "{}",
            difference(&case, &ours, &theirs).unwrap_or("equal".into())
        );
        return Ok(ExitCode::from(u8::from(ours != theirs)));
    }

    let (start, limit) = (Instant::now(), Duration::from_secs(options.seconds));
    let mut reached = vec![0u64; ROWS.len()];
    let mut different: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut first, mut shown) = (0, 0);
    while first < options.cases && start.elapsed() < limit {
        let count = BATCH.min(options.cases - first);
        let cases: Vec<Case> = (first..first + count).map(|n| Case::new(seed, n)).collect();
        oracle.send(&cases)?;
        let ours: Vec<_> = cases.iter().map(|case| subject.run(case)).collect();
        let theirs = oracle.receive(cases.len())?;
        for (index, (case, (ours, theirs))) in
            (first..).zip(cases.iter().zip(ours.iter().zip(&theirs)))
        {
            for row in &case.rows {
                reached[*row] += u64::from(!ours.fault);
            }
            if let Some(text) = difference(case, ours, theirs) {
                let times = different.entry(ROWS[case.rows[0]].name).or_default();
                *times += 1;
                if *times <= 3 && shown < SHOWN {
                    shown += 1;
                    println!("{text}\n  again: --seed {seed} --case {index}");
                }
            }
        }
        first += count;
    }
    if options.rows {
        for (row, times) in ROWS.iter().zip(&reached) {
            println!("{times:8} {}", row.name);
        }
    }
    for (name, times) in &different {
        println!("{times:8} differences in {name}");
    }
    let least = ROWS.iter().zip(&reached).min_by_key(|(_, times)| **times);
    let (row, times) = least.map_or(("", 0), |(row, times)| (row.name, *times));
    let total: u64 = different.values().sum();
    println!(
        "{first} cases in {:.1} s against {}, {} rows, each at least {times} times ({row}), {total} differences",
        start.elapsed().as_secs_f64(),
        oracle.name,
        ROWS.len(),
    );
    Ok(ExitCode::from(u8::from(total > 0)))
}
