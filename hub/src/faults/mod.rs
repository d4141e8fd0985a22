//! Faults between devices and hub, switched on and off on the bench's clock.
//!
//! They act on connections, real and emulated alike; each shows in the recording when it begins
//! and when it ends.

mod calls;
mod fault;
mod late;

pub(crate) use fault::Faults;
pub use fault::{Fault, FaultId, FaultKind};
pub(crate) use late::{Late, LateMessage};
