//! A crash at any write: what a folder holds afterwards is that of whole commits, the first ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{fs, path::Path};

use twinbench_engine::store::{FjallStore, Store};
use twinbench_model::{Record, Table};

const COMMITS: u64 = 6;

/// The `n`th commit: puts and deletes over two tables.
fn records(n: u64) -> Vec<Record> {
    let mut records = vec![
        Record::put(Table::Engine, n.to_be_bytes(), vec![n as u8; 40]),
        Record::put(Table::Engine, *b"latest", n.to_be_bytes()),
        Record::put(Table::HubEvents, n.to_be_bytes(), n.to_string()),
    ];
    if n >= 2 {
        records.push(Record::delete(Table::Engine, (n - 2).to_be_bytes()));
    }
    records
}

/// The rows of both tables after the first commits.
type Rows = [Vec<(Vec<u8>, Vec<u8>)>; 2];

fn rows(store: &mut impl Store) -> Rows {
    [Table::Engine, Table::HubEvents].map(|table| store.load(table).unwrap())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_crash_at_any_byte_of_the_journal_leaves_whole_commits() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut expected: Vec<Rows> = Vec::new();
    let mut store = FjallStore::open(&data).unwrap();
    expected.push(rows(&mut store));
    for n in 0..COMMITS {
        store.commit(&records(n)).unwrap();
        expected.push(rows(&mut store));
    }
    drop(store);

    let journal = data.join("0.jnl");
    let whole = fs::read(&journal).unwrap();
    // It may be longer than what was written to it, filled with zeros.
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let written = &whole[..end];
    let mut seen = 0;
    let mut commits_before = 0;
    for cut in (0..=end)
        .rev()
        .step_by(31)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        let place = folder.path().join(format!("cut{cut}"));
        copy(&data, &place);
        fs::write(place.join("0.jnl"), &written[..cut]).unwrap();
        let mut store = FjallStore::open(&place).unwrap();
        let found = rows(&mut store);
        let commits = expected.iter().position(|rows| *rows == found);
        let commits = commits.unwrap_or_else(|| panic!("cut at {cut} of {end}: {found:?}"));
        assert!(commits >= commits_before, "cut at {cut}: {commits} commits");
        commits_before = commits;
        seen |= 1 << commits;
        // It goes on from there.
        store.commit(&records(100)).unwrap();
        drop(store);
        let mut store = FjallStore::open(&place).unwrap();
        let [engine, _] = rows(&mut store);
        assert!(engine.iter().any(|(key, _)| *key == 100_u64.to_be_bytes()));
        drop(store);
        fs::remove_dir_all(place).unwrap();
    }
    assert_eq!(
        seen,
        (1 << (COMMITS + 1)) - 1,
        "cuts leave each number of commits"
    );
    assert_eq!(commits_before, COMMITS as usize, "the last cut is none");
}
