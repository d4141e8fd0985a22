//! A short seeded run of the instruction fuzzer: no difference from the oracle, every row reached.

mod isa;

use isa::{
    case::Case,
    compare::{Subject, difference},
    oracle::Oracle,
    rows::ROWS,
};

const CASES: u64 = 14_000;
const SEED: u64 = 3166;

#[test]
fn the_core_agrees_with_unicorn() {
    let Some(mut oracle) = python().and_then(|python| Oracle::start(&python).ok()) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "TWINBENCH_PYTHON names no Python with unicorn"
        );
        eprintln!(
            "SKIPPED: no Python with unicorn (TWINBENCH_PYTHON); `cargo xtask setup` makes one"
        );
        return;
    };
    let mut subject = Subject::default();
    let mut reached = vec![0; ROWS.len()];
    let mut differences = Vec::new();
    for first in (0..CASES).step_by(2000) {
        let cases: Vec<Case> = (first..first + 2000).map(|n| Case::new(SEED, n)).collect();
        oracle.send(&cases).unwrap();
        let ours: Vec<_> = cases.iter().map(|case| subject.run(case)).collect();
        let theirs = oracle.receive(cases.len()).unwrap();
        for (case, (ours, theirs)) in cases.iter().zip(ours.iter().zip(&theirs)) {
            differences.extend(difference(case, ours, theirs));
            for row in &case.rows {
                reached[*row] += u64::from(!ours.fault);
            }
        }
    }
    assert!(
        differences.is_empty(),
        "against {}: {}",
        oracle.name,
        differences.join("\n")
    );
    for (row, times) in ROWS.iter().zip(reached) {
        assert!(times >= 20, "{} was reached {times} times", row.name);
    }
}

fn python() -> Option<std::path::PathBuf> {
    std::env::var_os("TWINBENCH_PYTHON").map(Into::into)
}
