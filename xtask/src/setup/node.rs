//! The JavaScript modules of the tests: SDKs of other people, in the target folder.

use std::{fs, path::PathBuf, process::Command};

use miette::{IntoDiagnostic, Result, miette};

use crate::{place, shell};

/// What is installed.
const MODULES: &str = include_str!("../../clients/package.json");

/// What happens to get them.
pub(super) const PLAN: &str = "`npm install` of xtask/clients/package.json in the target folder";

fn folder() -> Option<PathBuf> {
    Some(place::target().ok()?.join("node"))
}

/// Where Node.js finds the modules; the folder need not exist.
pub(crate) fn modules() -> Option<PathBuf> {
    Some(folder()?.join("node_modules"))
}

/// Whether Node.js and all modules are there.
pub(super) fn is_there() -> bool {
    place::on_path("node").is_some()
        && folder()
            .and_then(|folder| fs::read_to_string(folder.join("installed.json")).ok())
            .is_some_and(|installed| installed == MODULES)
}

/// Whether there is something that installs modules.
pub(super) fn can_be_made() -> bool {
    place::on_path("node").is_some() && place::on_path("npm").is_some()
}

/// Installs the modules.
///
/// # Errors
/// When there is no npm, or a module cannot be had.
pub(super) fn install() -> Result<()> {
    let folder = folder().ok_or_else(|| miette!("there is no target folder for Node's modules"))?;
    fs::create_dir_all(&folder).into_diagnostic()?;
    fs::write(folder.join("package.json"), MODULES).into_diagnostic()?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut npm = Command::new(npm);
    shell::run(
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--loglevel=error",
        ])
        .current_dir(&folder),
    )?;
    fs::write(folder.join("installed.json"), MODULES).into_diagnostic()
}
