//! Messages on their way to an entity or an orchestration.

use serde::{Deserialize, Serialize};
use twinbench_model::{EntityId, VirtualTime};

use crate::{Failure, Json};

/// What a message says, and to whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Body {
    /// An operation for an entity.
    Signal {
        to: EntityId,
        operation: Box<str>,
        input: Json,
    },
    /// A new orchestration.
    Start {
        instance: String,
        name: String,
        input: Json,
    },
    /// An external event for an orchestration.
    Event {
        instance: String,
        name: String,
        input: Json,
    },
    /// An activity's result.
    Result {
        instance: String,
        execution: u64,
        task: u32,
        result: Result<Json, Failure>,
    },
    /// An orchestration goes on as a new execution, with the events that the old one left over.
    Continue {
        instance: String,
        execution: u64,
        input: Json,
        events: Vec<(String, Json)>,
    },
    /// A timer of an orchestration that is due.
    Fired {
        instance: String,
        execution: u64,
        timer: u32,
    },
}

/// A message that waits for its receiver's turn.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Its number, which is also its place in the order.
    pub(crate) number: u64,
    pub(crate) due: VirtualTime,
    pub(crate) body: Body,
}
