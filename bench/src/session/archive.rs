//! Messages that have left the hub's memory, from the bench's store.

use twinbench_engine::store::Reader;
use twinbench_hub::{
    amqp::{Archive, ArchiveError},
    log::{decode_event, event_key},
};
use twinbench_model::{Epoch, EventData, Table};

use super::Session;

/// The event log in a bench's store.
struct StoredEvents {
    reader: Box<dyn Reader>,
    epoch: Epoch,
}

impl Archive for StoredEvents {
    fn read(&self, partition: u16, from: u64, max: usize) -> Result<Vec<EventData>, ArchiveError> {
        let failed = |cause: &dyn std::fmt::Display| ArchiveError(cause.to_string());
        let (from, below) = (event_key(partition, from), event_key(partition, u64::MAX));
        let rows = self.reader.rows(Table::HubEvents, &from, &below, max);
        let rows = rows.map_err(|cause| failed(&cause))?;
        let event = |(key, value): (Vec<u8>, Vec<u8>)| {
            decode_event(&key, &value, self.epoch)
                .map_err(|cause| failed(&cause))
                .transpose()
        };
        rows.into_iter().filter_map(event).collect()
    }
}

impl Session {
    /// What reads the event log in the store; `None` when the store is in memory.
    pub(crate) fn archive(&self) -> Option<impl Archive + use<>> {
        let reader = self.store.reader()?;
        let epoch = self.epoch;
        Some(StoredEvents { reader, epoch })
    }
}
