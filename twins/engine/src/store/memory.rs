//! A store that forgets everything at the end.

use std::collections::BTreeMap;

use twinbench_model::{Record, Table};

use super::{Error, Row, Store, check_keys};

/// Tables in memory, as durable as the value itself.
///
/// A clone is a copy of the state at one instant, which is what a test that crashes the rooms
/// between two commits restores from.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn load(&mut self, table: Table) -> Result<Vec<Row>, Error> {
        let rows = self.tables.get(&table).into_iter().flatten();
        Ok(rows
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), Error> {
        check_keys(records)?;
        for record in records {
            let table = self.tables.entry(record.table).or_default();
            match &record.value {
                Some(value) => {
                    table.insert(record.key.clone(), value.clone());
                }
                None => {
                    table.remove(&record.key);
                }
            }
        }
        Ok(())
    }
}
