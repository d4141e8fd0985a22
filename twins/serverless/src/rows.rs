//! The application's own rows: what its lists hold, in [`Table::Serverless`].
//!
//! | key | value |
//! |---|---|
//! | `c` number (8 bytes, big-endian) | a call of a connector |
//! | `d` number (8 bytes, big-endian) | a dead letter |
//!
//! Each value is [`VERSION`] and JSON.

use serde::{Serialize, de::DeserializeOwned};
use twinbench_model::{Record, Table};

/// First byte of a value.
const VERSION: u8 = 1;

pub(crate) const CALL: u8 = b'c';
pub(crate) const DEAD_LETTER: u8 = b'd';

/// Why stored rows are not those of the application.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {key} cannot be read: {reason}")]
pub struct RestoreError {
    pub(crate) key: String,
    pub(crate) reason: String,
}

pub(crate) fn put(kind: u8, number: u64, row: &impl Serialize) -> Record {
    let mut value = vec![VERSION];
    // Rows are structs of texts and numbers: writing them to memory cannot fail.
    if let Err(cause) = serde_json::to_writer(&mut value, row) {
        tracing::error!(%cause, "a row of the application has no JSON form");
    }
    Record::put(Table::Serverless, key(kind, number), value)
}

pub(crate) fn delete(kind: u8, number: u64) -> Record {
    Record::delete(Table::Serverless, key(kind, number))
}

fn key(kind: u8, number: u64) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(number.to_be_bytes());
    key
}

/// Takes a key apart into kind and number.
pub(crate) fn parse_key(key: &[u8]) -> Option<(u8, u64)> {
    let (&kind, number) = key.split_first()?;
    Some((kind, u64::from_be_bytes(number.try_into().ok()?)))
}

pub(crate) fn read<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    match value.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|cause| cause.to_string()),
        Some((version, _)) => Err(format!(
            "it is of version {version}, this program reads {VERSION}"
        )),
        None => Err("it is empty".to_owned()),
    }
}
