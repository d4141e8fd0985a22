//! The step that opens the window without a screen.

#[cfg(not(target_os = "linux"))]
use miette::Result;

#[cfg(target_os = "linux")]
pub(crate) use x11::check;

/// Where there is no X11, the window is for a person to look at.
///
/// # Errors
/// Never: the step says aloud that it did nothing.
#[cfg(not(target_os = "linux"))]
pub(crate) fn check() -> Result<()> {
    eprintln!("SKIPPED: the window is opened by this step on Linux only; try `cargo xtask app`");
    Ok(())
}

#[cfg(target_os = "linux")]
mod x11 {
    use std::{
        fs,
        io::{BufRead as _, BufReader},
        os::unix::fs::DirBuilderExt as _,
        path::Path,
        process::{Command, Stdio},
        thread,
        time::{Duration, Instant},
    };

    use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};

    use crate::{
        display::{Display, Kept},
        page, place, shell,
    };

    const BENCH: &str = "fixtures/benches/journey.toml";
    /// What the page puts into the window's title once it has the list of the bench's devices.
    const EXPECTED: &str = "3 devices";
    /// How long the window may take on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(90);
    /// A window that shows text and lines has more colours than this, an empty one has one or two.
    const COLOURS: usize = 16;
    const PICTURE: &str = "out/desktop.png";

    /// Opens the window on a virtual display and waits until the page shows the bench's devices.
    ///
    /// # Errors
    /// When it does not; the message tells what the window's title was.
    #[expect(
        clippy::disallowed_methods,
        reason = "patience with another program is a matter of the wall clock"
    )]
    pub(crate) fn check() -> Result<()> {
        page::build()?;
        // The same selection as the `build` step's, so that nothing is compiled twice.
        shell::run(&mut shell::cargo([
            "build",
            "--all-targets",
            "--workspace",
            "--exclude",
            "xtask",
        ]))?;
        let scratch = tempfile::tempdir().into_diagnostic()?;
        let runtime = scratch.path().join("runtime");
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&runtime)
            .into_diagnostic()?;
        let log = scratch.path().join("log");

        let bench = Bench::start(scratch.path())?;
        let display = Display::start()?;
        let mut window = Command::new(place::program("debug", "twinbench-desktop")?);
        window
            .args(["--connect", &bench.address, "--key", &bench.key])
            .current_dir(place::root())
            .env("DISPLAY", display.name())
            .env("GDK_BACKEND", "x11")
            .env("XDG_RUNTIME_DIR", &runtime)
            .env("XDG_DATA_HOME", scratch.path().join("share"))
            .env("XDG_CACHE_HOME", scratch.path().join("cache"))
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).into_diagnostic()?)
            .stderr(
                fs::File::options()
                    .append(true)
                    .open(&log)
                    .into_diagnostic()?,
            );
        eprintln!("$ twinbench-desktop --connect {} --key …", bench.address);
        let mut window = Kept(
            window
                .spawn()
                .into_diagnostic()
                .wrap_err("failed to start the window")?,
        );

        let said = || fs::read_to_string(&log).unwrap_or_default();
        let start = Instant::now();
        loop {
            let titles = display.titles()?;
            if titles.iter().any(|title| title.contains(EXPECTED)) {
                eprintln!(
                    "window: {titles:?} after {:.1} s",
                    start.elapsed().as_secs_f32()
                );
                break;
            }
            if let Some(status) = window.0.try_wait().into_diagnostic()? {
                return Err(miette!(
                    "the window ended with {status}; it said:\n{}",
                    said()
                ));
            }
            if start.elapsed() > PATIENCE {
                display.picture(&place::root().join(PICTURE))?;
                return Err(miette!(
                    "no window showed {EXPECTED:?} within {} s; titles: {titles:?}; picture: {PICTURE}; it said:\n{}",
                    PATIENCE.as_secs(),
                    said()
                ));
            }
            thread::sleep(Duration::from_millis(200));
        }
        // The title is set before the list is painted.
        loop {
            let colours = display.picture(&place::root().join(PICTURE))?;
            if colours > COLOURS {
                eprintln!("window: {PICTURE} ({colours} colours)");
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(miette!(
                    "the window stays empty ({colours} colours): {PICTURE}"
                ));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// A bench that serves.
    struct Bench {
        address: String,
        key: String,
        _process: Kept,
    }

    impl Bench {
        /// Starts the journey at real time on any free port.
        fn start(scratch: &Path) -> Result<Self> {
            let program = place::program("debug", "twinbench")?;
            let data = scratch.join("data");
            let mut command = Command::new(&program);
            command
                .args([
                    "--format", "json", "run", BENCH, "--serve", "--port", "0", "--out",
                ])
                .arg(scratch.join("out"))
                .arg("--data")
                .arg(&data)
                .current_dir(place::root());
            eprintln!("$ {}", shell::line(&command));
            let child = command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .into_diagnostic()?;
            let mut process = Kept(child);
            let stdout = process
                .0
                .stdout
                .take()
                .ok_or_else(|| miette!("the bench has no output"))?;
            let mut lines = BufReader::new(stdout).lines();
            let address = lines
                .by_ref()
                .map_while(Result::ok)
                .find_map(|line| Some(format!("http://{}", serving(&line)?)))
                .ok_or_else(|| miette!("the bench ended without serving"))?;
            // Reads on, so that the bench never waits for us to take its progress.
            thread::spawn(move || lines.for_each(drop));
            let key = shell::answer(Command::new(&program).args(["key", "--data"]).arg(&data))
                .ok_or_else(|| miette!("the bench that serves has no key in {}", data.display()))?;
            Ok(Self {
                address,
                key,
                _process: process,
            })
        }
    }

    /// The API's address in the line that announces it.
    fn serving(line: &str) -> Option<String> {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(line.get("serving")?.get("api")?.as_str()?.to_owned())
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn the_address_is_read_from_its_line() {
            let line = r#"{"serving":{"api":"127.0.0.1:4711","mqtt":null,"data":"d"}}"#;
            assert_eq!(super::serving(line).as_deref(), Some("127.0.0.1:4711"));
            assert_eq!(super::serving(r#"{"devices":3}"#), None);
        }
    }
}
