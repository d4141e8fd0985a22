//! The defects of the original application: each has a scenario that passes in the repaired
//! profile and fails in the original one, or says that both pass.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::command::{fixtures, test};

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
