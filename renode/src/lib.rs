//! Rust bindings to Renode: finding an installation, running it without a screen, and the
//! descriptions of our boards for it.
//!
//! Renode is another program (<https://renode.io>): it is never linked, downloaded or required. Its
//! absence is one clear [`NotFound`], and each running instance lives in a folder and a process
//! group of its own, so that several do not disturb each other.
//!
//! **Invariant:** knows no twin and no hub, and reads no environment: search paths and the value of
//! `RENODE` come in by argument.

mod find;
mod platform;
mod process;

pub use find::{Installation, NotFound, Search};
pub use platform::{AZ3166, Platform};
pub use process::{Error, Options, Process};
