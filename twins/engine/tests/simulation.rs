//! The simulation in short: some hundred seeds of random work with crashes. `cargo xtask sim` runs
//! ten thousand.

use twinbench_engine::sim::{Report, simulate};

#[test]
fn random_work_with_crashes_keeps_every_promise() {
    let mut all = Report::default();
    for seed in 0..200 {
        match simulate(seed, 300) {
            Ok(report) => all += report,
            Err(failure) => panic!("{failure}\nagain: cargo xtask sim --seed {seed}"),
        }
    }
    // It did not keep them by doing nothing.
    assert!(all.crashes > 1000 && all.commits > 5000, "{all:?}");
    assert!(
        all.messages > 10_000 && all.orchestrations > 4000,
        "{all:?}"
    );
    assert!(all.items_lost > 1000, "{all:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..10 {
        assert_eq!(simulate(seed, 300), simulate(seed, 300));
    }
}
