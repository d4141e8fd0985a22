//! `twinbench test`: do the scenarios hold?

mod output;
mod shard;

use std::path::PathBuf;

use twinbench_scenario::Case;

use super::{Failure, Style};
use crate::{
    exit::Exit,
    scenario::{self, News, SuiteOptions},
};
use shard::Shard;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  twinbench test scenarios
  twinbench test scenarios/alert.toml --seed 42
  twinbench test --filter alert --junit junit.xml --github
  twinbench test --shard 1/4 --retries 2 --no-fail-fast

Exit codes:
  0 all passed   2 a file is wrong   3 set-up missing   4 nothing to run   5 a scenario failed")]
pub(crate) struct Args {
    /// Scenario files, or folders of them (files that begin with `_` are only for including).
    #[arg(default_value = "scenarios")]
    files: Vec<PathBuf>,
    /// Only cases with this text in their name; `=NAME` means exactly this name.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Cases to run at a time; 0: one per core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    jobs: usize,
    /// Only every n-th case, beginning with the i-th: `2/4`.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Run a case that failed so many times again; one that then passes is marked flaky.
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// Use this seed for every case.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write a JUnit report.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print annotations for GitHub Actions, and add to its step summary.
    #[arg(long)]
    github: bool,
    /// Write the coverage (entity operations, twin properties, methods, workflow branches) as JSON.
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,
    /// Accept golden files as they are now.
    #[arg(long)]
    update: bool,
    /// Go on when a case has failed.
    #[arg(long)]
    no_fail_fast: bool,
    /// Only list the cases.
    #[arg(long)]
    list: bool,
    /// Where recordings and logs of the cases go.
    #[arg(long, value_name = "FOLDER", default_value = "out/test")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, style: Style) -> Result<Exit, Failure> {
    let files = scenario::find(&args.files)?;
    let cases = select(scenario::load(&files)?, args);
    if cases.is_empty() {
        return Err(Failure::new(Exit::Nothing, "there is no scenario to run")
            .help("give scenario files or folders of them, and look at --filter and --shard"));
    }
    if args.list {
        output::list(&cases, style);
        return Ok(Exit::Pass);
    }
    // A mistake in the last file must not cost the run of all the others.
    for case in &cases {
        scenario::bench_of(case, args.seed)?;
    }
    let options = SuiteOptions {
        jobs: args.jobs,
        retries: args.retries,
        go_on: args.no_fail_fast,
        seed: args.seed,
        update: args.update,
        out: args.out.clone(),
    };
    let report = scenario::run(&cases, &options, &|news| {
        if let News::Case(case) = news {
            output::case(case, style);
        }
    });
    output::end(&report, style);
    if let Some(path) = &args.junit {
        output::junit(&report, path)?;
    }
    if let Some(path) = &args.coverage {
        output::coverage(&report, path)?;
    }
    if args.github {
        output::github(&report)?;
    }
    Ok(if report.passed() {
        Exit::Pass
    } else {
        Exit::Failed
    })
}

fn select(cases: Vec<Case>, args: &Args) -> Vec<Case> {
    let wanted = |case: &Case| match &args.filter {
        None => true,
        Some(filter) => match filter.strip_prefix('=') {
            Some(name) => case.name == name,
            None => case.name.contains(filter.as_str()),
        },
    };
    cases
        .into_iter()
        .filter(wanted)
        .enumerate()
        .filter(|(index, _)| args.shard.is_none_or(|shard| shard.has(*index)))
        .map(|(_, case)| case)
        .collect()
}
