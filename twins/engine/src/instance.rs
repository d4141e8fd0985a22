//! Orchestrations as the engine keeps them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use twinbench_model::VirtualTime;

use crate::{Failure, Json, message::Message, orchestration::HistoryEvent};

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
    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Canceled | Self::Terminated
        )
    }
}

/// What is stored of an orchestration beside its history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) execution: u64,
    pub(crate) created: VirtualTime,
    pub(crate) updated: VirtualTime,
    pub(crate) input: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom_status: Option<Json>,
    /// Activities that have not ended, each with its number among all work.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) work: BTreeMap<u32, u64>,
}

/// An orchestration: its state and everything it has been through.
#[derive(Debug)]
pub struct Instance {
    pub(crate) id: Arc<str>,
    pub(crate) head: Head,
    pub(crate) history: Vec<HistoryEvent>,
    /// Timers that have not fired.
    pub(crate) timers: BTreeSet<u32>,
    pub(crate) inbox: VecDeque<Message>,
    /// Rows of the history that the last drained records hold, and how many of them still say
    /// the same.
    pub(crate) stored_rows: usize,
    pub(crate) same_rows: usize,
}

impl Instance {
    pub(crate) fn new(id: Arc<str>, head: Head) -> Self {
        Self {
            id,
            head,
            history: Vec::new(),
            timers: BTreeSet::new(),
            inbox: VecDeque::new(),
            stored_rows: 0,
            same_rows: 0,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The orchestration that it is an instance of.
    pub fn name(&self) -> &str {
        &self.head.name
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

    /// What it was started with; after a continue-as-new, what it went on with.
    pub fn input(&self) -> &Json {
        &self.head.input
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

    /// Everything it has been through since it was started or went on as new.
    pub fn history(&self) -> &[HistoryEvent] {
        &self.history
    }
}
