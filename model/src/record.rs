//! What a room asks to be stored: rooms decide, the bench commits.

use serde::{Deserialize, Serialize};

/// The tables of a bench's durable state. Each room owns those that carry its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// Bench: last committed virtual time, format version.
    Bench,
    /// Hub: registry.
    HubDevices,
    /// Hub: event log.
    HubEvents,
    /// Hub: consumers' checkpoints.
    HubCheckpoints,
    /// Engine: entities, orchestrations, timers, messages under way.
    Engine,
    /// Serverless application: its outbox and dead letters.
    Serverless,
}

impl Table {
    /// Every table, in a fixed order.
    pub const ALL: [Self; 6] = [
        Self::Bench,
        Self::HubDevices,
        Self::HubEvents,
        Self::HubCheckpoints,
        Self::Engine,
        Self::Serverless,
    ];

    /// The table's name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::HubDevices => "hub-devices",
            Self::HubEvents => "hub-events",
            Self::HubCheckpoints => "hub-checkpoints",
            Self::Engine => "engine",
            Self::Serverless => "serverless",
        }
    }
}

/// One change of the durable state. The records of one step are committed together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The table.
    pub table: Table,
    /// The key, ordered bytewise within the table.
    pub key: Vec<u8>,
    /// The new value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

impl Record {
    /// Sets a key.
    pub fn put(table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            table,
            key: key.into(),
            value: Some(value.into()),
        }
    }

    /// Removes a key.
    pub fn delete(table: Table, key: impl Into<Vec<u8>>) -> Self {
        Self {
            table,
            key: key.into(),
            value: None,
        }
    }
}
