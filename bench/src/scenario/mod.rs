//! Scenarios on sessions: loads the bench, lets virtual time go on as the runner wants, and keeps
//! what came of it.

mod case;
mod explore;
mod suite;
mod world;

pub(crate) use case::{Trouble, bench_of};
pub(crate) use explore::{ExploreOptions, explore, file_of};
pub(crate) use suite::{News, SuiteOptions, find, load, run};
pub(crate) use world::{Bench, METRICS};
