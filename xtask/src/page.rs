//! Building the page: the wasm module, its glue, and the files beside it.

use std::{fs, io::Write as _, path::Path};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    place, setup,
    setup::Need,
    shell,
    toolchain::{self, WASM},
};

/// The files of `ui/static`, which go into the page as they are.
const STATIC: &str = "ui/static";
/// Where the page is put; the server and the window take it from there.
pub(crate) const DIST: &str = "ui/dist";

/// What `cargo xtask ui` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build without optimisation: sooner ready, many times as large.
    #[arg(long)]
    debug: bool,
}

/// `cargo xtask ui`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let left = setup::ensure(&[Need::WasmTarget]);
    if !left.is_empty() {
        return Err(miette!("the page needs: {}", setup::names(&left)));
    }
    if args.debug {
        make("dev", "debug")
    } else {
        build()
    }
}

/// The most that the page's program may have after gzip, in bytes.
const MOST_GZIP: usize = 1_500_000;

/// Builds the page with a compiler that is there.
pub(crate) fn build() -> Result<()> {
    make("wasm", "wasm")
}

fn make(profile: &str, folder: &str) -> Result<()> {
    let compiler = toolchain::for_target(WASM)
        .ok_or_else(|| miette!("no compiler here builds for {WASM}: run `cargo xtask setup`"))?;
    let target = place::target()?;
    let mut cargo = compiler.cargo();
    cargo.args([
        "build",
        "--package",
        "twinbench-ui",
        "--target",
        WASM,
        "--profile",
        profile,
        "--target-dir",
    ]);
    shell::run(cargo.arg(&target))?;

    let module = target.join(WASM).join(folder).join("twinbench-ui.wasm");
    let dist = place::root().join(DIST);
    let parent = dist.parent().unwrap_or(Path::new("."));
    // Made aside and put in place at the end: a window that starts meanwhile finds a whole page.
    let draft = tempfile::tempdir_in(parent).into_diagnostic()?;
    Bindgen::new()
        .input_path(&module)
        .web(true)
        .and_then(|bindgen| {
            bindgen
                .typescript(false)
                .remove_name_section(true)
                .remove_producers_section(true)
                .generate(draft.path())
        })
        .map_err(|error| miette!("failed to make the glue of {}: {error:#}", module.display()))?;
    copy_files(&place::root().join(STATIC), draft.path())?;
    if dist.exists() {
        fs::remove_dir_all(&dist).into_diagnostic()?;
    }
    fs::rename(draft.keep(), &dist)
        .into_diagnostic()
        .wrap_err_with(|| format!("failed to put the page into {}", dist.display()))?;
    open_to_readers(&dist)?;
    let module = fs::read(dist.join("twinbench-ui_bg.wasm")).into_diagnostic()?;
    let packed = gzip(&module)?;
    eprintln!(
        "page: {DIST} ({} KiB of wasm, {} KiB gzip)",
        module.len() / 1024,
        packed / 1024
    );
    if profile == "wasm" && packed > MOST_GZIP {
        return Err(miette!(
            "the page's program has {packed} bytes gzip, more than {MOST_GZIP}: look at what was added with `twiggy top`"
        ));
    }
    Ok(())
}

/// How many bytes are left after gzip.
fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).into_diagnostic()?;
    Ok(encoder.finish().into_diagnostic()?.len())
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    let entries = fs::read_dir(from)
        .into_diagnostic()
        .wrap_err_with(|| format!("failed to read {}", from.display()))?;
    for entry in entries {
        let entry = entry.into_diagnostic()?;
        fs::copy(entry.path(), to.join(entry.file_name())).into_diagnostic()?;
    }
    Ok(())
}

/// Temporary folders are their owner's only; a page is for whoever builds or serves it.
#[cfg(unix)]
fn open_to_readers(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).into_diagnostic()
}

#[cfg(not(unix))]
fn open_to_readers(_folder: &Path) -> Result<()> {
    Ok(())
}
