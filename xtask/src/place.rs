//! Where things are in the checkout.

use std::{
    env,
    path::{Path, PathBuf},
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _};

/// The checkout's top folder.
pub(crate) fn root() -> PathBuf {
    // `cargo run` names the package's folder of today; the other was true when this was compiled.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .parent()
        .map_or_else(|| package.clone(), Path::to_path_buf)
}

/// The one target folder that every step shares, as cargo's configuration has it.
///
/// # Errors
/// When cargo cannot read the workspace.
pub(crate) fn target() -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .into_diagnostic()
        .wrap_err("failed to ask cargo where it builds")?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// A program that cargo built with the dev (`debug`) or release profile.
pub(crate) fn program(profile_folder: &str, name: &str) -> Result<PathBuf> {
    Ok(target()?
        .join(profile_folder)
        .join(format!("{name}{}", env::consts::EXE_SUFFIX)))
}

/// Finds a program on the search path.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(&file))
        .find(|path| path.is_file())
}

/// Whether this is a CI run, where a missing thing is an error and nobody answers questions.
pub(crate) fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}
