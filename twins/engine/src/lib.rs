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
mod clients;
mod engine;
mod entity;
mod failure;
mod functions;
mod guid;
pub mod history;
pub mod http;
mod instance;
mod journal;
mod json;
mod message;
mod options;
pub mod orchestration;
mod partition;
mod queries;
mod records;
pub mod sim;
mod slot;
pub mod store;
mod timers;
mod versions;
pub mod work;
mod workers;

pub use activity::ActivityContext;
pub use builder::Builder;
pub use clients::{InstanceError, SignalError, SignalRequest, StartError, StartRequest};
pub use engine::Engine;
pub use entity::{Entity, EntityContext};
pub use failure::Failure;
pub use functions::{Functions, Performing};
pub use history::{EventKind, HistoryEvent};
pub use instance::{Instance, Status};
pub use json::Json;
pub use options::{ClientFaults, Limits};
pub use orchestration::{Calls, CriticalSection, OrchestrationContext, RetryPolicy, Task};
pub use queries::{EntityQuery, EntityView, InstanceQuery};
pub use records::RestoreError;
pub use versions::{OnMismatch, VersionMatch, Versioning};
pub use workers::CompleteError;
