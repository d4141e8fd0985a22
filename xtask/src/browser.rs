//! The step that opens the page in a real browser.

use std::time::Instant;

use miette::Result;

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
