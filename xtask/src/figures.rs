//! `cargo xtask bench`, `sim` and `fuzz-isa`: programs that take long, in release builds.

use miette::Result;

use crate::{place, setup, shell};

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
    /// The durable engine: operations and orchestrations a second, latency, memory, restart; beside
    /// another durable engine.
    Engine,
    /// The hub: messages a second with authentication and a durable log, latency, idle TLS
    /// connections; beside mosquitto.
    Hub,
    /// The emulated board: instructions a second and memory; beside QEMU.
    Emulator,
    /// Machines: what we add to Renode's own time, 100,000 simulated devices at one message a minute,
    /// RTT through the virtual probe.
    Machines,
    /// The testbench: replay, seek and comparison of recordings, scenarios; beside Python's reader of
    /// recordings.
    Testbench,
    /// The page in a headless Chromium: a million points, live channels, a long list, size, start,
    /// memory; beside uPlot. `-- --minutes 10` watches live data for longer.
    Ui,
}

impl Name {
    /// Package and example that measure.
    const fn program(self) -> (&'static str, &'static str) {
        match self {
            Self::Journey => ("twinbench", "journey-figures"),
            Self::Engine => ("twinbench-engine", "engine-figures"),
            Self::Hub => ("twinbench-hub", "hub-figures"),
            Self::Emulator => ("twinbench-emulator", "emulator-figures"),
            Self::Machines => ("twinbench", "machines-figures"),
            Self::Testbench => ("twinbench", "testbench-figures"),
            Self::Ui => ("twinbench-ui", "ui-figures"),
        }
    }

    /// A second program of ours, which takes no arguments.
    const fn second(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Emulator => Some(("twinbench-machine", "fleet-figures")),
            Self::Machines => Some(("twinbench-machine", "probe-figures")),
            Self::Journey | Self::Engine | Self::Hub | Self::Testbench | Self::Ui => None,
        }
    }

    /// The manifest of a program that measures somebody else's in the same way, where that is not
    /// done by ours.
    const fn peer(self) -> Option<&'static str> {
        match self {
            Self::Engine => Some("twins/engine/peer/Cargo.toml"),
            Self::Journey
            | Self::Hub
            | Self::Emulator
            | Self::Machines
            | Self::Testbench
            | Self::Ui => None,
        }
    }
}

/// Runs the programs that measure.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (package, example) = args.name.program();
    if matches!(args.name, Name::Ui) {
        return crate::browser::measure(&args.arguments);
    }
    if matches!(args.name, Name::Testbench) {
        // It measures the command as well.
        let build = ["build", "--release", "--package", package, "--bin", package];
        shell::run(&mut shell::cargo(build))?;
    }
    run_example(package, example, &args.arguments)?;
    if let Some((package, example)) = args.name.second() {
        run_example(package, example, &[])?;
    }
    let Some(peer) = args.name.peer() else {
        return Ok(());
    };
    let mut cargo = shell::cargo(["run", "--release", "--manifest-path"]);
    cargo
        .arg(place::root().join(peer))
        .env("CARGO_TARGET_DIR", place::target()?.join("peers"))
        // It tells every wait for its database.
        .env("RUST_LOG", "off");
    shell::run(&mut cargo)
}

#[derive(Debug, clap::Args)]
pub(crate) struct Sim {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000, conflicts_with = "seed")]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    from: u64,
    /// This seed alone.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the durable engine through random work with crashes, a seed at a time.
pub(crate) fn sim(args: &Sim) -> Result<()> {
    let (from, seeds) = args.seed.map_or((args.from, args.seeds), |seed| (seed, 1));
    let arguments = [
        "--from".to_owned(),
        from.to_string(),
        "--seeds".to_owned(),
        seeds.to_string(),
    ];
    run_example("twinbench-engine", "sim", &arguments)
}

#[derive(Debug, clap::Args)]
pub(crate) struct FuzzIsa {
    /// How long, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where the random instructions begin.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Compares random instructions with another emulator of the same core.
pub(crate) fn fuzz_isa(args: &FuzzIsa) -> Result<()> {
    let arguments = [
        "--seconds".to_owned(),
        args.seconds.to_string(),
        "--seed".to_owned(),
        args.seed.to_string(),
    ];
    run_example("twinbench-emulator", "fuzz-isa", &arguments)
}

fn run_example(package: &str, example: &str, arguments: &[String]) -> Result<()> {
    let mut cargo = shell::cargo([
        "run",
        "--release",
        "--package",
        package,
        "--example",
        example,
        "--",
    ]);
    if let Some(python) = setup::python::program() {
        cargo.env("TWINBENCH_PYTHON", python);
    }
    shell::run(cargo.args(arguments))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn what_is_named_is_there() {
        let examples = [
            "bench/examples",
            "emulator/examples",
            "hub/examples",
            "machine/examples",
            "twins/engine/examples",
            "ui/examples",
        ];
        let named = |name: &Name| [Some(name.program().1), name.second().map(|it| it.1)];
        let measured = Name::value_variants().iter().flat_map(named).flatten();
        for example in measured.chain(["sim", "fuzz-isa"]) {
            let (file, folder_of_modules) = (format!("{example}.rs"), format!("{example}/main.rs"));
            let there = examples
                .iter()
                .map(|folder| place::root().join(folder))
                .any(|folder| {
                    folder.join(&file).exists() || folder.join(&folder_of_modules).exists()
                });
            assert!(there, "{file}");
        }
    }
}
