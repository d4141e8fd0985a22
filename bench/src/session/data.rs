//! Data folders: where a bench's durable state lives.

use std::path::Path;

use serde::{Deserialize, Serialize};
use twinbench_engine::store::Store;
use twinbench_model::{Record, Table, VirtualTime};

use super::Error;

const HEAD: &[u8] = b"head";

/// What a data folder says of itself, committed with every step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFolder {
    /// The bench's name.
    pub bench: String,
    /// The bench's seed: device keys are derived from it.
    pub seed: u64,
    /// The bench's epoch, RFC 3339.
    pub epoch: String,
    /// The last committed virtual time.
    pub committed: VirtualTime,
}

impl DataFolder {
    /// Reads the head of an opened store; `None` when the folder is new.
    pub(super) fn read(store: &mut dyn Store) -> Result<Option<Self>, Error> {
        let rows = store.load(Table::Bench).map_err(Error::store)?;
        let head = rows.into_iter().find(|(key, _)| key == HEAD);
        head.map(|(_, value)| {
            serde_json::from_slice(&value)
                .map_err(|cause| Error::Data(format!("its head cannot be read ({cause})")))
        })
        .transpose()
    }

    /// The head as a record.
    pub(super) fn record(&self) -> Record {
        // A struct of texts and numbers always has a JSON form.
        Record::put(
            Table::Bench,
            HEAD,
            serde_json::to_vec(self).unwrap_or_default(),
        )
    }

    /// Refuses to go on with another bench's state.
    pub(super) fn check(
        &self,
        folder: &Path,
        bench: &str,
        seed: u64,
        epoch: &str,
    ) -> Result<(), Error> {
        if (self.bench.as_str(), self.seed, self.epoch.as_str()) == (bench, seed, epoch) {
            return Ok(());
        }
        Err(Error::Data(format!(
            "{} holds bench \"{}\" (seed {}, epoch {}), not \"{bench}\" (seed {seed}, epoch {epoch})",
            folder.display(),
            self.bench,
            self.seed,
            self.epoch,
        )))
    }
}
