//! The steps.
//!
//! The order puts first what fails soonest, and the page before everything that compiles it in.
//! Two compilations of the workspace cannot be saved: `clippy` and `docs` share the checked form of
//! every dependency, `build`, `tests`, `doctests`, `desktop` and `demo` the built form. All of them
//! select the same packages, because another selection has other features and would build the
//! dependencies once more. Only `xtask` stays apart: it runs, and must not be replaced meanwhile.
//! `defmt` builds once more what depends on `serde_json`, for one test of one room: about a minute.

use std::process::Command;

use clap::ValueEnum;
use miette::Result;

use crate::{
    browser, demo, desktop, firmware, page,
    setup::{self, Need},
    shell,
};

const WORKSPACE: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// One thing that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Step {
    /// The sources are formatted.
    Format,
    /// The page builds for browsers.
    Page,
    /// The boards' firmware builds, its tests pass, the committed image is of this source.
    Firmware,
    /// No lint of clippy.
    Clippy,
    /// The documentation builds without a warning.
    Docs,
    /// Every library, program, test and example builds.
    Build,
    /// The tests pass.
    Tests,
    /// A probe reads the log frames of a board, with the decoder that is no part of the program by default.
    Defmt,
    /// The examples in the documentation pass.
    Doctests,
    /// The licences and advisories of the dependencies are acceptable.
    Deny,
    /// The page does in a real browser what a person can do with it.
    Browser,
    /// The window opens without a screen and shows a running bench.
    Desktop,
    /// The main job of the README works.
    Demo,
}

impl Step {
    /// Its name on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Page => "page",
            Self::Firmware => "firmware",
            Self::Clippy => "clippy",
            Self::Docs => "docs",
            Self::Build => "build",
            Self::Tests => "tests",
            Self::Defmt => "defmt",
            Self::Doctests => "doctests",
            Self::Deny => "deny",
            Self::Browser => "browser",
            Self::Desktop => "desktop",
            Self::Demo => "demo",
        }
    }

    /// What it checks, from the documentation above.
    pub(super) fn purpose(self) -> String {
        let value = self.to_possible_value();
        value
            .as_ref()
            .and_then(|value| value.get_help())
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// What must be on the machine for it.
    pub(super) const fn needs(self) -> &'static [Need] {
        match self {
            Self::Format | Self::Defmt | Self::Deny | Self::Demo => &[],
            Self::Page => &[Need::WasmTarget],
            Self::Firmware => &[Need::CortexMTarget],
            Self::Clippy | Self::Docs | Self::Build | Self::Doctests => &[Need::WebView],
            Self::Tests => &[
                Need::WebView,
                Need::BoardCompiler,
                Need::MqttClient,
                Need::MqttBroker,
                Need::PythonClients,
                Need::NodeClients,
                Need::Qemu,
                Need::Debugger,
            ],
            Self::Browser => &[Need::WasmTarget, Need::Browser],
            Self::Desktop => &[Need::WasmTarget, Need::WebView, Need::Display],
        }
    }

    /// Does it.
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Format => {
                shell::run(&mut shell::cargo(["fmt", "--all", "--check"]))?;
                shell::run(&mut firmware::native(["fmt", "--all", "--check"]))
            }
            Self::Page => page::build(),
            Self::Firmware => firmware::test(),
            Self::Clippy => shell::run(&mut shell::cargo([
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])),
            Self::Docs => {
                let mut cargo = shell::cargo(["doc", "--workspace", "--no-deps"]);
                shell::run(cargo.env("RUSTDOCFLAGS", "-D warnings"))
            }
            Self::Build => shell::run(shell::cargo(["build", "--all-targets"]).args(WORKSPACE)),
            Self::Tests => tests(),
            Self::Defmt => defmt(),
            Self::Doctests => shell::run(shell::cargo(["test", "--doc"]).args(WORKSPACE)),
            Self::Deny => deny(),
            Self::Browser => browser::check(),
            Self::Desktop => desktop::check(),
            Self::Demo => demo::run(&demo::Args::new("60s", "dev")),
        }
    }
}

/// The runner of tests: nextest where it is installed.
fn runner() -> (bool, &'static [&'static str]) {
    let nextest = shell::answer(&mut shell::cargo(["nextest", "--version"])).is_some();
    let words: &[&str] = if nextest {
        &["nextest", "run", "--no-fail-fast"]
    } else {
        &["test", "--no-fail-fast"]
    };
    (nextest, words)
}

/// What a probe sees, with the decoder of log frames compiled in. The workspace is selected as in the
/// other steps, so that no dependency but the decoder's own is built anew.
fn defmt() -> Result<()> {
    let (_, base) = runner();
    shell::run(shell::cargo(base).args(WORKSPACE).args([
        "--features",
        "twinbench-machine/defmt",
        "--test",
        "probe",
    ]))
}

/// All tests.
fn tests() -> Result<()> {
    let (nextest, base) = runner();
    // `cargo test` would run documentation examples too, which are a step of their own.
    let kinds: &[&str] = if nextest {
        &[]
    } else {
        &["--lib", "--bins", "--tests", "--examples"]
    };
    let mut cargo = shell::cargo(base);
    if let Some(python) = setup::python::program() {
        cargo.env("TWINBENCH_PYTHON", python);
    }
    if let Some(modules) = setup::node::modules() {
        cargo.env("TWINBENCH_NODE_MODULES", modules);
    }
    let rest = shell::run(cargo.args(kinds).args(WORKSPACE));
    shell::run(shell::cargo(base).args(kinds).args(["--package", "xtask"]))?;
    rest
}

/// `cargo deny` where it is installed. What must hold everywhere, the licences, is a test as well.
fn deny() -> Result<()> {
    if shell::answer(Command::new("cargo-deny").arg("--version")).is_none() {
        eprintln!(
            "cargo-deny is not installed: advisories are not looked up; a test holds the licences"
        );
        return Ok(());
    }
    shell::run(&mut shell::cargo([
        "deny", "check", "bans", "licenses", "sources",
    ]))
}
