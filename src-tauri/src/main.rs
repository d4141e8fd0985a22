//! The desktop window of Twinbench: shows the page and tells it where the bench is.
//!
//! **Invariant:** the window is a client of the bench's API like a browser or curl. The page gets
//! the API's address and key, and no right to call into the shell.

// A window needs no console beside it.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod bench;
mod window;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let shown = bench::Options::parse()
        .connect()
        .map_err(|error| error.to_string());
    match shown.and_then(|place| window::show(&place).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("twinbench-desktop: {error}");
            ExitCode::FAILURE
        }
    }
}
