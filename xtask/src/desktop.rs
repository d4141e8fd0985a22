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
        os::unix::fs::DirBuilderExt as _,
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

        let display = Display::start()?;
        let mut window = Command::new(place::program("debug", "twinbench-desktop")?);
        window
            .arg(BENCH)
            .arg("--no-tray")
            .arg("--out")
            .arg(scratch.path().join("out"))
            .current_dir(place::root())
            .env("DISPLAY", display.name())
            .env("GDK_BACKEND", "x11")
            .env("XDG_RUNTIME_DIR", &runtime)
            .env("XDG_DATA_HOME", scratch.path().join("share"))
            .env("XDG_CACHE_HOME", scratch.path().join("cache"))
            .env_remove("WAYLAND_DISPLAY")
            // A window that a person has open must not take this one's place.
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).into_diagnostic()?)
            .stderr(
                fs::File::options()
                    .append(true)
                    .open(&log)
                    .into_diagnostic()?,
            );
        eprintln!("$ twinbench-desktop {BENCH}");
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
                break;
            }
            if start.elapsed() > PATIENCE {
                return Err(miette!(
                    "the window stays empty ({colours} colours): {PICTURE}"
                ));
            }
            thread::sleep(Duration::from_millis(200));
        }
        drop(window);
        drive(&display, scratch.path())
    }

    /// Presses a button of the board in the window, through the WebDriver of the system's webview.
    fn drive(display: &Display, scratch: &std::path::Path) -> Result<()> {
        let missing = match (tauri_driver()?, place::on_path("WebKitWebDriver")) {
            (Some(driver), Some(_)) => return run_driven(display, scratch, &driver),
            (None, _) => "tauri-driver (cargo install tauri-driver --version 2.1.0 --locked)",
            (_, None) => "WebKitWebDriver (Debian: webkit2gtk-driver)",
        };
        if place::in_ci() {
            return Err(miette!("the window cannot be driven: {missing} is missing"));
        }
        eprintln!("SKIPPED: the window is not driven, {missing} is missing");
        Ok(())
    }

    fn run_driven(
        display: &Display,
        scratch: &std::path::Path,
        driver: &std::path::Path,
    ) -> Result<()> {
        let mut tests = shell::cargo([
            "test",
            "--package",
            "twinbench-desktop",
            "--features",
            "driver",
            "--test",
            "desktop",
        ]);
        tests
            .env("TWINBENCH_TAURI_DRIVER", driver)
            .env("DISPLAY", display.name())
            .env("GDK_BACKEND", "x11")
            .env("XDG_RUNTIME_DIR", scratch.join("runtime"))
            .env("XDG_DATA_HOME", scratch.join("share"))
            .env("XDG_CACHE_HOME", scratch.join("cache"))
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("DBUS_SESSION_BUS_ADDRESS");
        shell::run(&mut tests)
    }

    /// The program that drives windows: on the path, or built once into the target folder.
    fn tauri_driver() -> Result<Option<std::path::PathBuf>> {
        let tools = place::target()?.join("tools");
        let built = tools.join("bin/tauri-driver");
        if let Some(found) = place::on_path("tauri-driver") {
            return Ok(Some(found));
        }
        if !built.is_file() {
            let mut install = shell::cargo([
                "install",
                "tauri-driver",
                "--version",
                "2.1.0",
                "--locked",
                "--root",
            ]);
            install
                .arg(&tools)
                .arg("--target-dir")
                .arg(tools.join("build"));
            if let Err(cause) = shell::run(&mut install) {
                eprintln!("{cause:?}");
                return Ok(None);
            }
        }
        Ok(Some(built))
    }
}
