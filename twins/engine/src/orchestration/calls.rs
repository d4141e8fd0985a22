//! How an activity or a sub-orchestration is called.

use super::RetryPolicy;
use crate::history::Tags;

/// What a call says beside name and input; `Calls::default()` says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calls {
    /// The instance id of a sub-orchestration; a new GUID when there is none.
    pub instance: Option<String>,
    /// The version that is asked for.
    pub version: Option<String>,
    /// Tags for the one who is called.
    pub tags: Tags,
    /// When it is tried again after a failure.
    pub retry: Option<RetryPolicy>,
}
