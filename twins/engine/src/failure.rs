//! How user code fails.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Json;

/// A failure of an operation, an activity or an orchestration, as it is kept and passed on; the
/// fields are those of the Durable Task protocol's `TaskFailureDetails`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_type}: {error_message}")]
pub struct Failure {
    /// The kind of failure, for code that decides by it.
    pub error_type: String,
    /// What happened, for a person.
    pub error_message: String,
    /// Where it happened, as the worker that failed wrote it.
    #[serde(default)]
    pub stack_trace: Option<String>,
    /// What caused it.
    #[serde(default)]
    pub inner: Option<Box<Failure>>,
    /// Whether trying again is useless: retry policies give up at once.
    #[serde(default)]
    pub non_retriable: bool,
    /// What else the worker said, by name.
    #[serde(default)]
    pub properties: BTreeMap<String, Json>,
}

impl Failure {
    /// The type of failures of operations that the entity does not know.
    pub const UNKNOWN_OPERATION: &'static str = "NotSupported";
    /// The type of failures of an orchestrator that does not do what its history says.
    pub const NON_DETERMINISTIC: &'static str = "NonDeterministicOrchestration";
    /// The type of failures of an act that is forbidden in a critical section.
    pub const LOCKING_RULES: &'static str = "LockingRulesViolation";
    /// The type of failures of user code that panicked.
    pub const PANIC: &'static str = "Panic";
    /// The type of failures of what exceeds a limit of the engine.
    pub const LIMIT: &'static str = "LimitExceeded";
    /// The type of failures of work whose worker was lost too often.
    pub const WORKER_LOST: &'static str = "WorkerLost";

    /// A failure of a kind.
    pub fn new(error_type: impl Into<String>, error_message: impl Into<String>) -> Self {
        Self {
            error_type: error_type.into(),
            error_message: error_message.into(),
            stack_trace: None,
            inner: None,
            non_retriable: false,
            properties: BTreeMap::new(),
        }
    }

    /// The same, not to be tried again.
    #[must_use]
    pub fn final_one(mut self) -> Self {
        self.non_retriable = true;
        self
    }

    /// What an entity answers to an operation that it does not know.
    pub fn unknown_operation(operation: &str) -> Self {
        Self::new(
            Self::UNKNOWN_OPERATION,
            format!("there is no operation {operation:?}"),
        )
    }
}
