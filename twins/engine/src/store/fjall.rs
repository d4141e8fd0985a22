//! A store on disk: one fjall database, one keyspace a table, one synced journal write a commit.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use twinbench_model::{Record, Table};

use super::{Error, Reader, Row, Store, check_keys};

/// The version of the folder's layout: keyspaces, keys and what their values begin with.
pub const FORMAT_VERSION: u32 = 1;

/// Held for as long as the store is open; the system lets go of it when the process ends, however
/// it ends.
const LOCK: &str = "twinbench.lock";
/// The keyspace of the store itself.
const META: &str = "meta";
const FORMAT: &[u8] = b"format";
/// State is read once, when a run begins: a small block cache does.
const CACHE_BYTES: u64 = 8 << 20;

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The disk: what was committed survives the end of the process and a power cut.
    #[default]
    Strict,
    /// The system: what was committed survives the end of the process, and of a power cut all but
    /// the last moments. For runs that are thrown away.
    Relaxed,
}

impl Durability {
    const fn mode(self) -> PersistMode {
        match self {
            Self::Strict => PersistMode::SyncData,
            Self::Relaxed => PersistMode::Buffer,
        }
    }
}

/// Tables in a folder.
pub struct FjallStore {
    folder: PathBuf,
    durability: Durability,
    // Order matters: fields are dropped in order, and the lock is to be released last.
    tables: Vec<Keyspace>,
    database: Database,
    _lock: File,
    failed: bool,
}

impl std::fmt::Debug for FjallStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FjallStore")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl FjallStore {
    /// Opens a folder, or makes it. A torn end that a crash left in its journal is cut off:
    /// nothing of it was acknowledged.
    ///
    /// # Errors
    /// When the folder is in use, cannot be written, is damaged or of another version.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(folder, Durability::Strict)
    }

    /// The same, with commits that wait for less.
    ///
    /// # Errors
    /// As [`FjallStore::open`].
    pub fn open_with(folder: impl AsRef<Path>, durability: Durability) -> Result<Self, Error> {
        let folder = folder.as_ref().to_owned();
        let on_io = |cause| io_error(&folder, cause);
        fs::create_dir_all(&folder).map_err(on_io)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(LOCK))
            .map_err(on_io)?;
        lock.try_lock().map_err(|refusal| match refusal {
            TryLockError::WouldBlock => Error::InUse {
                folder: folder.clone(),
            },
            TryLockError::Error(cause) => io_error(&folder, cause),
        })?;
        remove_unfinished(&folder).map_err(on_io)?;

        let on_error = |cause| storage_error(&folder, cause);
        let database = Database::builder(&folder)
            .cache_size(CACHE_BYTES)
            .worker_threads(1)
            .open()
            .map_err(on_error)?;
        let keyspace = |name| {
            database
                .keyspace(name, KeyspaceCreateOptions::default)
                .map_err(on_error)
        };
        let meta = keyspace(META)?;
        let written = FORMAT_VERSION.to_string();
        match meta.get(FORMAT).map_err(on_error)? {
            Some(found) if *found == *written.as_bytes() => {}
            Some(found) => {
                return Err(Error::Version {
                    found: String::from_utf8_lossy(&found).into_owned(),
                    expected: FORMAT_VERSION,
                    folder,
                });
            }
            None => {
                meta.insert(FORMAT, written).map_err(on_error)?;
                database.persist(PersistMode::SyncAll).map_err(on_error)?;
            }
        }
        let tables = Table::ALL
            .map(|table| keyspace(table.name()))
            .into_iter()
            .collect::<Result<_, _>>()?;
        Ok(Self {
            folder,
            durability,
            tables,
            database,
            _lock: lock,
            failed: false,
        })
    }

    /// What its commits wait for.
    pub const fn durability(&self) -> Durability {
        self.durability
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn table(&self, table: Table) -> &Keyspace {
        // `tables` was made from `Table::ALL`, which is in the order of the enumeration.
        &self.tables[table as usize]
    }
}

impl Store for FjallStore {
    fn load(&mut self, table: Table) -> Result<Vec<Row>, Error> {
        self.table(table)
            .iter()
            .map(|row| {
                row.into_inner()
                    .map(|(key, value)| (key.to_vec(), value.to_vec()))
            })
            .collect::<Result<_, _>>()
            .map_err(|cause| storage_error(&self.folder, cause))
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Stopped {
                folder: self.folder.clone(),
            });
        }
        check_keys(records)?;
        let mut batch = self
            .database
            .batch()
            .durability(Some(self.durability.mode()));
        for Record { table, key, value } in records {
            let table = self.table(*table);
            match value {
                Some(value) => batch.insert(table, key.as_slice(), value.as_slice()),
                None => batch.remove(table, key.as_slice()),
            }
        }
        batch.commit().map_err(|cause| {
            self.failed = true;
            storage_error(&self.folder, cause)
        })
    }

    fn reader(&self) -> Option<Box<dyn Reader>> {
        Some(Box::new(FjallReader {
            folder: self.folder.clone(),
            tables: self.tables.clone(),
        }))
    }
}

/// The tables of a store, to be read from another thread.
struct FjallReader {
    folder: PathBuf,
    tables: Vec<Keyspace>,
}

impl Reader for FjallReader {
    fn rows(&self, table: Table, from: &[u8], below: &[u8], max: usize) -> Result<Vec<Row>, Error> {
        self.tables[table as usize]
            .range(from..below)
            .take(max)
            .map(|row| {
                row.into_inner()
                    .map(|(key, value)| (key.to_vec(), value.to_vec()))
            })
            .collect::<Result<_, _>>()
            .map_err(|cause| storage_error(&self.folder, cause))
    }
}

/// A database whose making was cut short has a journal but not yet the marker that is written
/// last; nothing can have been committed to it, and fjall would refuse to begin again.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    if folder.join("version").try_exists()? {
        return Ok(());
    }
    match fs::remove_file(folder.join("0.jnl")) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

fn io_error(folder: &Path, cause: io::Error) -> Error {
    let folder = folder.to_owned();
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Error::Full { folder }
        }
        _ => Error::Folder { folder, cause },
    }
}

fn storage_error(folder: &Path, cause: fjall::Error) -> Error {
    match cause {
        fjall::Error::Io(cause) | fjall::Error::Storage(fjall::LsmError::Io(cause)) => {
            io_error(folder, cause)
        }
        fjall::Error::Locked => Error::InUse {
            folder: folder.to_owned(),
        },
        fjall::Error::Poisoned => Error::Stopped {
            folder: folder.to_owned(),
        },
        fjall::Error::InvalidVersion(found) => Error::Version {
            folder: folder.to_owned(),
            found: found.map_or_else(
                || "unknown".to_owned(),
                |found| format!("{found:?} of fjall"),
            ),
            expected: FORMAT_VERSION,
        },
        other => Error::Damaged {
            folder: folder.to_owned(),
            cause: other.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_by_their_position() {
        for (position, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table as usize, position);
        }
    }

    #[test]
    fn a_full_disk_is_named() {
        let error = io_error(Path::new("data"), ErrorKind::StorageFull.into());
        assert!(matches!(error, Error::Full { .. }), "{error}");
        assert!(error.to_string().contains("data"));
    }

    #[test]
    fn another_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = FjallStore::open(folder.path()).unwrap();
        let meta = store
            .database
            .keyspace(META, KeyspaceCreateOptions::default)
            .unwrap();
        meta.insert(FORMAT, "2").unwrap();
        drop((meta, store));
        let error = FjallStore::open(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Version { .. }));
        let text = error.to_string();
        assert!(
            text.contains("version 2") && text.contains("version 1"),
            "{text}"
        );
    }
}
