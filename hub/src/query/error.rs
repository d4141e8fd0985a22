//! What is wrong with a query, and where.

/// A text is not a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {reason}")]
pub struct QueryError {
    /// Where, counted in characters from 1; one past the end when the text stops too early.
    pub position: usize,
    /// What is wrong, and what may stand there instead.
    pub reason: String,
}

impl QueryError {
    pub(super) fn new(position: usize, reason: impl Into<String>) -> Self {
        Self {
            position,
            reason: reason.into(),
        }
    }
}
