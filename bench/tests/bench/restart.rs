//! Kill -9 in the middle of a run, start again: the history goes on where the last committed
//! message left it.

use crate::common;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use serde_json::Value;
use twinbench_model::VirtualDuration;

/// Device → timestamps of its history, ascending.
fn histories(entities: &Value) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut all = std::collections::BTreeMap::new();
    for entity in entities.as_array().unwrap() {
        let key = entity["entityId"]["key"].as_str().unwrap().to_owned();
        let history = entity["state"]["historyData"].as_object();
        let times: Vec<String> = history
            .map(|it| it.keys().cloned().collect())
            .unwrap_or_default();
        all.insert(key, times);
    }
    all
}

#[test]
fn history_goes_on_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let bench = common::fixture("journey.toml");
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .args(["run", "--for", "100000h", "--format", "json"])
        .arg(&bench)
        .arg("--out")
        .arg(folder.path().join("runs"))
        .arg("--data")
        .arg(folder.path().join("data"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The first progress line with messages in it, wherever the run then is.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = lines
        .find_map(|line| {
            let progress = &serde_json::from_str::<Value>(&line.ok()?).ok()?["progress"];
            progress["messages"]
                .as_u64()
                .filter(|messages| *messages > 20)
        })
        .expect("the run shows progress");
    child.kill().unwrap();
    child.wait().unwrap();

    let mut session = common::open(&bench, folder.path(), 2, true);
    let committed = session.now();
    let before = histories(&session.entities());
    assert!(committed > twinbench_model::VirtualTime::ZERO);
    assert_eq!(
        before.len(),
        3,
        "{seen} messages were sent by three devices"
    );
    assert!(before.values().all(|times| !times.is_empty()), "{before:?}");

    session
        .run_until(committed + VirtualDuration::from_secs(120))
        .unwrap();
    session.commit().unwrap();
    let after = histories(&session.entities());
    // What the retention of ten minutes has not yet dropped is there, once, and more has come.
    // A slow machine may not have come so far.
    let run = session.now().since(twinbench_model::VirtualTime::ZERO);
    let kept = run.min(VirtualDuration::from_secs(600));
    let horizon = session.epoch().rfc3339(session.now() - kept);
    for (device, before) in &before {
        let after = &after[device];
        for time in before.iter().filter(|time| **time > horizon) {
            assert_eq!(
                after.iter().filter(|it| *it == time).count(),
                1,
                "{device} lost {time}"
            );
        }
        assert!(after.last() > before.last(), "{device} goes on");
    }
}
