//! Orchestrations: `async` functions whose progress is a history that is replayed.
//!
//! An orchestrator is run from its beginning each time something new has happened: its history
//! answers what it asked before, and what it asks beyond that becomes new history. So it must do
//! the same each time: no clock, no random numbers, no IO but through its
//! [`OrchestrationContext`]. Where it does not do what its history says, it fails and names the
//! first action that differs.

mod context;
mod history;
mod join;
mod replay;
mod retry;
mod tasks;

pub use context::OrchestrationContext;
pub use history::{Fact, HistoryEvent};
pub use join::{Either, all, either};
pub use retry::RetryPolicy;
pub use tasks::Task;

pub(crate) use replay::{Action, Orchestrator, Outcome, Replayed, replay};
