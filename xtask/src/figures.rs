//! `cargo xtask bench`: figures, measured in release builds.

use miette::Result;

use crate::shell;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure.
    #[arg(value_enum)]
    name: Name,
    /// Arguments for the measuring program.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Name {
    /// The whole way: virtual seconds a second, messages a second, memory, time to first telemetry.
    Journey,
}

/// Runs the program that measures.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (package, example) = match args.name {
        Name::Journey => ("twinbench", "journey-figures"),
    };
    let mut cargo = shell::cargo([
        "run",
        "--release",
        "--package",
        package,
        "--example",
        example,
        "--",
    ]);
    shell::run(cargo.args(&args.arguments))
}
