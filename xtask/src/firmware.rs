//! `cargo xtask firmware`: the board's image and the word on what it was built from.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    place, setup,
    setup::Need,
    shell,
    toolchain::{self, CORTEX_M, Compiler},
};

#[path = "../../fixtures/firmware/source_digest.rs"]
mod source_digest;

/// The firmware's own workspace.
const SOURCE: &str = "firmware";
/// The committed image and its manifest.
const IMAGE: &str = "fixtures/firmware/devkit.elf";
const MANIFEST: &str = "fixtures/firmware/devkit.toml";
/// The package, and the program in it.
const PACKAGE: &str = "twinbench-devkit";
const PROGRAM: &str = "devkit";
const BOARD: &str = "az3166";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only say whether the committed image is of the source as it is now.
    #[arg(long)]
    check: bool,
}

/// What the manifest beside the image says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    /// The board that the image is for.
    board: String,
    /// The firmware's own version.
    version: String,
    /// The folder of the source.
    source: String,
    /// The digest of the source, as `source_digest.rs` defines it.
    source_digest: String,
    /// The commit that was checked out; the digest is what counts.
    source_commit: String,
    /// The package that was built.
    package: String,
    /// For which target.
    target: String,
    /// The compiler, as it names itself.
    compiler: String,
    /// SHA-256 of the image.
    elf_sha256: String,
}

/// `cargo xtask firmware`.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.check {
        check(&place::root())?;
        println!("{IMAGE} is of the source in {SOURCE}/");
        return Ok(());
    }
    let left = setup::ensure(&[Need::CortexMTarget]);
    if !left.is_empty() {
        return Err(miette!("the firmware needs: {}", setup::names(&left)));
    }
    refresh()
}

/// Builds the firmware, runs its tests on this machine, and checks the committed image's word.
pub(crate) fn test() -> Result<()> {
    build()?;
    shell::run(&mut native([
        "clippy",
        "--workspace",
        "--exclude",
        PACKAGE,
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    shell::run(&mut native(["test", "--workspace", "--exclude", PACKAGE]))?;
    check(&place::root())
}

/// Cargo for this machine in the firmware's workspace.
pub(crate) fn native<I, S>(args: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Compiler::native().cargo();
    command.current_dir(place::root().join(SOURCE)).args(args);
    if let Ok(folder) = target() {
        command.env("CARGO_TARGET_DIR", folder);
    }
    command
}

/// The firmware's part of the one target folder.
fn target() -> Result<PathBuf> {
    Ok(place::target()?.join("firmware"))
}

/// Builds the image; gives its file and the compiler that built it.
fn build() -> Result<(PathBuf, Compiler)> {
    let compiler = toolchain::for_target(CORTEX_M).ok_or_else(|| {
        miette!("no compiler here builds for {CORTEX_M}: run `cargo xtask setup`")
    })?;
    let (source, target) = (place::root().join(SOURCE), target()?);
    let mut cargo = compiler.cargo();
    cargo
        .current_dir(&source)
        .args(["build", "--release", "--target", CORTEX_M])
        .args(["--package", PACKAGE])
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", same_everywhere(&source, &target));
    shell::run(&mut cargo)?;
    Ok((
        target.join(CORTEX_M).join("release").join(PROGRAM),
        compiler,
    ))
}

/// Flags, parted as cargo wants them, that keep this machine's folders out of the image.
fn same_everywhere(source: &Path, target: &Path) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    // One folder for each registry, all of them seen as one.
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let mut folders: Vec<_> = registries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| (entry.path(), "/crates"))
        .collect();
    folders.sort();
    folders.push((source.to_path_buf(), "/firmware"));
    // The last that fits counts, and the target folder may be within the source's.
    folders.push((target.to_path_buf(), "/target"));
    let flag = |(folder, name): &(PathBuf, &str)| {
        format!("--remap-path-prefix={}={name}", folder.display())
    };
    folders.iter().map(flag).collect::<Vec<_>>().join("\u{1f}")
}

fn refresh() -> Result<()> {
    let root = place::root();
    let (built, compiler) = build()?;
    let image = fs::read(&built)
        .into_diagnostic()
        .wrap_err_with(|| format!("failed to read {}", built.display()))?;
    let commit = shell::answer(
        Command::new("git")
            .args(["rev-parse", "HEAD"])
            .current_dir(&root),
    );
    let manifest = Manifest {
        board: BOARD.to_owned(),
        version: version(&root)?,
        source: SOURCE.to_owned(),
        source_digest: source_digest::source_digest(&root.join(SOURCE)).into_diagnostic()?,
        source_commit: commit.unwrap_or_else(|| "unknown".to_owned()),
        package: PACKAGE.to_owned(),
        target: CORTEX_M.to_owned(),
        compiler: compiler
            .ask(&["--version"])
            .unwrap_or_else(|| "unknown".to_owned()),
        elf_sha256: hex(&image),
    };
    let text = toml::to_string(&manifest).into_diagnostic()?;
    fs::write(root.join(IMAGE), &image).into_diagnostic()?;
    let head = "# What devkit.elf was built from. `cargo xtask firmware` builds both anew; how the digest of the\n\
                # sources is made stands in source_digest.rs beside this file.\n";
    fs::write(root.join(MANIFEST), format!("{head}{text}")).into_diagnostic()?;
    println!(
        "{IMAGE}: {} bytes, sha256 {}",
        image.len(),
        manifest.elf_sha256
    );
    Ok(())
}

/// The firmware's version.
fn version(root: &Path) -> Result<String> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root.join(SOURCE).join("Cargo.toml"))
        .no_deps()
        .exec()
        .into_diagnostic()?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name == PACKAGE);
    package
        .map(|package| package.version.to_string())
        .ok_or_else(|| miette!("no package {PACKAGE} in {SOURCE}/"))
}

/// Checks that the committed image is what its manifest says, and of the source as it is now.
///
/// # Errors
/// When it is not; says what to run.
fn check(root: &Path) -> Result<()> {
    let text = fs::read_to_string(root.join(MANIFEST))
        .into_diagnostic()
        .wrap_err_with(|| format!("failed to read {MANIFEST}; `cargo xtask firmware` writes it"))?;
    let manifest: Manifest = toml::from_str(&text)
        .into_diagnostic()
        .wrap_err_with(|| format!("in {MANIFEST}"))?;
    let image = fs::read(root.join(IMAGE))
        .into_diagnostic()
        .wrap_err_with(|| format!("failed to read {IMAGE}"))?;
    if hex(&image) != manifest.elf_sha256 {
        return Err(miette!(
            "{IMAGE} is not the image that {MANIFEST} tells of: run `cargo xtask firmware`"
        ));
    }
    let source = source_digest::source_digest(&root.join(&manifest.source)).into_diagnostic()?;
    if source != manifest.source_digest {
        return Err(miette!(
            "{IMAGE} is older than its source in {SOURCE}/: run `cargo xtask firmware`"
        ));
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with a source, an image and a manifest that fit each other.
    fn checkout() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("firmware/devkit/src")).unwrap();
        fs::create_dir_all(root.path().join("fixtures/firmware")).unwrap();
        fs::write(
            root.path().join("firmware/devkit/src/main.rs"),
            "fn main() {}\n",
        )
        .unwrap();
        fs::write(root.path().join(IMAGE), "image").unwrap();
        let manifest = Manifest {
            board: BOARD.into(),
            version: "0.1.0".into(),
            source: SOURCE.into(),
            source_digest: source_digest::source_digest(&root.path().join(SOURCE)).unwrap(),
            source_commit: "c0ffee".into(),
            package: PACKAGE.into(),
            target: CORTEX_M.into(),
            compiler: "rustc".into(),
            elf_sha256: hex(b"image"),
        };
        fs::write(
            root.path().join(MANIFEST),
            toml::to_string(&manifest).unwrap(),
        )
        .unwrap();
        root
    }

    #[test]
    fn an_image_of_its_source_passes() {
        check(checkout().path()).unwrap();
    }

    #[test]
    fn an_image_older_than_its_source_is_named() {
        let root = checkout();
        fs::write(
            root.path().join("firmware/devkit/src/main.rs"),
            "fn main() { loop {} }\n",
        )
        .unwrap();
        let message = check(root.path()).unwrap_err().to_string();
        assert!(
            message.contains("older than its source") && message.contains("cargo xtask firmware"),
            "{message}"
        );
    }

    #[test]
    fn an_image_that_was_swapped_is_named() {
        let root = checkout();
        fs::write(root.path().join(IMAGE), "other").unwrap();
        assert!(
            check(root.path())
                .unwrap_err()
                .to_string()
                .contains("is not the image")
        );
    }

    #[test]
    fn a_missing_manifest_says_what_writes_it() {
        let root = checkout();
        fs::remove_file(root.path().join(MANIFEST)).unwrap();
        let message = check(root.path()).unwrap_err().to_string();
        assert!(
            message.contains("`cargo xtask firmware` writes it"),
            "{message}"
        );
    }
}
