//! `cargo xtask test`: every check that CI runs, one named step after another.

mod steps;
mod table;

use std::time::Instant;

use clap::ValueEnum as _;
use miette::{Result, miette};

use crate::{place, setup, setup::Need};
use steps::Step;
use table::{Outcome, Row};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave this step out; may be given several times.
    #[arg(long, value_enum, value_name = "STEP")]
    skip: Vec<Step>,
    /// Run this step alone; may be given several times.
    #[arg(long, value_enum, value_name = "STEP", conflicts_with = "skip")]
    only: Vec<Step>,
}

/// Sets up what is missing, runs the steps and shows how each went.
pub(crate) fn run(args: &Args) -> Result<()> {
    let chosen = |step: &Step| {
        (args.only.is_empty() || args.only.contains(step)) && !args.skip.contains(step)
    };
    let steps: Vec<Step> = Step::value_variants()
        .iter()
        .copied()
        .filter(chosen)
        .collect();
    let mut needs: Vec<Need> = Need::ALL.to_vec();
    needs.retain(|need| steps.iter().any(|step| step.needs().contains(need)));
    setup::ensure(&needs);

    let rows: Vec<Row> = steps.iter().map(|step| take(*step)).collect();
    println!("\n{}", table::text(&rows));
    let failed: Vec<_> = rows
        .iter()
        .filter(|row| matches!(row.outcome, Outcome::Failed(_)))
        .map(|row| row.step)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(miette!(
            "failed: {}; each alone: `cargo xtask test --only STEP`",
            failed.join(", ")
        ))
    }
}

/// Takes one step, whatever the ones before it came to: one run shows all that is wrong.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a build takes is a matter of the wall clock"
)]
fn take(step: Step) -> Row {
    eprintln!("\n==== {}: {}", step.name(), step.purpose());
    let start = Instant::now();
    let missing = setup::missing(step.needs());
    let outcome = if missing.is_empty() {
        match step.run() {
            Ok(()) => Outcome::Passed,
            Err(report) => {
                eprintln!("{report:?}");
                Outcome::Failed(report.to_string())
            }
        }
    } else {
        Outcome::without(&setup::names(&missing), place::in_ci())
    };
    let row = Row {
        step: step.name(),
        outcome,
        elapsed: start.elapsed(),
    };
    eprintln!("==== {}", table::line(&row));
    row
}
