//! `cargo xtask app`: the desktop window.

use miette::{Result, miette};

use crate::{page, place, setup, setup::Need, shell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build without optimisation: sooner ready, slower benches.
    #[arg(long)]
    debug: bool,
    /// Arguments for the window's program; `-- --help` lists them.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Builds the page and the window, and opens it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let left = setup::ensure(&[Need::WasmTarget, Need::WebView]);
    if !left.is_empty() {
        return Err(miette!("the window needs: {}", setup::names(&left)));
    }
    page::build()?;
    let mut build = shell::cargo(["build", "--package", "twinbench-desktop"]);
    if !args.debug {
        build.arg("--release");
    }
    shell::run(&mut build)?;
    let program = place::program(
        if args.debug { "debug" } else { "release" },
        "twinbench-desktop",
    )?;
    let mut window = std::process::Command::new(program);
    shell::run(window.args(&args.arguments).current_dir(place::root()))
}
