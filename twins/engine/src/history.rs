//! What an orchestration has been through, row by row.
//!
//! Rows and their fields are those of the Durable Task history, which is also what remote workers
//! are sent; `durable-task-grpc`, sections 3 and 4, says when each is written.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use twinbench_model::{EntityId, VirtualTime};

use crate::{Failure, Json, Status};

/// Names and values that a client gave an orchestration or an activity.
pub type Tags = BTreeMap<String, String>;

/// One row of an orchestration's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// The number of the action that it records; -1 for what came from outside.
    pub id: i32,
    /// When it was written.
    pub at: VirtualTime,
    /// What happened.
    pub kind: EventKind,
}

impl HistoryEvent {
    /// A row for something that came from outside.
    pub const fn outside(at: VirtualTime, kind: EventKind) -> Self {
        Self { id: -1, at, kind }
    }
}

/// A distributed trace that goes on in here, as W3C trace context has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// `traceparent`.
    pub parent: String,
    /// The span's id.
    pub span: String,
    /// `tracestate`.
    pub state: Option<String>,
}

/// The orchestration that waits for a sub-orchestration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its instance.
    pub instance: Arc<str>,
    /// Its execution.
    pub execution: Arc<str>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// The number of the action that made the sub-orchestration.
    pub task: i32,
}

/// With what an orchestration begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionStarted {
    /// The orchestration's name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its input.
    pub input: Option<Json>,
    /// The instance.
    pub instance: Arc<str>,
    /// The execution: a new one after each continue-as-new.
    pub execution: Arc<str>,
    /// Who waits for it.
    pub parent: Option<Parent>,
    /// When it was to begin, if later than it was asked for.
    pub scheduled_start: Option<VirtualTime>,
    /// The trace that it belongs to.
    pub trace: Option<Trace>,
    /// Its tags.
    pub tags: Tags,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "names and fields are those of the Durable Task history, described there"
)]
pub enum EventKind {
    /// A turn of the orchestrator begins; its current time is this row's.
    OrchestratorStarted,
    /// The turn ends: everything that the orchestrator asked for in it is in the history.
    OrchestratorCompleted,
    ExecutionStarted(Box<ExecutionStarted>),
    ExecutionCompleted {
        status: Status,
        result: Option<Json>,
        failure: Option<Failure>,
    },
    ExecutionTerminated {
        input: Option<Json>,
        recurse: bool,
    },
    TaskScheduled {
        name: String,
        version: Option<String>,
        input: Option<Json>,
        trace: Option<Trace>,
        tags: Tags,
    },
    TaskCompleted {
        task: i32,
        result: Option<Json>,
    },
    TaskFailed {
        task: i32,
        failure: Failure,
    },
    SubOrchestrationCreated {
        instance: Arc<str>,
        name: String,
        version: Option<String>,
        input: Option<Json>,
        trace: Option<Trace>,
        tags: Tags,
    },
    SubOrchestrationCompleted {
        task: i32,
        result: Option<Json>,
    },
    SubOrchestrationFailed {
        task: i32,
        failure: Failure,
    },
    TimerCreated {
        fire_at: VirtualTime,
    },
    TimerFired {
        timer: i32,
        fire_at: VirtualTime,
    },
    /// An external event was sent to another orchestration.
    EventSent {
        instance: Arc<str>,
        name: String,
        input: Option<Json>,
    },
    /// An external event arrived.
    EventRaised {
        name: String,
        input: Option<Json>,
    },
    GenericEvent {
        data: Option<Json>,
    },
    HistoryState,
    ContinueAsNew {
        input: Option<Json>,
    },
    ExecutionSuspended {
        reason: Option<Json>,
    },
    ExecutionResumed {
        reason: Option<Json>,
    },
    ExecutionRewound(Box<ExecutionRewound>),
    EntityOperationSignaled {
        request: Arc<str>,
        operation: String,
        scheduled: Option<VirtualTime>,
        input: Option<Json>,
        target: EntityId,
    },
    EntityOperationCalled {
        request: Arc<str>,
        operation: String,
        scheduled: Option<VirtualTime>,
        input: Option<Json>,
        parent: Arc<str>,
        parent_execution: Option<Arc<str>>,
        target: EntityId,
    },
    EntityOperationCompleted {
        request: Arc<str>,
        output: Option<Json>,
    },
    EntityOperationFailed {
        request: Arc<str>,
        failure: Failure,
    },
    EntityLockRequested {
        section: Arc<str>,
        lock_set: Vec<EntityId>,
        position: u32,
        parent: Arc<str>,
    },
    EntityLockGranted {
        section: Arc<str>,
    },
    EntityUnlockSent {
        section: Arc<str>,
        parent: Arc<str>,
        target: EntityId,
    },
}

/// A failed orchestration is to go on from before its failure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExecutionRewound {
    /// Why.
    pub reason: Option<String>,
    /// The new execution of the parent, when the parent is rewound too.
    pub parent_execution: Option<Arc<str>>,
    /// The instance, when it has to be made again.
    pub instance: Option<Arc<str>>,
    /// The trace that it belongs to.
    pub trace: Option<Trace>,
    /// Its name, when it has to be made again.
    pub name: Option<String>,
    /// Its version, when it has to be made again.
    pub version: Option<String>,
    /// Its input, when it has to be made again.
    pub input: Option<Json>,
    /// Its parent, when it has to be made again.
    pub parent: Option<Parent>,
    /// Its tags, when it has to be made again.
    pub tags: Tags,
}
