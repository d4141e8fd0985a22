//! The durable engine: entities, orchestrations, timers, activities, and the store behind them.
//!
//! [`Engine`] decides and does no IO. Signals, starts, results of activities and `now` go in;
//! records to commit, events and work items come out:
//!
//! ```text
//! signal, start, raise_event, complete ──► Engine::run(now) ──► drain_records ──► Store::commit
//!                                               ▲    │
//!                                  next_timer ──┘    └──► drain_events, take_work
//! ```
//!
//! **Invariant:** between two calls the drained records describe the engine completely, down to
//! messages under way: what is restored from them goes on as if nothing had happened. Work for
//! elsewhere is given out only after the records that caused it were drained.
//!
//! [`store`] is the edge: the trait, a store in memory and one on disk.
//!
//! Semantics are those of Durable Functions (of the isolated worker where the flavours differ).

mod activity;
mod builder;
mod engine;
mod entity;
mod failure;
pub mod history;
mod instance;
mod journal;
mod json;
mod message;
pub mod orchestration;
mod records;
mod registry;
mod slot;
pub mod store;
mod timers;
mod turn;
pub mod work;

pub use activity::{ActivityContext, WorkItem};
pub use builder::Builder;
pub use engine::{Engine, SignalError, StartError};
pub use entity::{Entity, EntityContext};
pub use failure::Failure;
pub use instance::{Instance, Status};
pub use json::Json;
pub use orchestration::{HistoryEvent, OrchestrationContext, RetryPolicy, Task};
pub use records::RestoreError;
