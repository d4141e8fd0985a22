//! Which compiler can build for which machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{place, shell};

/// Browsers.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";
/// Cortex-M4F boards.
pub(crate) const CORTEX_M: &str = "thumbv7em-none-eabihf";
/// Which compiler built a target's libraries, beside them, when it was us who built them.
pub(crate) const STAMP: &str = ".built-by";

/// A compiler with its cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// Its cargo.
    pub(crate) cargo: PathBuf,
    /// Its rustc; `None` for the one that the checkout uses anyway.
    pub(crate) rustc: Option<PathBuf>,
}

impl Compiler {
    /// The compiler that builds everything for this machine.
    pub(crate) fn native() -> Self {
        let cargo = std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from);
        Self { cargo, rustc: None }
    }

    /// The distribution's compiler, if there is one.
    pub(crate) fn distribution() -> Option<Self> {
        let (cargo, rustc) = (
            PathBuf::from("/usr/bin/cargo"),
            PathBuf::from("/usr/bin/rustc"),
        );
        (cargo.is_file() && rustc.is_file()).then_some(Self {
            cargo,
            rustc: Some(rustc),
        })
    }

    /// Its cargo, ready to run in the checkout's top folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(place::root());
        if let Some(rustc) = &self.rustc {
            // What the cargo that started us has set belongs to its own compiler.
            command.env("RUSTC", rustc);
            for inherited in ["LD_LIBRARY_PATH", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
                command.env_remove(inherited);
            }
        }
        command
    }

    fn rustc(&self) -> Command {
        let mut command = Command::new(self.rustc.as_deref().unwrap_or(Path::new("rustc")));
        command.current_dir(place::root());
        if self.rustc.is_some() {
            command.env_remove("LD_LIBRARY_PATH");
        }
        command
    }

    /// Asks its rustc, e.g. for `--version`.
    pub(crate) fn ask(&self, args: &[&str]) -> Option<String> {
        shell::answer(self.rustc().args(args))
    }

    /// A field of `rustc -vV`.
    pub(crate) fn fact(&self, name: &str) -> Option<String> {
        let facts = self.ask(&["-vV"])?;
        facts
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::to_owned)
    }

    /// Whether it can build for a target: new enough, with that target's libraries of its own
    /// version and a linker.
    pub(crate) fn has(&self, target: &str) -> bool {
        let Some(version) = self.ask(&["--version"]) else {
            return false;
        };
        let Some(folder) = self.ask(&["--print", "target-libdir", "--target", target]) else {
            return false;
        };
        new_enough(&version)
            && libraries_are(Path::new(&folder), target, &version)
            && (self.rustc.is_none() || self.bundled_linker().is_some_and(|linker| linker.exists()))
    }

    /// Where rustc looks for the linker of targets that have none of their own.
    pub(crate) fn bundled_linker(&self) -> Option<PathBuf> {
        let sysroot = self.ask(&["--print", "sysroot"])?;
        let host = self.fact("host")?;
        Some(
            Path::new(&sysroot)
                .join("lib/rustlib")
                .join(host)
                .join("bin/rust-lld"),
        )
    }
}

/// The first compiler on this machine that can build for a target.
pub(crate) fn for_target(target: &str) -> Option<Compiler> {
    [Some(Compiler::native()), Compiler::distribution()]
        .into_iter()
        .flatten()
        .find(|compiler| compiler.has(target))
}

/// Whether `rustc --version` tells of at least the version that the workspace asks for.
fn new_enough(version: &str) -> bool {
    let minor = |text: &str| -> Option<u32> { text.split('.').nth(1)?.parse().ok() };
    let found = version.split_whitespace().nth(1).and_then(minor);
    found.is_some() && found >= minor(env!("CARGO_PKG_RUST_VERSION"))
}

/// Whether a folder holds a target's libraries, and not those that we built with another version.
fn libraries_are(folder: &Path, target: &str, version: &str) -> bool {
    let needed = if target == WASM {
        "libstd-"
    } else {
        "libcore-"
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    let present = entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(needed)
            && Path::new(name.as_ref())
                .extension()
                .is_some_and(|kind| kind == "rlib")
    });
    // Without a stamp they came with the compiler and are of its version.
    present && fs::read_to_string(folder.join(STAMP)).map_or(true, |stamp| stamp.trim() == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_compilers_are_passed_over() {
        assert!(new_enough("rustc 1.95.0 (59807616e 2026-04-14)"));
        assert!(new_enough("rustc 1.103.1-nightly"));
        assert!(!new_enough("rustc 1.63.0"));
        assert!(!new_enough("something else"));
    }

    #[test]
    fn libraries_of_another_version_are_stale() {
        let folder = tempfile::tempdir().unwrap();
        let is = |target| libraries_are(folder.path(), target, "rustc 1.96.0");
        assert!(!is(CORTEX_M));
        fs::write(folder.path().join("libcore-0123.rlib"), "").unwrap();
        assert!(
            is(CORTEX_M),
            "libraries without a stamp came with the compiler"
        );
        assert!(!is(WASM), "a browser needs std too");
        fs::write(folder.path().join(STAMP), "rustc 1.96.0\n").unwrap();
        assert!(is(CORTEX_M));
        fs::write(folder.path().join(STAMP), "rustc 1.95.0\n").unwrap();
        assert!(!is(CORTEX_M));
    }
}
