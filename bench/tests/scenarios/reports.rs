//! Reports for machines: JUnit, GitHub, JSON lines, coverage.

use std::{fs, process::Command};

use serde_json::Value;

use crate::command::{own, twinbench};

const MIXED: &str = "name = \"mixed\"\n[variables]\nn = 0\n[[matrix]]\nvariables.n = [1, 0]\n\
                     [[step]]\nname = \"no alerts <yet>\"\nexpect.metric = { name = \"alerts\", value = \"${n}\" }\n";

#[test]
fn junit_has_every_case_with_its_story() {
    let folder = own(MIXED);
    let call = twinbench(
        folder.path(),
        &[
            "test",
            "s.toml",
            "--no-fail-fast",
            "--junit",
            "reports/j.xml",
        ],
    );
    assert_eq!(call.exit, 5, "{}{}", call.out, call.errors);
    let xml = fs::read_to_string(folder.path().join("reports/j.xml")).unwrap();
    for part in [
        "<testsuites name=\"twinbench\" tests=\"2\" skipped=\"0\" failures=\"1\" errors=\"0\"",
        "<testsuite name=\"s.toml\"",
        "<testcase name=\"mixed [n=1]\" classname=\"s\"",
        "file=\"s.toml\"",
        "&quot;no alerts &lt;yet&gt;&quot; failed",
        "again: twinbench test",
    ] {
        assert!(xml.contains(part), "{part:?} is not in\n{xml}");
    }
}

#[test]
fn github_gets_annotations_and_a_summary() {
    let folder = own(MIXED);
    let summary = folder.path().join("summary.md");
    let output = Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .args(["test", "s.toml", "--no-fail-fast", "--github"])
        .current_dir(folder.path())
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let line = out
        .lines()
        .find(|line| line.starts_with("::error"))
        .unwrap();
    assert!(
        line.starts_with("::error file=s.toml,line=8,col=1,title=mixed [n=1]::"),
        "{line}"
    );
    assert!(
        line.contains("%0Aexpected metric alerts 1%0Afound 0.0"),
        "{line}"
    );
    let summary = fs::read_to_string(summary).unwrap();
    assert!(
        summary.contains("| FAIL | mixed [n=1] |") && summary.contains("| pass | mixed [n=0] |")
    );
}

#[test]
fn coverage_is_a_table_and_json() {
    let folder = own("[[step]]\nat = \"5s\"\n");
    let call = twinbench(folder.path(), &["test", "s.toml", "--coverage", "c.json"]);
    assert_eq!(call.exit, 0);
    assert!(
        call.out.contains("standarddeviceentity.TelemetryReceived"),
        "{}",
        call.out
    );
    assert!(
        call.out.contains("never  SendNotification → completed"),
        "{}",
        call.out
    );
    let json: Value =
        serde_json::from_slice(&fs::read(folder.path().join("c.json")).unwrap()).unwrap();
    assert_eq!(
        json["operations"]["standarddeviceentity.TelemetryReceived"],
        5
    );
}

#[test]
fn the_schema_of_every_file_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["bench", "scenario", "twin"] {
        let call = twinbench(folder.path(), &["schema", kind]);
        let schema: Value = serde_json::from_str(&call.out).unwrap();
        assert_eq!(schema["title"], format!("Twinbench {kind} file"));
    }
}
