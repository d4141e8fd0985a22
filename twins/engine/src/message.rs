//! Messages on their way to an entity or an orchestration.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use twinbench_model::{EntityId, VirtualTime};

use crate::{
    Json,
    history::{EventKind, ExecutionRewound, ExecutionStarted, Trace},
};

/// To whom a message goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Address {
    Entity(EntityId),
    Instance(Arc<str>),
}

/// An operation for an entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// A GUID; made from the message's number when a worker elsewhere needs one.
    pub(crate) request: Option<Arc<str>>,
    pub(crate) name: Arc<str>,
    pub(crate) input: Option<Json>,
    /// Instance and execution of the orchestration that waits for the answer.
    pub(crate) caller: Option<(Arc<str>, Arc<str>)>,
    pub(crate) scheduled: Option<VirtualTime>,
    pub(crate) trace: Option<Trace>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Body {
    Operation(Box<Operation>),
    /// A lock request on its way through the entities of its set.
    Lock {
        section: Arc<str>,
        lock_set: Arc<[EntityId]>,
        position: u32,
        owner: Arc<str>,
        execution: Arc<str>,
    },
    Unlock {
        section: Arc<str>,
        owner: Arc<str>,
    },
    /// A new execution, with the external events that an old one left over.
    Start {
        started: Box<ExecutionStarted>,
        carryover: Vec<EventKind>,
    },
    /// Something for an orchestration's history. One for another execution than the current one
    /// is dropped.
    Notice {
        execution: Option<Arc<str>>,
        kind: EventKind,
    },
    Terminate {
        reason: Option<Json>,
        recurse: bool,
    },
    /// A failed sub-orchestration is to go on, because its parent does; one that was purged is
    /// made again from what is in here.
    Rewind(Box<ExecutionRewound>),
}

/// A message that waits for its receiver's turn.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Its number, unlike any other; of one sender's messages the earlier one has the lower.
    pub(crate) number: u64,
    pub(crate) due: VirtualTime,
    /// Whether a row of the store holds it.
    pub(crate) stored: bool,
    pub(crate) to: Address,
    pub(crate) body: Body,
}
