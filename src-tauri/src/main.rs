//! The desktop window of Twinbench: shows the page and tells it where the bench is.
//!
//! **Invariant:** the window is a client of the bench's API like a browser or curl. The page gets
//! the API's address and key, and of the shell one right: to show a notification.

// A window needs no console beside it.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod asked;
mod bench;
mod menu;
mod window;

use std::process::ExitCode;

use clap::Parser as _;

// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match window::show(bench::Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("twinbench-desktop: {error}");
            ExitCode::FAILURE
        }
    }
}
