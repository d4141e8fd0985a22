//! Rust bindings to Renode, useful on their own: finding an installation, running it without a
//! screen, its channels with types, and the descriptions of our boards for it.
//!
//! Renode is another program (<https://renode.io>): it is never linked, downloaded or required. Its
//! absence is one clear [`NotFound`], and each running instance lives in a folder and a process
//! group of its own, so that several do not disturb each other.
//!
//! | channel | is for |
//! |---|---|
//! | [`Robot`] | commands of the monitor with results and Renode's words for errors |
//! | [`control::Control`] | time, pins, converters and memory, in both generations of the protocol |
//! | [`Uart`] | serial ports, byte for byte |
//! | [`monitor::Monitor`] | people |
//!
//! **Invariant:** knows no twin and no hub, and reads no environment: search paths and the value of
//! `RENODE` come in by argument.

pub mod control;
mod find;
mod isolated;
pub mod monitor;
mod platform;
mod process;
pub mod recorded;
mod resd;
mod robot;
mod session;
mod tree;
mod uart;
mod version;

pub use find::{Installation, NotFound, Search};
pub use isolated::isolated;
pub use platform::{AZ3166, Platform};
pub use process::{Error, Options, Process};
pub use resd::{Resd, ResdError, Sample};
pub use robot::{NotHttp, NotXmlRpc, Robot, RobotError, UartLine, Value};
pub use session::{Renode, Session, SessionError, SessionOptions};
pub use tree::Tree;
pub use uart::{Uart, UartError};
pub use version::{Commands, Generation, Version};
