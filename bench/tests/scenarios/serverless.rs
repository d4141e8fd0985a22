//! The defects of the original application: each has a scenario that passes in the repaired
//! profile and fails in the original one, or says that both pass.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::command::{fixtures, test, twinbench};

/// Rows of the reference notes, section 4, that stay words: 19 is a guard around a defect of an
/// extension, 22 one of a script.
const WORDS: [u32; 2] = [19, 22];

#[test]
fn every_defect_is_shown_in_one_profile_and_gone_in_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let call = test(
        folder.path(),
        "serverless",
        &["--no-fail-fast", "--format", "json"],
    );
    assert_eq!(call.exit, 0, "{}\n{}", call.out, call.errors);
    let report: Value = serde_json::from_str(&call.out).unwrap();
    let cases = report["report"]["cases"].as_array().unwrap();
    let mut shown = BTreeSet::new();
    for case in cases {
        let (name, status) = (case["name"].as_str().unwrap(), &case["status"]);
        assert_eq!(status, "passed", "{case:#}");
        let row = fs::canonicalize(case["file"].as_str().unwrap()).unwrap();
        let row = row.file_name().unwrap().to_str().unwrap();
        let row: u32 = row.split('-').next().unwrap().parse().unwrap();
        let failed = case["story"]
            .as_str()
            .is_some_and(|story| !story.is_empty());
        let original = name.contains("profile=original");
        assert!(original || name.contains("profile=repaired"), "{name}");
        assert!(!failed || original, "{name} fails: {case:#}");
        if failed {
            assert_eq!(case["mustFail"], true, "{case:#}");
            shown.insert(row);
        } else if original {
            // At-least-once delivery is absorbed in both.
            assert_eq!(row, 20, "{name} passes: {case:#}");
        }
    }
    let rows: BTreeSet<u32> = (1..=22)
        .filter(|row| !WORDS.contains(row) && *row != 20)
        .collect();
    assert_eq!(shown, rows, "each row that can be seen is seen");
    assert!(
        fixtures()
            .join("serverless/20-delivered-twice.toml")
            .is_file()
    );
}

/// Explores a scenario of the original profile; the fault that is left, and what the written
/// scenario says in both profiles.
fn explored(name: &str, faults: &str, kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = fixtures().join("serverless/_explore").join(name);
    let path = path.to_str().unwrap();
    let run = |arguments: &[&str]| twinbench(folder.path(), arguments);
    assert_eq!(run(&["test", path]).exit, 0, "it holds without faults");
    let call = run(&[
        "explore",
        path,
        "--seeds",
        "60",
        "--faults",
        faults,
        "--write",
        "found.toml",
        "--format",
        "json",
    ]);
    assert_eq!(call.exit, 5, "{}{}", call.out, call.errors);
    let said: Value = serde_json::from_str(&call.out).unwrap();
    let found = &said["explored"]["found"];
    let left = found["faults"].as_array().unwrap();
    assert_eq!(left.len(), 1, "{said:#}");
    assert!(
        kind.split(',').any(|kind| left[0]["kind"] == kind),
        "{said:#}"
    );
    let text = fs::read_to_string(folder.path().join("found.toml")).unwrap();
    let again = run(&["test", "found.toml"]);
    assert_eq!(again.exit, 5, "{text}\n{}{}", again.out, again.errors);
    // The same faults with the same seed do the repaired application no harm.
    let repaired = text.replace("\"original\"", "\"repaired\"");
    let scenario = fs::read_to_string(path).unwrap();
    let own = folder.path().join("own.toml");
    fs::write(&own, without_matrix(&scenario, path)).unwrap();
    let repaired = repaired.replace(path, own.to_str().unwrap());
    fs::write(folder.path().join("repaired.toml"), &repaired).unwrap();
    let call = run(&["test", "repaired.toml"]);
    assert_eq!(call.exit, 0, "{repaired}\n{}{}", call.out, call.errors);
}

/// A scenario's steps, to be included: its matrix stays behind.
fn without_matrix(scenario: &str, path: &str) -> String {
    let folder = std::path::Path::new(path).parent().unwrap();
    scenario
        .replace("[[matrix]]\nprofile = [\"original\"]\n", "")
        .replace("\"../", &format!("\"{}/../", folder.display()))
        .replace("\"_green", &format!("\"{}/_green", folder.display()))
}

#[test]
fn explore_finds_the_alert_that_an_outage_loses() {
    explored(
        "alert-reaches-the-phone.toml",
        "connector-down,connector-slow,duplicate",
        "connector-down",
    );
}

#[test]
fn explore_finds_the_capture_that_is_completed_and_lost() {
    explored(
        "every-capture-is-saved.toml",
        "connector-down,connector-refuses,redeliver",
        "connector-down,connector-refuses",
    );
}

#[test]
fn explore_finds_the_late_reading_that_is_never_exported() {
    explored(
        "no-reading-is-missing.toml",
        "delay,reorder",
        "delay,reorder",
    );
}
