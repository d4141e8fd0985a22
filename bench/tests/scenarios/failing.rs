//! Scenarios that must fail, each with its message; exit codes.

use std::fs;

use serde_json::Value;

use crate::command::{fixtures, own, test, twinbench};

#[test]
fn each_failing_scenario_tells_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut names: Vec<_> = fs::read_dir(fixtures().join("_failing"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            std::path::Path::new(name)
                .extension()
                .is_some_and(|it| it == "toml")
        })
        .collect();
    names.sort();
    assert!(names.len() >= 9);
    for name in names {
        let call = test(
            folder.path(),
            &format!("_failing/{name}"),
            &["--format", "json"],
        );
        assert_eq!(call.exit, 5, "{name}: {}{}", call.out, call.errors);
        let report: Value = serde_json::from_str(&call.out).unwrap();
        let case = &report["report"]["cases"][0];
        assert_eq!(case["status"], "failed", "{case:#}");
        let story = case["story"].as_str().unwrap();
        // Where the repository is, is no matter.
        let story = story.replace(fixtures().to_str().unwrap(), "scenarios");
        insta::assert_snapshot!(name.trim_end_matches(".toml"), story);
    }
    let _ = fs::remove_file(fixtures().join("_failing/golden.txt.new"));
}

#[test]
fn exit_codes() {
    let folder = own("[[step]]\nat = \"1s\"\n");
    let exit = |arguments: &[&str]| {
        let call = twinbench(folder.path(), arguments);
        (call.exit, call.errors)
    };
    assert_eq!(exit(&["test", "s.toml"]).0, 0);
    assert_eq!(exit(&["test", "nowhere.toml"]).0, 2);
    assert_eq!(exit(&["test", "s.toml", "--filter", "none such"]).0, 4);
    assert_eq!(exit(&["test", "s.toml", "--shard", "5/4"]).0, 2);
    fs::write(
        folder.path().join("bad.toml"),
        "version = 1\nbench = \"b.bench\"\n[[stpe]]\n",
    )
    .unwrap();
    let (code, message) = exit(&["test", "bad.toml"]);
    assert_eq!(code, 2);
    assert!(
        message.contains("bad.toml:3:3") && message.contains("did you mean `step`?"),
        "{message}"
    );
    fs::write(
        folder.path().join("lost.toml"),
        "version = 1\nbench = \"no.bench\"\n[[step]]\nat = \"1s\"\n",
    )
    .unwrap();
    let (code, message) = exit(&["test", "lost.toml"]);
    assert_eq!(code, 2);
    assert!(
        message.contains("lost.toml:2:9") && message.contains("no.bench cannot be read"),
        "{message}"
    );
}

#[test]
fn the_first_failure_ends_the_suite_unless_told_otherwise() {
    let folder = own(
        "[[step]]\nexpect.metric = { name = \"alerts\", value = \"${n}\" }\n[variables]\nn = 0\n[[matrix]]\nvariables.n = [1, 0, 0]\n",
    );
    let statuses = |more: &[&str]| {
        let mut arguments = vec!["test", "s.toml", "--jobs", "1", "--format", "jsonl"];
        arguments.extend(more);
        let call = twinbench(folder.path(), &arguments);
        assert_eq!(call.exit, 5);
        let lines = call
            .out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter_map(|line| line["case"]["status"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(&[]), ["failed", "skipped", "skipped"]);
    assert_eq!(
        statuses(&["--no-fail-fast"]),
        ["failed", "passed", "passed"]
    );
    assert_eq!(
        statuses(&["--no-fail-fast", "--shard", "1/2"]),
        ["failed", "passed"]
    );
}

#[test]
fn golden_files_are_written_beside_and_accepted() {
    let folder = own("for = \"30s\"\n[[golden]]\nfile = \"kept.txt\"\nchannels = [\"d2c/*\"]\n");
    let run = |more: &[&str]| {
        let mut arguments = vec!["test", "s.toml"];
        arguments.extend(more);
        twinbench(folder.path(), &arguments)
    };
    let (kept, new) = (
        folder.path().join("kept.txt"),
        folder.path().join("kept.txt.new"),
    );
    let call = run(&[]);
    assert_eq!(call.exit, 5);
    assert!(call.out.contains("--update accepts it"), "{}", call.out);
    assert!(new.is_file() && !kept.exists());
    assert_eq!(run(&["--update"]).exit, 0);
    assert!(kept.is_file() && !new.exists());
    assert!(fs::read_to_string(&kept).unwrap().lines().count() >= 29);
    assert_eq!(run(&[]).exit, 0);
    assert_eq!(run(&["--seed", "5"]).exit, 5, "other values, other lines");
    assert!(new.is_file());
    assert_eq!(run(&[]).exit, 0);
    assert!(!new.exists(), "what was mended leaves nothing behind");
}
