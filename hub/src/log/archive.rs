//! Messages that have left the log's memory.

use twinbench_model::EventData;

/// Gives messages of the event log from the store that the bench commits to. Called from a
/// thread that may wait.
pub trait Archive: Send + Sync + 'static {
    /// Up to `max` messages of a partition from a position on, oldest first; see
    /// [`event_key`](crate::log::event_key) and [`decode_event`](crate::log::decode_event).
    ///
    /// # Errors
    /// When the store cannot be read.
    fn read(&self, partition: u16, from: u64, max: usize) -> Result<Vec<EventData>, ArchiveError>;
}

/// Messages cannot be read from the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored messages cannot be read: {0}")]
pub struct ArchiveError(pub String);

/// For a hub without a store: what has left memory is gone.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryOnly;

impl Archive for MemoryOnly {
    fn read(&self, _: u16, _: u64, _: usize) -> Result<Vec<EventData>, ArchiveError> {
        let reason = "they have left memory and this hub has no store; raise the memory limit";
        Err(ArchiveError(reason.to_owned()))
    }
}
