//! When an identity was seen.

use serde::{Deserialize, Serialize};
use twinbench_model::{Record, Table, VirtualTime};

use super::IdentityId;
use crate::{DecodeError, Hub, versioned};

const VERSION: u8 = 1;
/// First byte of an activity's key in the devices' table; sorts behind the identities.
pub(crate) const ACTIVITY_PREFIX: u8 = b'v';

/// When an identity was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Activity {
    /// When something last came from it; `None` when never. Exact while the hub runs; after a
    /// restart, that of its last connect or disconnect.
    pub last: Option<VirtualTime>,
    /// When its connection state changed last; `None` when never.
    pub connection_changed: Option<VirtualTime>,
    /// How often its connection state changed.
    pub connection_changes: u64,
}

impl Activity {
    pub(crate) fn from_record(value: &[u8]) -> Result<Self, DecodeError> {
        versioned::decode(VERSION, value)
    }
}

impl Hub {
    /// An identity connected or disconnected.
    pub(crate) fn connection_changed(&mut self, id: &IdentityId, now: VirtualTime) {
        let Some(entry) = self.registry.entry_mut(id) else {
            return;
        };
        let activity = &mut entry.activity;
        activity.last = Some(now);
        activity.connection_changed = Some(now);
        activity.connection_changes += 1;
        let value = versioned::encode(VERSION, activity);
        let key = id.key(ACTIVITY_PREFIX);
        self.records
            .push(Record::put(Table::HubDevices, key, value));
    }
}
