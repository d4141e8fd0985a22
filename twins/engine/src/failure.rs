//! How user code fails.

use serde::{Deserialize, Serialize};

/// A failure of an operation, an activity or an orchestration, as it is kept and passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_type}: {error_message}")]
pub struct Failure {
    /// The kind of failure, for code that decides by it.
    pub error_type: String,
    /// What happened, for a person.
    pub error_message: String,
}

impl Failure {
    /// The type of failures of operations that the entity does not know.
    pub const UNKNOWN_OPERATION: &'static str = "NotSupported";
    /// The type of failures of an orchestrator that does not do what its history says.
    pub const NON_DETERMINISTIC: &'static str = "NonDeterministicOrchestration";

    /// A failure of a kind.
    pub fn new(error_type: impl Into<String>, error_message: impl Into<String>) -> Self {
        Self {
            error_type: error_type.into(),
            error_message: error_message.into(),
        }
    }

    /// What an entity answers to an operation that it does not know.
    pub fn unknown_operation(operation: &str) -> Self {
        Self::new(
            Self::UNKNOWN_OPERATION,
            format!("there is no operation {operation:?}"),
        )
    }
}
