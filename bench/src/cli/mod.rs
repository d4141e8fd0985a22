//! The `twinbench` command: one file per verb, each thin.

mod check;
mod compare;
mod completions;
mod connections;
mod diff;
mod doctor;
mod explore;
mod export;
mod failure;
mod hub;
mod hub_ports;
mod import;
mod key;
mod logging;
mod probe;
mod progress;
mod record;
mod recorded;
mod renode;
mod replay;
mod run;
mod schema;
mod test;
mod worker;

use clap::{Parser, Subcommand, ValueEnum};
pub(crate) use connections::Connections;

use crate::exit::Exit;
pub use failure::Failure;

/// Run a device's real firmware against a local cloud, on one clock.
#[derive(Debug, Parser)]
#[command(
    name = "twinbench",
    version,
    about,
    after_help = "Examples:
  twinbench run fixtures/benches/journey.toml --for 10m
  twinbench run fixtures/benches/journey.toml --for 10m --serve
  twinbench test fixtures/scenarios
  twinbench check fixtures/benches/journey.toml
  twinbench key

Exit codes:
  0 pass   1 internal   2 usage or parse   3 set-up missing   4 nothing to run
  5 failed   6 divergence   7 timeout"
)]
struct Cli {
    /// What to log to stderr: a level or a filter, such as `info`, `debug`, `twinbench_hub=trace`.
    #[arg(long, global = true, default_value = "warn", value_name = "FILTER")]
    log: String,
    /// How to print: for people, or one JSON object a line for machines.
    #[arg(long, global = true, value_enum, default_value_t = Style::Human)]
    format: Style,
    #[command(subcommand)]
    verb: Verb,
}

/// How results and progress are asked to be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Style {
    /// Tables and a progress line.
    Human,
    /// JSON.
    Json,
    /// JSON, one object a line as soon as it is known.
    Jsonl,
}

impl Style {
    /// For verbs whose JSON is lines in any case.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Human => Format::Human,
            Self::Json | Self::Jsonl => Format::Json,
        }
    }
}

/// How results and progress are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and a progress line.
    Human,
    /// JSON lines.
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a bench and keep its recording, reports and pictures.
    Run(run::Args),
    /// Serve a bench at real time with its API and page (the same as `run --serve`).
    Serve(run::Args),
    /// Run scenarios headless and say which of them hold.
    Test(test::Args),
    /// Search for a seed and faults that break a scenario.
    Explore(explore::Args),
    /// Send the messages of a recording through hub and functions again, or run its firmware again.
    Replay(replay::Args),
    /// Record a bench that is being served.
    Record(record::Args),
    /// Write a recording as CSV, JSON lines or Parquet.
    Export(export::Args),
    /// Make a recording of messages of the field.
    Import(import::Args),
    /// Find where two recordings part, in each channel, and what led to what.
    Diff(diff::Args),
    /// Run one bench on several backends and find where they part.
    Compare(compare::Args),
    /// Talk to Renode's monitor, or keep Renode off the network.
    Renode(renode::Args),
    /// Show debug probes.
    Probe(probe::Args),
    /// Say what is there on this machine, what is missing, and how to get it.
    Doctor(doctor::Args),
    /// Check bench files without running them.
    Check(check::Args),
    /// Print the form of bench, scenario and twin files, for editors or for people.
    Schema(schema::Args),
    /// Run the mirrored application's functions for a Durable Task endpoint.
    Worker(worker::Args),
    /// Show the key that guards the API of a data folder.
    Key(key::Args),
    /// What clients need to know of the hub: its certificates and connection strings.
    Hub(hub::Args),
    /// Print a completion script for a shell.
    Completions(completions::Args),
}

/// Parses the command line and does what it asks.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a usage error has the code that the help documents.
            let code = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Pass
            };
            let _ = error.print();
            return code;
        }
    };
    let format = cli.format.format();
    let result = logging::start(&cli.log, format).and_then(|()| match cli.verb {
        Verb::Run(args) => run::run(&args, format),
        Verb::Serve(args) => run::run(&args.serving(), format),
        Verb::Test(args) => test::run(&args, cli.format),
        Verb::Explore(args) => explore::run(&args, format),
        Verb::Replay(args) => replay::run(&args, format),
        Verb::Record(args) => record::run(&args, format),
        Verb::Export(args) => export::run(&args, format),
        Verb::Import(args) => import::run(&args, format),
        Verb::Diff(args) => diff::run(&args, format),
        Verb::Compare(args) => compare::run(&args, format),
        Verb::Renode(args) => renode::run(&args, format),
        Verb::Probe(args) => probe::run(&args, format),
        Verb::Doctor(args) => Ok(doctor::run(&args, format)),
        Verb::Check(args) => check::run(&args, format),
        Verb::Schema(args) => Ok(schema::run(&args)),
        Verb::Worker(args) => worker::run(&args, format),
        Verb::Key(args) => key::run(&args, format),
        Verb::Hub(args) => hub::run(&args, format),
        Verb::Completions(args) => {
            completions::run(&args);
            Ok(Exit::Pass)
        }
    });
    result.unwrap_or_else(|failure| failure.report(format))
}
