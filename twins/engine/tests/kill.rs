//! Kill -9 in the middle of commits: what was acknowledged is there, and no half of a commit.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use twinbench_engine::store::{FjallStore, Store};
use twinbench_model::{Record, Table};

/// Set for the process that is to be killed; it commits into this folder.
const FOLDER: &str = "TWINBENCH_TEST_COMMITS_INTO";

/// The process that is killed: commits numbers, each in two tables, and prints each one after its
/// commit.
fn commit_until_killed(folder: &Path) {
    let mut store = FjallStore::open(folder).unwrap();
    let from = store.load(Table::Engine).unwrap().len() as u64;
    for number in from..from + 1_000_000 {
        let key = number.to_be_bytes();
        let value = vec![number as u8; 200];
        let records = [
            Record::put(Table::Engine, key, value.clone()),
            Record::put(Table::Serverless, key, value),
        ];
        store.commit(&records).unwrap();
        println!("acknowledged {number}");
        std::io::stdout().flush().unwrap();
    }
}

/// Starts itself as the process that is killed, which only the variable tells apart.
#[test]
fn everything_acknowledged_survives() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return commit_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut known = 0;
    for round in 1..=4u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "everything_acknowledged_survives", "--nocapture"])
            .env(FOLDER, &data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acknowledged = None;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut killed = false;
        // What the child printed before it was killed still comes after it.
        for line in lines.map_while(Result::ok) {
            // The test harness writes the test's name before its first line.
            let Some((_, number)) = line.split_once("acknowledged ") else {
                continue;
            };
            acknowledged = Some(number.parse::<u64>().unwrap());
            if !killed && acknowledged >= Some(known + 40 * round) {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        let last = acknowledged.expect("the child commits");

        let mut store = FjallStore::open(&data).unwrap();
        let engine = store.load(Table::Engine).unwrap();
        let serverless = store.load(Table::Serverless).unwrap();
        assert!(
            engine.len() as u64 > last,
            "round {round}: {last} was acknowledged, {} are there",
            engine.len()
        );
        assert_eq!(engine, serverless, "round {round}: half a commit is there");
        for (number, (key, value)) in engine.iter().enumerate() {
            assert_eq!(key.as_slice(), (number as u64).to_be_bytes());
            assert_eq!(value, &vec![number as u8; 200]);
        }
        known = engine.len() as u64;
    }
}
