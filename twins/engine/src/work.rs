//! Work items: what is given to a worker, and what comes back.
//!
//! The same for the functions that are registered in this process and for workers elsewhere, whose
//! protocol (`durable-task-grpc`, sections 2 to 4) these types are.

use std::sync::Arc;

use twinbench_model::{EntityId, VirtualTime};

use crate::{
    Failure, Json, Status,
    history::{HistoryEvent, Tags, Trace},
};

/// Names a work item that was given out. It is of use once, and in this run of the engine only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What kind of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkKind {
    /// Steps of an orchestrator.
    Orchestration,
    /// A batch of an entity's operations.
    Entity,
    /// An activity.
    Activity,
}

/// Work for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Steps of an orchestrator.
    Orchestration(OrchestratorWork),
    /// A batch of an entity's operations.
    Entity(EntityWork),
    /// An activity.
    Activity(ActivityWork),
}

impl Work {
    /// Its token.
    pub const fn token(&self) -> Token {
        match self {
            Self::Orchestration(work) => work.token,
            Self::Entity(work) => work.token,
            Self::Activity(work) => work.token,
        }
    }
}

/// What has happened to an orchestration, for its orchestrator to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrchestratorWork {
    /// Names this item in the answer.
    pub token: Token,
    /// The instance.
    pub instance: Arc<str>,
    /// Its execution.
    pub execution: Arc<str>,
    /// The orchestration's name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// The history that the orchestrator has been through, from its beginning.
    pub past: Arc<Vec<HistoryEvent>>,
    /// What is new; begins with [`EventKind::OrchestratorStarted`](crate::history::EventKind).
    pub new: Vec<HistoryEvent>,
}

/// What an orchestrator wants done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrchestratorResult {
    /// Actions, each with its number, in the order in which they were asked for.
    pub actions: Vec<(i32, Action)>,
    /// The new custom status; `None` leaves it as it is.
    pub custom_status: Option<Json>,
    /// How many of the new events it took, where not all: the others come again.
    pub events_processed: Option<usize>,
}

/// One thing that an orchestrator wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "names and fields are those of the protocol's OrchestratorAction"
)]
pub enum Action {
    ScheduleTask {
        name: String,
        version: Option<String>,
        input: Option<Json>,
        trace: Option<Trace>,
        tags: Tags,
    },
    CreateTimer {
        fire_at: VirtualTime,
    },
    /// The engine makes an instance id when there is none.
    CreateSubOrchestration {
        instance: Option<Arc<str>>,
        name: String,
        version: Option<String>,
        input: Option<Json>,
        trace: Option<Trace>,
        tags: Tags,
    },
    SendEvent {
        instance: Arc<str>,
        name: String,
        input: Option<Json>,
    },
    SignalEntity {
        /// A GUID.
        request: Arc<str>,
        target: EntityId,
        operation: String,
        input: Option<Json>,
        scheduled: Option<VirtualTime>,
    },
    CallEntity {
        /// A GUID, which the answer repeats.
        request: Arc<str>,
        target: EntityId,
        operation: String,
        input: Option<Json>,
        scheduled: Option<VirtualTime>,
    },
    /// Asks for locks; the set is sorted, without duplicates and not empty.
    LockEntities {
        section: Arc<str>,
        lock_set: Vec<EntityId>,
    },
    UnlockEntity {
        section: Arc<str>,
        target: EntityId,
    },
    /// Terminates another orchestration.
    Terminate {
        instance: Arc<str>,
        reason: Option<Json>,
        recurse: bool,
    },
    /// Ends this orchestration: `Completed`, `Failed`, `Canceled` or `Terminated`.
    Complete {
        status: Status,
        result: Option<Json>,
        failure: Option<Failure>,
    },
    /// Ends this execution; the instance goes on with a new one.
    ContinueAsNew {
        input: Option<Json>,
        new_version: Option<String>,
        /// External events that nobody waited for.
        carryover: Vec<HistoryEvent>,
        /// The tags of the new execution; `None` keeps those of the old one.
        tags: Option<Tags>,
    },
    /// The answer to [`EventKind::ExecutionRewound`](crate::history::EventKind): a history that is without
    /// its failures.
    Rewind {
        new_history: Vec<HistoryEvent>,
    },
}

/// A batch of operations for an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityWork {
    /// Names this item in the answer.
    pub token: Token,
    /// The entity.
    pub id: EntityId,
    /// Its state before the first operation; `None` when it does not exist.
    pub state: Option<Json>,
    /// The operations, in their order; at least one.
    pub operations: Vec<OperationRequest>,
}

/// One operation for an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRequest {
    /// A GUID.
    pub request: Arc<str>,
    /// The operation.
    pub operation: Arc<str>,
    /// Its input.
    pub input: Option<Json>,
    /// Who waits for the answer: an orchestration and its execution. `None` for signals.
    pub caller: Option<(Arc<str>, Arc<str>)>,
    /// The time to which it was scheduled, if it was.
    pub scheduled: Option<VirtualTime>,
    /// The trace that it belongs to.
    pub trace: Option<Trace>,
}

/// What a batch of operations came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntityResult {
    /// One for each operation, or fewer: the rest of the operations is given out again.
    pub results: Vec<Result<Option<Json>, Failure>>,
    /// Messages, without those of operations that failed.
    pub actions: Vec<EntityAction>,
    /// The state after the last operation; `None` deletes.
    pub state: Option<Json>,
    /// The batch failed as a whole: state and messages do not count, every operation failed.
    pub failure: Option<Failure>,
}

/// A message that an operation sends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "names and fields are those of the protocol's OperationAction"
)]
pub enum EntityAction {
    Signal {
        target: EntityId,
        operation: String,
        input: Option<Json>,
        scheduled: Option<VirtualTime>,
        trace: Option<Trace>,
    },
    /// The engine makes an instance id when there is none.
    StartOrchestration {
        instance: Option<Arc<str>>,
        name: String,
        version: Option<String>,
        input: Option<Json>,
        scheduled: Option<VirtualTime>,
        trace: Option<Trace>,
    },
}

impl EntityAction {
    /// What is sent with it.
    pub(crate) const fn input(&self) -> Option<&Json> {
        match self {
            Self::Signal { input, .. } | Self::StartOrchestration { input, .. } => input.as_ref(),
        }
    }
}

/// An activity to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityWork {
    /// Names this item in the answer.
    pub token: Token,
    /// The orchestration that waits for it.
    pub instance: Arc<str>,
    /// Its execution.
    pub execution: Arc<str>,
    /// The number of the action that scheduled it.
    pub task: i32,
    /// The activity's name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its input.
    pub input: Option<Json>,
    /// The trace that it belongs to.
    pub trace: Option<Trace>,
    /// Its tags.
    pub tags: Tags,
}
