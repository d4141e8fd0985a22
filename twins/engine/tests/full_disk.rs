//! A disk that takes no more: one clear error, and everything acknowledged is there afterwards.
//!
//! The disk is that of a process which may not write files beyond a size.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    path::Path,
    process::{Command, Stdio},
};

use twinbench_engine::store::{Error, FjallStore, Store};
use twinbench_model::{Record, Table};

/// Set for the process whose disk is small; it commits into this folder.
const FOLDER: &str = "TWINBENCH_TEST_FILLS";

/// Commits until it is refused; says how far it came and what it was told.
fn commit_until_refused(folder: &Path) {
    let mut store = FjallStore::open(folder).unwrap();
    for number in 0..1_000_000_u64 {
        let record = Record::put(Table::Engine, number.to_be_bytes(), noise(number));
        match store.commit(std::slice::from_ref(&record)) {
            Ok(()) => println!("acknowledged {number}"),
            Err(error) => {
                println!("refused: {error}");
                assert!(matches!(error, Error::Full { .. }), "{error:?}");
                // Two states of one thing would be worse than none: it stays refused.
                let again = store.commit(&[record]).unwrap_err();
                assert!(matches!(again, Error::Stopped { .. }), "{again:?}");
                return;
            }
        }
    }
    panic!("the disk took everything");
}

/// Bytes that cannot be packed.
fn noise(number: u64) -> Vec<u8> {
    let mut state = number;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()
    };
    std::iter::repeat_with(next)
        .take(12_500)
        .flatten()
        .collect()
}

#[test]
fn a_full_disk_is_named_and_loses_nothing() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return commit_until_refused(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // 66 MiB, a little more than the store sets aside at once (in blocks of 512 bytes).
    // The signal that such a write brings is ignored; the write fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 135168; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_full_disk_is_named_and_loses_nothing",
            "--nocapture",
        ])
        .env(FOLDER, &data)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let acknowledged = said.matches("acknowledged ").count() as u64;
    assert!(acknowledged > 10, "{said}");
    assert!(said.contains("its disk is full"), "{said}");
    let mut store = FjallStore::open(&data).unwrap();
    let rows = store.load(Table::Engine).unwrap();
    let all = rows.len() as u64;
    // The refused one was never acknowledged; it may be there or not.
    assert!(
        all == acknowledged || all == acknowledged + 1,
        "{all} of {acknowledged}"
    );
    for (number, (key, value)) in rows.into_iter().enumerate() {
        assert_eq!(key, (number as u64).to_be_bytes());
        assert_eq!(value, noise(number as u64));
    }
    store
        .commit(&[Record::put(
            Table::Engine,
            *b"later",
            *b"there is room again",
        )])
        .unwrap();
}
