//! `twinbench explore`: is there a seed and a fault that break this scenario?

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;
use twinbench_scenario::file::FaultKind;

use super::{Failure, Format};
use crate::{
    exit::Exit,
    scenario::{self, ExploreOptions},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  twinbench explore scenarios/alert.toml --seeds 1000
  twinbench explore scenarios/alert.toml --faults crash,redeliver --write found.toml

Exit codes:
  0 no seed breaks it   5 one does: it was written as a scenario file that fails every time")]
pub(crate) struct Args {
    /// The scenario file; of a matrix the first case is taken.
    scenario: PathBuf,
    /// How many seeds to try.
    #[arg(long, value_name = "N", default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    from: u64,
    /// Kinds of faults to try, separated by commas.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "drop,duplicate,delay,reorder,redeliver,crash,wifi-down,signal-reorder,signal-duplicate,network-drop,half-open,latency,throttle,reject-authentication,force-disconnect,server-restart"
    )]
    faults: Vec<Kind>,
    /// Runs at a time; 0: one per core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    jobs: usize,
    /// Where to write the found case; default: beside the scenario, as `found-<seed>.toml`.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Where runs are kept.
    #[arg(long, value_name = "FOLDER", default_value = "out/explore")]
    out: PathBuf,
}

/// A kind of fault on the command line, by its name in files.
#[derive(Debug, Clone, Copy)]
struct Kind(FaultKind);

impl ValueEnum for Kind {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Kind; FaultKind::ALL.len()] = {
            let mut all = [Kind(FaultKind::Drop); FaultKind::ALL.len()];
            let mut n = 0;
            while n < all.len() {
                all[n] = Kind(FaultKind::ALL[n]);
                n += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()))
    }
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let cases = scenario::load(std::slice::from_ref(&args.scenario))?;
    let Some(case) = cases.first() else {
        return Err(Failure::new(
            Exit::Nothing,
            "there is no scenario to explore",
        ));
    };
    let jobs = match args.jobs {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        jobs => jobs,
    };
    let options = ExploreOptions {
        seeds: args.seeds,
        from: args.from,
        faults: args.faults.iter().map(|kind| kind.0).collect(),
        jobs,
        out: args.out.clone(),
    };
    let found = scenario::explore(case, &options, &|tried| {
        if format == Format::Human && tried % 50 == 0 {
            eprintln!("{tried} seeds, nothing yet");
        }
    })?;
    let Some(found) = found else {
        match format {
            Format::Human => println!("{}: {} seeds, none breaks it", case.name, args.seeds),
            Format::Json => println!(
                "{}",
                json!({"explored": {"scenario": case.name, "seeds": args.seeds, "found": null}})
            ),
        }
        return Ok(Exit::Pass);
    };
    let path = args.write.clone().unwrap_or_else(|| {
        args.scenario
            .with_file_name(format!("found-{}.toml", found.candidate.seed))
    });
    let text = scenario::file_of(case, &found, &path);
    std::fs::write(&path, text).map_err(|cause| {
        Failure::new(
            Exit::Setup,
            format!("{} cannot be written: {cause}", path.display()),
        )
        .help("`--write FILE` writes elsewhere")
    })?;
    match format {
        Format::Human => println!(
            "{}: seed {} breaks it, the {} that was tried\n{}\n\
             {} faults became {} in {} runs\nwritten to {}; again: twinbench test {}",
            case.name,
            found.candidate.seed,
            ordinal(found.tried),
            found.story,
            found.faults_before,
            found.candidate.faults.len(),
            found.shrink_runs,
            path.display(),
            path.display(),
        ),
        Format::Json => println!(
            "{}",
            json!({"explored": {
                "scenario": case.name, "seeds": args.seeds, "tried": found.tried,
                "found": found.candidate, "story": found.story, "file": path,
                "faultsBefore": found.faults_before, "shrinkRuns": found.shrink_runs,
            }})
        ),
    }
    Ok(Exit::Failed)
}

fn ordinal(n: u64) -> String {
    let ending = match (n % 10, n % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}
