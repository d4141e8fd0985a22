//! The step that opens the page in a real browser.

use std::time::Instant;

use miette::{IntoDiagnostic as _, Result};

use crate::{page, place, shell};

/// Builds page and bench and runs the tests in a headless Chromium; pictures are in `out/screens`.
///
/// # Errors
/// When a test fails.
#[expect(
    clippy::disallowed_methods,
    reason = "how long the step took is a matter of the wall clock"
)]
pub(crate) fn check() -> Result<()> {
    page::build()?;
    shell::run(&mut shell::cargo(["build", "--package", "twinbench"]))?;
    let start = Instant::now();
    let mut tests = shell::cargo([
        "test",
        "--package",
        "twinbench-ui",
        "--features",
        "browser",
        "--test",
        "browser",
        "--",
        // Each is a bench and a browser.
        "--test-threads",
        "2",
    ]);
    tests.env("TWINBENCH_PROGRAM", place::program("debug", "twinbench")?);
    shell::run(&mut tests)?;
    eprintln!(
        "browser: {:.0} s, pictures in out/screens",
        start.elapsed().as_secs_f32()
    );
    Ok(())
}

/// Measures the page in a headless Chromium, beside another library's charts on the same points.
///
/// # Errors
/// When something is missing, or the page does not do what is measured.
pub(crate) fn measure(arguments: &[String]) -> Result<()> {
    page::build()?;
    shell::run(&mut shell::cargo(["build", "--package", "twinbench"]))?;
    let mut figures = shell::cargo([
        "run",
        "--package",
        "twinbench-ui",
        "--features",
        "browser",
        "--example",
        "ui-figures",
        "--",
    ]);
    figures
        .args(arguments)
        .env("TWINBENCH_PROGRAM", place::program("debug", "twinbench")?);
    // What is measured runs in the browser: our own side needs no optimisation.
    match peer()? {
        Some(library) => figures.env("TWINBENCH_UPLOT", library),
        None => figures.env_remove("TWINBENCH_UPLOT"),
    };
    shell::run(&mut figures)
}

/// uPlot as one script, installed once into the target folder; nothing where there is no npm.
fn peer() -> Result<Option<std::path::PathBuf>> {
    let folder = place::target()?.join("peers/ui");
    let library = folder.join("node_modules/uplot/dist/uPlot.iife.min.js");
    if library.is_file() {
        return Ok(Some(library));
    }
    let Some(npm) = place::on_path("npm") else {
        return Ok(None);
    };
    std::fs::create_dir_all(&folder).into_diagnostic()?;
    let mut install = std::process::Command::new(npm);
    install.args([
        "install",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--prefix",
    ]);
    shell::run(install.arg(&folder).arg("uplot@1.6"))?;
    Ok(library.is_file().then_some(library))
}
