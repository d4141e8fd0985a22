//! Orchestrations: `async` functions whose progress is a history that is replayed.
//!
//! An orchestrator is run from its beginning each time something new has happened: its history
//! answers what it asked before, and what it asks beyond that becomes new history. So it must do
//! the same each time: no clock, no random numbers, no IO but through its
//! [`OrchestrationContext`]. Where it does not do what its history says, it fails and names the
//! first action that differs.

mod calls;
mod context;
mod join;
mod replay;
mod retry;
mod section;
mod state;
mod tasks;

pub use calls::Calls;
pub use context::OrchestrationContext;
pub use join::{Either, all, either};
pub use retry::RetryPolicy;
pub use section::CriticalSection;
pub use tasks::Task;

pub(crate) use context::FIRE_AND_FORGET;
pub(crate) use replay::{Orchestrator, replay};
