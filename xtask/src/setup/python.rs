//! The Python environment of the tests: clients and readers of other people, in the target folder, so that
//! nothing of the system's Python changes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use miette::{IntoDiagnostic, Result, miette};

use crate::{place, shell};

/// What is installed into it.
const MODULES: &str = include_str!("../../clients/requirements.txt");

/// What happens to get it.
pub(super) const PLAN: &str =
    "a virtual environment in the target folder with the modules of xtask/clients/requirements.txt";

/// The environment's interpreter; it need not exist.
pub(crate) fn program() -> Option<PathBuf> {
    let folder = place::target().ok()?.join("python");
    Some(if cfg!(windows) {
        folder.join("Scripts").join("python.exe")
    } else {
        folder.join("bin").join("python")
    })
}

/// Whether the environment is there with everything in it.
pub(super) fn is_there() -> bool {
    program()
        .and_then(|program| fs::read_to_string(stamp(&program)?).ok())
        .is_some_and(|installed| installed == MODULES)
}

/// The list of what was installed, written when all of it was.
fn stamp(program: &Path) -> Option<PathBuf> {
    Some(program.parent()?.parent()?.join("installed.txt"))
}

/// Whether the system's Python can make an environment by itself.
pub(super) fn can_be_made() -> bool {
    imports(Command::new(interpreter()), "venv, ensurepip")
}

/// Makes the environment.
///
/// # Errors
/// When there is no Python, or the module cannot be had.
pub(super) fn install() -> Result<()> {
    let program = program()
        .ok_or_else(|| miette!("there is no target folder to put a Python environment into"))?;
    let folder = program.parent().and_then(Path::parent);
    let folder = folder.ok_or_else(|| miette!("{} has no folder", program.display()))?;
    shell::run(
        Command::new(interpreter())
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )?;
    let mut pip = Command::new(&program);
    shell::run(
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg("--requirement")
        .arg(place::root().join("xtask/clients/requirements.txt")),
    )?;
    fs::write(folder.join("installed.txt"), MODULES).into_diagnostic()
}

const fn interpreter() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

fn imports(mut python: Command, modules: &str) -> bool {
    shell::answer(python.args(["-c", &format!("import {modules}")])).is_some()
}
