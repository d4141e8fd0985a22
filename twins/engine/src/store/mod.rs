//! Where records are kept: [`MemoryStore`] for tests and throw-away runs, [`FjallStore`] on disk.
//!
//! This is the engine's edge: the only module of the crate that touches files.

mod error;
mod fjall;
mod memory;

use twinbench_model::{Record, Table};

pub use self::{
    error::Error,
    fjall::{Durability, FORMAT_VERSION, FjallStore},
    memory::MemoryStore,
};

/// Key and value of a stored row.
pub type Row = (Vec<u8>, Vec<u8>);

/// Reads rows that were committed, beside the one who commits.
pub trait Reader: Send + Sync {
    /// Up to `max` rows of a table from one key on and below another, ascending by key.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn rows(&self, table: Table, from: &[u8], below: &[u8], max: usize) -> Result<Vec<Row>, Error>;
}

/// Durable tables of keys and values, ordered bytewise by key.
pub trait Store {
    /// Every row of a table, ascending by key.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn load(&mut self, table: Table) -> Result<Vec<Row>, Error>;

    /// Makes records durable, all of them or none. Of several records with one key the last counts.
    ///
    /// When it returns, the records survive the end of the process and of the machine; with
    /// [`Durability::Relaxed`] that of the process only.
    ///
    /// # Errors
    /// When a key is empty or longer than 65,535 bytes: nothing was stored. When they cannot be
    /// written: whether they survive is then open until the store is opened
    /// again, and no further commit is taken: two states of the same thing would be worse than none.
    fn commit(&mut self, records: &[Record]) -> Result<(), Error>;

    /// A way to read beside this store, for stores that have one.
    fn reader(&self) -> Option<Box<dyn Reader>> {
        None
    }
}

/// The longest key, in bytes.
const LONGEST_KEY: usize = u16::MAX as usize;

/// Refuses keys that a store on disk cannot hold, before anything of a commit is done.
fn check_keys(records: &[Record]) -> Result<(), Error> {
    let wrong = records
        .iter()
        .map(|record| record.key.len())
        .find(|length| !(1..=LONGEST_KEY).contains(length));
    wrong.map_or(Ok(()), |length| Err(Error::Key { length }))
}
