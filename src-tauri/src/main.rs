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
    let opened = bench::Options::parse()
        .open()
        .map_err(|error| error.to_string());
    let shown = opened.and_then(|(place, running)| {
        let result = window::show(&place).map_err(|error| error.to_string());
        // Only now: the bench runs as long as its window is open.
        drop(running);
        result
    });
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("twinbench-desktop: {error}");
            ExitCode::FAILURE
        }
    }
}
