//! A debugger's way into the chip.

mod access;
mod points;
mod rtt;

pub use crate::core::{Access, DebugStop};
pub use rtt::Rtt;
