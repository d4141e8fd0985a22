//! Set-up, build and test of Twinbench: what the two commands in README.md call.
//!
//! `cargo xtask demo` shows the main job and needs nothing but cargo; `cargo xtask test` sets up
//! what is missing and runs every check that CI runs. Each other verb is one part of these two.
//!
//! **Invariant:** no room of the product imports this crate, and it imports none of them: it
//! builds them and starts their programs as a user would.

mod app;
mod browser;
mod cli;
mod demo;
mod desktop;
#[cfg(target_os = "linux")]
mod display;
mod figures;
mod firmware;
pub mod imports;
pub mod licences;
mod page;
mod place;
mod setup;
mod shell;
mod test;
mod toolchain;

pub use cli::main;
