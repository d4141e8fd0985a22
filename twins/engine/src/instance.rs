//! Orchestrations as the engine keeps them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use twinbench_model::VirtualTime;

use crate::{
    Failure, Json,
    history::{EventKind, ExecutionStarted, HistoryEvent, Parent, Tags, Trace},
    message::{Body, Message},
    orchestration::FIRE_AND_FORGET,
    work::Token,
};

/// Where an orchestration stands; names and numbers are those of the Durable Task protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It waits or works.
    Running = 0,
    /// It ended with an output.
    Completed = 1,
    /// Its execution ended and the next has begun.
    ContinuedAsNew = 2,
    /// It ended with a failure.
    Failed = 3,
    /// It ended because it was cancelled.
    Canceled = 4,
    /// It was ended from outside.
    Terminated = 5,
    /// It was started and has not had its first turn.
    Pending = 6,
    /// It was told to wait and takes nothing in.
    Suspended = 7,
}

impl Status {
    /// Every status, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Completed,
        Self::ContinuedAsNew,
        Self::Failed,
        Self::Canceled,
        Self::Terminated,
        Self::Pending,
        Self::Suspended,
    ];

    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Canceled | Self::Terminated
        )
    }

    /// Its name, as the Durable Functions HTTP API writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::ContinuedAsNew => "ContinuedAsNew",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Terminated => "Terminated",
            Self::Pending => "Pending",
            Self::Suspended => "Suspended",
        }
    }
}

/// What is stored of an orchestration beside its history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) status: Status,
    pub(crate) execution: Arc<str>,
    pub(crate) created: VirtualTime,
    pub(crate) updated: VirtualTime,
    pub(crate) completed: Option<VirtualTime>,
    pub(crate) scheduled_start: Option<VirtualTime>,
    pub(crate) input: Option<Json>,
    pub(crate) output: Option<Json>,
    pub(crate) failure: Option<Failure>,
    pub(crate) custom_status: Option<Json>,
    pub(crate) parent: Option<Parent>,
    pub(crate) trace: Option<Trace>,
    pub(crate) tags: Tags,
    /// First rows of the records that hold the history.
    pub(crate) chunks: Vec<u32>,
}

impl Head {
    pub(crate) fn of(started: &ExecutionStarted, now: VirtualTime) -> Self {
        Self {
            name: started.name.clone(),
            version: started.version.clone(),
            status: Status::Pending,
            execution: Arc::clone(&started.execution),
            created: now,
            updated: now,
            completed: None,
            scheduled_start: started.scheduled_start,
            input: started.input.clone(),
            output: None,
            failure: None,
            custom_status: None,
            parent: started.parent.clone(),
            trace: started.trace.clone(),
            tags: started.tags.clone(),
            chunks: Vec::new(),
        }
    }
}

/// Something that an orchestration waits for, by the number of the action that asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Open {
    Activity,
    SubOrchestration(Arc<str>),
    Timer { due: VirtualTime, number: u64 },
}

/// A turn that is out at a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnOut {
    pub(crate) token: Token,
    /// How many messages of the inbox it was given.
    pub(crate) delivered: usize,
    /// The time of the turn.
    pub(crate) at: VirtualTime,
}

/// An orchestration: its state and everything it has been through.
#[derive(Debug)]
pub struct Instance {
    pub(crate) id: Arc<str>,
    pub(crate) head: Head,
    pub(crate) history: Arc<Vec<HistoryEvent>>,
    pub(crate) open: BTreeMap<i32, Open>,
    pub(crate) inbox: VecDeque<Message>,
    pub(crate) out: Option<TurnOut>,
    /// Whether it stands among the ready ones, or its work is on offer.
    pub(crate) ready: bool,
    /// Whether it may hold messages without a row.
    pub(crate) touched: bool,
    /// How often a worker was lost with one of its turns.
    pub(crate) losses: u32,
    /// Rows of the history that the store holds as they are.
    pub(crate) stored_rows: usize,
}

impl Instance {
    pub(crate) fn new(id: Arc<str>, head: Head) -> Self {
        Self {
            id,
            head,
            history: Arc::default(),
            open: BTreeMap::new(),
            inbox: VecDeque::new(),
            out: None,
            ready: false,
            touched: false,
            losses: 0,
            stored_rows: 0,
        }
    }

    /// Whether a message still means something to it. What it answers is not waited for any more.
    pub(crate) fn accept(&mut self, body: &Body) -> bool {
        if self.head.status.is_final() {
            return false;
        }
        match body {
            Body::Start { started, .. } => started.execution == self.head.execution,
            Body::Notice { execution, kind } => {
                if execution
                    .as_ref()
                    .is_some_and(|execution| *execution != self.head.execution)
                {
                    return false;
                }
                match kind {
                    EventKind::TaskCompleted { task, .. }
                    | EventKind::TaskFailed { task, .. }
                    | EventKind::SubOrchestrationCompleted { task, .. }
                    | EventKind::SubOrchestrationFailed { task, .. } => {
                        self.open.remove(task).is_some()
                    }
                    EventKind::TimerFired { timer, .. } => self.open.remove(timer).is_some(),
                    _ => true,
                }
            }
            Body::Operation(_)
            | Body::Lock { .. }
            | Body::Unlock { .. }
            | Body::Terminate { .. }
            | Body::Rewind(_) => false,
        }
    }

    /// Whether it is suspended, or will be when it has taken in what waits for it.
    pub(crate) fn is_suspended(&self) -> bool {
        let before = self.head.status == Status::Suspended;
        self.inbox
            .iter()
            .fold(before, |suspended, message| match &message.body {
                Body::Notice { kind, .. } => match kind {
                    EventKind::ExecutionSuspended { .. } => true,
                    EventKind::ExecutionResumed { .. } => false,
                    _ => suspended,
                },
                _ => suspended,
            })
    }

    /// Whether there is something for its orchestrator to do.
    pub(crate) fn has_work(&self) -> bool {
        if self.out.is_some() || self.inbox.is_empty() || self.head.status.is_final() {
            return false;
        }
        self.head.status != Status::Suspended
            || self.inbox.iter().any(|message| {
                matches!(
                    message.body,
                    Body::Notice {
                        kind: EventKind::ExecutionResumed { .. },
                        ..
                    }
                )
            })
    }

    /// Its sub-orchestrations, without those of finished executions and those that go their own
    /// way.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Arc<str>> {
        self.history.iter().filter_map(|event| match &event.kind {
            EventKind::SubOrchestrationCreated { instance, tags, .. } => {
                (!tags.contains_key(FIRE_AND_FORGET)).then_some(instance)
            }
            _ => None,
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its current execution.
    pub fn execution(&self) -> &str {
        &self.head.execution
    }

    /// The orchestration that it is an instance of.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// Its version.
    pub fn version(&self) -> Option<&str> {
        self.head.version.as_deref()
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        self.head.status
    }

    /// When it was started.
    pub fn created(&self) -> VirtualTime {
        self.head.created
    }

    /// When it had its last turn.
    pub fn updated(&self) -> VirtualTime {
        self.head.updated
    }

    /// When it ended.
    pub fn completed(&self) -> Option<VirtualTime> {
        self.head.completed
    }

    /// When it was to begin, if later than it was asked for.
    pub fn scheduled_start(&self) -> Option<VirtualTime> {
        self.head.scheduled_start
    }

    /// What it was started with; after a continue-as-new, what it went on with.
    pub fn input(&self) -> Option<&Json> {
        self.head.input.as_ref()
    }

    /// What it ended with.
    pub fn output(&self) -> Option<&Json> {
        self.head.output.as_ref()
    }

    /// Why it failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.head.failure.as_ref()
    }

    /// What it says of itself.
    pub fn custom_status(&self) -> Option<&Json> {
        self.head.custom_status.as_ref()
    }

    /// Who waits for it.
    pub fn parent(&self) -> Option<&Parent> {
        self.head.parent.as_ref()
    }

    /// The trace that it belongs to.
    pub fn trace(&self) -> Option<&Trace> {
        self.head.trace.as_ref()
    }

    /// Its tags.
    pub fn tags(&self) -> &Tags {
        &self.head.tags
    }

    /// Everything it has been through since it was started or went on as new.
    pub fn history(&self) -> &Arc<Vec<HistoryEvent>> {
        &self.history
    }
}
