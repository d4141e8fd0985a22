//! Compiles the page, the icon and the permissions into the window.

use std::{fs, path::Path};

/// What stands in for the page until `cargo xtask ui` has built it: the window's code can be
/// checked and tested without a compiler for browsers.
const STAND_IN: &str = "<!doctype html><title>Twinbench</title><p>The page is not built: run <code>cargo xtask app</code>.";

fn main() -> std::io::Result<()> {
    let page = Path::new("../ui/dist");
    if !page.join("index.html").exists() {
        fs::create_dir_all(page)?;
        fs::write(page.join("index.html"), STAND_IN)?;
    }
    println!("cargo:rerun-if-changed={}", page.display());
    tauri_build::build();
    Ok(())
}
