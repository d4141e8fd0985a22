//! What every store does, and what a folder can do to the one on disk.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use twinbench_engine::store::{Durability, Error, FjallStore, MemoryStore, Store};
use twinbench_model::{Record, Table};

/// A place where a store of one kind is opened again and again.
trait Bed {
    type Store: Store;
    fn open(&mut self) -> Self::Store;
    /// Gives the store back to its place, as the end of a run does.
    fn close(&mut self, store: Self::Store);
}

struct InMemory(MemoryStore);

impl Bed for InMemory {
    type Store = MemoryStore;
    fn open(&mut self) -> MemoryStore {
        std::mem::take(&mut self.0)
    }
    fn close(&mut self, store: MemoryStore) {
        self.0 = store;
    }
}

struct OnDisk(tempfile::TempDir);

impl Bed for OnDisk {
    type Store = FjallStore;
    fn open(&mut self) -> FjallStore {
        FjallStore::open(self.0.path()).unwrap()
    }
    fn close(&mut self, store: FjallStore) {
        drop(store);
    }
}

fn put(table: Table, key: &str, value: &str) -> Record {
    Record::put(table, key, value)
}

fn rows(store: &mut impl Store, table: Table) -> Vec<(String, String)> {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let rows = store.load(table).unwrap();
    rows.into_iter()
        .map(|(key, value)| (text(key), text(value)))
        .collect()
}

fn check(store: &mut impl Store, table: Table, expected: &[(&str, &str)]) {
    let found = rows(store, table);
    let found: Vec<_> = found
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(found, expected, "{table:?}");
}

/// The suite: the same on every store.
fn conforms(mut bed: impl Bed) {
    let mut store = bed.open();
    for table in Table::ALL {
        check(&mut store, table, &[]);
    }
    store.commit(&[]).unwrap();

    // One batch over several tables; the last record of a key counts, keys come in order.
    store
        .commit(&[
            put(Table::Engine, "b", "1"),
            put(Table::Engine, "a", "1"),
            put(Table::HubDevices, "a", "device"),
            put(Table::Engine, "c", "1"),
            put(Table::Engine, "b", "2"),
            Record::delete(Table::Engine, "c"),
            Record::delete(Table::Engine, "never there"),
        ])
        .unwrap();
    check(&mut store, Table::Engine, &[("a", "1"), ("b", "2")]);
    check(&mut store, Table::HubDevices, &[("a", "device")]);
    check(&mut store, Table::HubEvents, &[]);

    bed.close(store);
    let mut store = bed.open();
    check(&mut store, Table::Engine, &[("a", "1"), ("b", "2")]);

    // A key that cannot be stored: nothing of its commit is, and the next one is taken.
    for key in ["", &"k".repeat(65_536)] {
        let error = store
            .commit(&[
                put(Table::Engine, "d", "with it"),
                put(Table::Engine, key, ""),
            ])
            .unwrap_err();
        assert!(matches!(error, Error::Key { .. }), "{error}");
    }

    // Deleted, and set again; keys with every byte, values empty and large.
    let large = "x".repeat(1 << 20);
    store.commit(&[Record::delete(Table::Engine, "a")]).unwrap();
    check(&mut store, Table::Engine, &[("b", "2")]);
    store
        .commit(&[
            put(Table::Engine, "a\0b", ""),
            put(Table::Engine, "a", &large),
        ])
        .unwrap();
    bed.close(store);
    let mut store = bed.open();
    check(
        &mut store,
        Table::Engine,
        &[("a", &large), ("a\0b", ""), ("b", "2")],
    );

    // Order is that of bytes, not of numbers.
    let numbers: Vec<_> = (0..300u32)
        .rev()
        .map(|n| Record::put(Table::HubEvents, n.to_be_bytes(), n.to_string()))
        .collect();
    store.commit(&numbers).unwrap();
    let loaded = store.load(Table::HubEvents).unwrap();
    assert_eq!(loaded.len(), 300);
    assert!(loaded.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn memory_conforms() {
    conforms(InMemory(MemoryStore::new()));
}

#[test]
fn disk_conforms() {
    conforms(OnDisk(tempfile::tempdir().unwrap()));
}

/// The journal that is written to.
fn journal(folder: &Path) -> std::path::PathBuf {
    let mut journals: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "jnl"))
        .collect();
    journals.sort();
    journals.pop().expect("there is a journal")
}

#[test]
fn a_torn_end_is_cut_off_and_what_came_before_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = FjallStore::open(folder.path()).unwrap();
    store.commit(&[put(Table::Engine, "a", "1")]).unwrap();
    drop(store);
    let whole = fs::read(journal(folder.path())).unwrap();
    let mut store = FjallStore::open(folder.path()).unwrap();
    store
        .commit(&[
            put(Table::Engine, "b", "2"),
            put(Table::HubDevices, "b", "2"),
        ])
        .unwrap();
    drop(store);
    let path = journal(folder.path());
    let longer = fs::read(&path).unwrap();

    // A journal may be longer than what was written to it, filled with zeros.
    let end = |bytes: &[u8]| {
        bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1)
    };
    let (first, second) = (end(&whole), end(&longer));
    assert!(first < second, "the second commit is in the journal");
    // Cut at several places within the second batch: neither of its two rows is there.
    for cut in [first + 1, first + (second - first) / 2, second - 1] {
        fs::write(&path, &longer[..cut]).unwrap();
        let mut store = FjallStore::open(folder.path()).unwrap();
        check(&mut store, Table::Engine, &[("a", "1")]);
        check(&mut store, Table::HubDevices, &[]);
    }
    // Rubbish after the last batch, as a disk may leave it.
    fs::write(&path, &longer[..second]).unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[1, 0, 0, 0, 9, 7, 7]).unwrap();
    drop(file);
    let mut store = FjallStore::open(folder.path()).unwrap();
    check(&mut store, Table::Engine, &[("a", "1"), ("b", "2")]);
    store.commit(&[put(Table::Engine, "c", "3")]).unwrap();
    drop(store);
    let mut store = FjallStore::open(folder.path()).unwrap();
    check(
        &mut store,
        Table::Engine,
        &[("a", "1"), ("b", "2"), ("c", "3")],
    );
}

#[test]
fn a_second_opener_is_refused_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = FjallStore::open(folder.path()).unwrap();
    let error = FjallStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(folder.path().to_str().unwrap()) && text.contains("another run"),
        "{text}"
    );
    store.commit(&[put(Table::Bench, "a", "1")]).unwrap();
    drop(store);
    check(
        &mut FjallStore::open(folder.path()).unwrap(),
        Table::Bench,
        &[("a", "1")],
    );
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for place in [file.clone(), file.join("below")] {
        let error = FjallStore::open(&place).unwrap_err();
        assert!(matches!(error, Error::Folder { .. }), "{error:?}");
        assert!(error.to_string().contains("file"), "{error}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "in the way");
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_place_is_named() {
    // Rights do not bind root; nobody can make files here.
    let error = FjallStore::open("/proc/self/data").unwrap_err();
    assert!(matches!(error, Error::Folder { .. }), "{error:?}");
    assert!(error.to_string().contains("/proc/self/data"), "{error}");
}

#[test]
fn a_folder_whose_making_was_cut_short_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("0.jnl"), [0; 64]).unwrap();
    let mut store = FjallStore::open(folder.path()).unwrap();
    store.commit(&[put(Table::Engine, "a", "1")]).unwrap();
    drop(store);
    check(
        &mut FjallStore::open(folder.path()).unwrap(),
        Table::Engine,
        &[("a", "1")],
    );
}

#[test]
fn relaxed_commits_are_there_when_the_folder_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let row = Record::put(Table::Engine, b"k".to_vec(), b"v".to_vec());
    {
        let mut store = FjallStore::open_with(folder.path(), Durability::Relaxed).unwrap();
        assert_eq!(store.durability(), Durability::Relaxed);
        store.commit(&[row]).unwrap();
    }
    let mut store = FjallStore::open(folder.path()).unwrap();
    assert_eq!(store.durability(), Durability::Strict);
    assert_eq!(
        store.load(Table::Engine).unwrap(),
        [(b"k".to_vec(), b"v".to_vec())]
    );
}
