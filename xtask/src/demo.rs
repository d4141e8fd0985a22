//! `cargo xtask demo`: the main job, as a newcomer would run it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use miette::Result;

use crate::{place, shell};

/// The bench that shows the whole way.
const BENCH: &str = "fixtures/benches/journey.toml";
/// Where its last run is.
const LATEST: &str = "out/journey/latest";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long to run, in virtual time: `90s`, `10m`, `2h`.
    #[arg(long = "for", value_name = "TIME", default_value = "10m")]
    length: String,
    /// Cargo's profile to build with; `dev` shares what the tests have built.
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
}

impl Args {
    /// A run of some virtual time with some profile.
    pub(crate) fn new(length: &str, profile: &str) -> Self {
        Self {
            length: length.to_owned(),
            profile: profile.to_owned(),
        }
    }
}

/// Runs the main job and says what to look at next.
pub(crate) fn run(args: &Args) -> Result<()> {
    eprintln!("demo: needs nothing but cargo: the board's firmware is in fixtures/firmware");
    shell::run(&mut shell::cargo([
        "build",
        "--package",
        "twinbench",
        "--profile",
        &args.profile,
    ]))?;
    let folder = if args.profile == "dev" {
        "debug"
    } else {
        &args.profile
    };
    let program = place::program(folder, "twinbench")?;
    let mut bench = Command::new(&program);
    shell::run(
        bench
            .args(["run", BENCH, "--for", &args.length])
            .current_dir(place::root()),
    )?;
    println!(
        "{}",
        next_steps(&shown(&program), &pictures(&place::root().join(LATEST)))
    );
    Ok(())
}

/// A path as it is typed in the checkout's top folder.
fn shown(path: &Path) -> String {
    path.strip_prefix(place::root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The pictures of a run, sorted.
fn pictures(run: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(run)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    found.retain(|path| {
        path.extension()
            .is_some_and(|kind| kind == "svg" || kind == "png")
    });
    found.sort();
    found
}

fn next_steps(program: &str, pictures: &[PathBuf]) -> String {
    let pictures: Vec<_> = pictures
        .iter()
        .map(|picture| format!("  {}", shown(picture)))
        .collect();
    format!(
        "
Pictures of this run:
{}
Everything else it left (recording, logs, entities, report): {LATEST}/

Ask it yourself. In one terminal, at real time, until Ctrl-C:
  {program} run {BENCH} --serve
and in another:
  KEY=$({program} key)
  curl -H \"x-functions-key: $KEY\" 'http://127.0.0.1:7878/api/devices'
  curl -H \"x-functions-key: $KEY\" 'http://127.0.0.1:7878/api/devices?name=devkit'
  curl -H \"x-functions-key: $KEY\" 'http://127.0.0.1:7878/api/devices/devkit-01'
  curl -H \"x-functions-key: $KEY\" 'http://127.0.0.1:7878/metrics'

Open the window:
  cargo xtask app",
        pictures.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_found_in_order_and_named() {
        let run = tempfile::tempdir().unwrap();
        for name in ["plot-b.svg", "report.json", "plot-a.png"] {
            fs::write(run.path().join(name), "").unwrap();
        }
        let found = pictures(run.path());
        let names: Vec<_> = found
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["plot-a.png", "plot-b.svg"]);
        assert!(next_steps("target/release/twinbench", &found).contains("plot-a.png\n"));
        assert!(pictures(&run.path().join("absent")).is_empty());
    }
}
