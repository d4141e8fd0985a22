//! Targets without rustup: Debian's compiler for the web, and its own source of the libraries.
//!
//! Debian's security archive carries a recent rustc (`rustc-web`) with the source of its
//! libraries (`rust-web-src`), but without libraries for browsers or boards. They are built once
//! from that source and put where this compiler looks for them, with a stamp of its version: after
//! that the target is as if it had been installed, and no build needs an unstable flag.

use std::{
    fs,
    path::{Path, PathBuf},
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};

use super::{packages, system::Administrator};
use crate::{
    shell,
    toolchain::{Compiler, STAMP, WASM},
};

/// What is done, in one line.
pub(super) const PLAN: &str = "apt packages rustc-web, cargo-web, rust-web-src and the lld of their LLVM, then libraries built once from that source";

const COMPILER: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Makes a target one that the distribution's compiler can build for.
///
/// # Errors
/// When packages cannot be had, or the libraries do not build.
pub(super) fn install(target: &str) -> Result<()> {
    install_packages(&COMPILER)?;
    let compiler = Compiler::distribution()
        .ok_or_else(|| miette!("no compiler in /usr/bin after its packages were installed"))?;
    let unknown = || miette!("{} does not say what it is", "/usr/bin/rustc");
    // The linker is of the compiler's own LLVM, so that link-time optimisation understands it.
    let llvm = compiler.fact("LLVM version").ok_or_else(unknown)?;
    let llvm = llvm.split('.').next().unwrap_or_default().to_owned();
    install_packages(&[&format!("lld-{llvm}")])?;
    let linker = PathBuf::from(format!("/usr/lib/llvm-{llvm}/bin/lld"));
    let bundled = compiler.bundled_linker().ok_or_else(unknown)?;
    if !bundled.exists() {
        let administrator = Administrator::become_one(&format!(
            "ln -s {} {}",
            linker.display(),
            bundled.display()
        ))?;
        if let Some(folder) = bundled.parent() {
            shell::run(administrator.command("mkdir").arg("-p").arg(folder))?;
        }
        shell::run(
            administrator
                .command("ln")
                .arg("-sfn")
                .args([&linker, &bundled]),
        )?;
    }
    let version = compiler.ask(&["--version"]).ok_or_else(unknown)?;
    let folder = compiler
        .ask(&["--print", "target-libdir", "--target", target])
        .ok_or_else(unknown)?;
    let built = tempfile::tempdir().into_diagnostic()?;
    let libraries = build(&compiler, target, built.path())?;
    put(&libraries, Path::new(&folder), &version, built.path())?;
    eprintln!(
        "set-up: {target}: {} libraries in {folder}",
        libraries.len()
    );
    Ok(())
}

fn install_packages(list: &[&str]) -> Result<()> {
    let missing: Vec<_> = list
        .iter()
        .copied()
        .filter(|name| !packages::is_installed(name))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        packages::apt_install(&missing)
    }
}

/// Builds the libraries of a target in a folder; gives their files.
fn build(compiler: &Compiler, target: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    // An empty crate gives cargo a reason to build what every crate stands on.
    let manifest = "[package]\nname = \"seed\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                    [lib]\npath = \"seed.rs\"\n\n[profile.release]\npanic = \"abort\"\n";
    fs::write(folder.join("Cargo.toml"), manifest).into_diagnostic()?;
    fs::write(folder.join("seed.rs"), "#![no_std]\n").into_diagnostic()?;
    let parts = if target == WASM {
        "std,panic_abort"
    } else {
        "core,alloc"
    };
    let mut command = compiler.cargo();
    command
        .current_dir(folder)
        .args([
            "build",
            "--release",
            "--target",
            target,
            "--target-dir",
            "built",
        ])
        .arg(format!("-Zbuild-std={parts}"))
        // The one place where an unstable flag is used, on the compiler's own source.
        .env("RUSTC_BOOTSTRAP", "1")
        // Names the libraries apart from those that a project builds for itself.
        .env("__CARGO_DEFAULT_LIB_METADATA", "twinbench")
        .env("RUSTFLAGS", "-Cdebuginfo=0 -Cembed-bitcode=yes")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR");
    shell::run(&mut command)?;
    let place = folder.join("built").join(target).join("release/deps");
    let entries = fs::read_dir(&place)
        .into_diagnostic()
        .wrap_err_with(|| format!("no libraries in {}", place.display()))?;
    let mut libraries: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "rlib"))
        .filter(|path| {
            path.file_stem()
                .is_none_or(|stem| !stem.to_string_lossy().starts_with("libseed"))
        })
        .collect();
    libraries.sort();
    if libraries.is_empty() {
        Err(miette!("no libraries in {}", place.display()))
    } else {
        Ok(libraries)
    }
}

/// Puts libraries where the compiler looks for them. Until all are there the stamp says so, and an
/// interrupted copy does not count as an installed target.
fn put(libraries: &[PathBuf], folder: &Path, version: &str, scratch: &Path) -> Result<()> {
    let administrator =
        Administrator::become_one(&format!("copy libraries into {}", folder.display()))?;
    let stamp = |text: &str| -> Result<()> {
        let draft = scratch.join(STAMP);
        fs::write(&draft, format!("{text}\n")).into_diagnostic()?;
        shell::run(
            administrator
                .command("install")
                .args(["-m", "644"])
                .arg(draft)
                .arg(folder.join(STAMP)),
        )
    };
    shell::run(administrator.command("mkdir").arg("-p").arg(folder))?;
    stamp("unfinished")?;
    let stale = fs::read_dir(folder)
        .into_diagnostic()?
        .flatten()
        .map(|entry| entry.path());
    let stale: Vec<_> = stale
        .filter(|path| path.extension().is_some_and(|kind| kind == "rlib"))
        .collect();
    if !stale.is_empty() {
        shell::run(administrator.command("rm").args(&stale))?;
    }
    shell::run(
        administrator
            .command("install")
            .args(["-m", "644", "-t"])
            .arg(folder)
            .args(libraries),
    )?;
    stamp(version)
}
