//! A run of random work with crashes, compared with a model of what was promised.
//!
//! [`simulate`] makes an engine, a store in memory, clients, and workers that die, abandon, answer
//! late or twice, all from one seed. It crashes the engine before and after commits and between
//! them, restores it from the store, and in the end asks: is every acknowledged message there, did
//! each have its effect once, is every order kept that is promised, did every orchestration come to
//! what it had to come to, and is nothing left over? Nothing in it reads a clock: the same seed is
//! the same run.

mod checks;
mod driver;
mod model;
mod workers;
mod world;

use std::fmt;

/// What happened in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Random operations of clients, workers and time.
    pub steps: usize,
    /// Commits to the store.
    pub commits: usize,
    /// Crashes, each with a restart from the store.
    pub crashes: usize,
    /// Messages whose effect was looked for in the end.
    pub messages: usize,
    /// Orchestrations that clients started, with those that a crash took back.
    pub orchestrations: usize,
    /// Work items that workers were given.
    pub items: usize,
    /// Work items whose worker was lost, gave them up, or answered too late.
    pub items_lost: usize,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.commits += other.commits;
        self.crashes += other.crashes;
        self.messages += other.messages;
        self.orchestrations += other.orchestrations;
        self.items += other.items;
        self.items_lost += other.items_lost;
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Failure {
    /// The run's seed.
    pub seed: u64,
    /// After how many steps it was seen.
    pub step: usize,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, what } = self;
        write!(f, "seed {seed}, step {step}: {what}")
    }
}

/// Runs one seed with so many random steps, and then to its end.
///
/// # Errors
/// The first promise that is seen broken.
pub fn simulate(seed: u64, steps: usize) -> Result<Report, Failure> {
    driver::Run::new(seed).through(steps)
}
