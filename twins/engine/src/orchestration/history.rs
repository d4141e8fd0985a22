//! What an orchestration has been through.

use serde::{Deserialize, Serialize};
use twinbench_model::{EntityId, VirtualTime};

use crate::{Failure, Json};

/// One row of an orchestration's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// When it was written.
    pub timestamp: VirtualTime,
    /// What happened.
    pub fact: Fact,
}

/// What happened; the names are those of the Durable Task history types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "names and fields are those of the Durable Task history, described there"
)]
pub enum Fact {
    /// A turn of the orchestrator begins; its current time is this row's.
    OrchestratorStarted,
    ExecutionStarted {
        name: String,
        input: Json,
    },
    TaskScheduled {
        id: u32,
        name: String,
        input: Json,
    },
    TaskCompleted {
        id: u32,
        result: Json,
    },
    TaskFailed {
        id: u32,
        failure: Failure,
    },
    TimerCreated {
        id: u32,
        fire_at: VirtualTime,
    },
    TimerFired {
        id: u32,
    },
    /// A signal was sent to an entity.
    EventSent {
        id: u32,
        to: EntityId,
        operation: String,
        input: Json,
    },
    /// An external event arrived.
    EventRaised {
        name: String,
        input: Json,
    },
    ContinueAsNew {
        input: Json,
    },
    ExecutionCompleted {
        result: Json,
    },
    ExecutionFailed {
        failure: Failure,
    },
    /// The turn ends: everything that the orchestrator asked for in it is in the history.
    OrchestratorCompleted,
}
