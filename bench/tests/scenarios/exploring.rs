//! `twinbench explore` finds what breaks a scenario, makes it small and writes it down.

use std::fs;

use serde_json::Value;

use crate::command::{own, twinbench};

/// Explores; gives what it said and runs the found file.
fn found(scenario: &str, faults: &str) -> (Value, String) {
    let folder = own(scenario);
    let run = |arguments: &[&str]| twinbench(folder.path(), arguments);
    assert_eq!(
        run(&["test", "s.toml"]).exit,
        0,
        "it holds when nothing goes wrong"
    );
    let call = run(&[
        "explore",
        "s.toml",
        "--seeds",
        "200",
        "--faults",
        faults,
        "--write",
        "found.toml",
        "--format",
        "json",
    ]);
    assert_eq!(call.exit, 5, "{}{}", call.out, call.errors);
    let said: Value = serde_json::from_str(&call.out).unwrap();
    let text = fs::read_to_string(folder.path().join("found.toml")).unwrap();
    for _ in 0..2 {
        let again = run(&["test", "found.toml"]);
        assert_eq!(
            again.exit, 5,
            "it fails every time\n{text}\n{}{}",
            again.out, again.errors
        );
    }
    (said["explored"].clone(), text)
}

#[test]
fn a_lost_message_is_found_and_becomes_one_fault() {
    let (said, text) = found(
        "[[step]]\nat = \"30s\"\n[[step]]\nname = \"all are there\"\n\
         expect.metric = { name = \"messages\", value = { at-least = 30 } }\n",
        "drop,duplicate,delay,reorder",
    );
    assert_eq!(
        said["found"]["faults"].as_array().unwrap().len(),
        1,
        "{said:#}"
    );
    assert!(said["tried"].as_u64().unwrap() <= 20, "{said:#}");
    assert!(
        text.contains("include = [\"s.toml\"]") && text.contains("[[fault]]"),
        "{text}"
    );
    assert!(
        text.contains("# ") && text.contains("all are there"),
        "{text}"
    );
}

#[test]
fn a_redelivered_batch_is_found_by_what_is_counted_twice() {
    let (said, _) = found(
        "[[step]]\nat = \"20s\"\n[[step]]\nname = \"each reading is one operation\"\nsince = \"start\"\n\
         expect = { operation = { device = \"d\", operation = \"TelemetryReceived\" }, exactly = 20 }\n",
        "redeliver",
    );
    assert_eq!(said["found"]["faults"][0]["kind"], "redeliver");
}

#[test]
fn what_holds_is_not_found_wanting() {
    let folder = own(
        "[[step]]\nat = \"20s\"\n[[always]]\nname = \"at least once is absorbed by the timestamp\"\n\
         expect.entity = { device = \"d\", state.historyData = { length = { at-most = 21 } } }\nfrom = \"3s\"\n",
    );
    let call = twinbench(
        folder.path(),
        &[
            "explore",
            "s.toml",
            "--seeds",
            "30",
            "--faults",
            "duplicate,redeliver,signal-duplicate,crash",
        ],
    );
    assert_eq!(call.exit, 0, "{}{}", call.out, call.errors);
    assert!(
        call.out.contains("30 seeds, none breaks it"),
        "{}",
        call.out
    );
}
