//! The verbs that take recordings, as a person or a CI job types them.

use std::process::{Command, Output};

use super::record;
use crate::common;
use serde_json::Value;

fn twinbench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .args(arguments)
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn replay_and_diff_end_with_their_codes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let bench = common::fixture("journey.toml");
    let kept = record(&bench, &folder.path().join("first"), 30);
    let first = kept.recording.to_str().unwrap();
    let out = at("runs");

    let played = twinbench(&["replay", first, "--out", &out]);
    assert!(played.status.success(), "{}", told(&played));
    assert!(
        told(&played).contains("replayed 11 messages"),
        "{}",
        told(&played)
    );
    let replayed = at("runs/journey-replay/1/session.mcap");

    let again = twinbench(&[
        "replay",
        first,
        "--re-execute",
        "--bench",
        bench.to_str().unwrap(),
        "--out",
        &out,
    ]);
    assert!(again.status.success(), "{}", told(&again));
    assert!(told(&again).contains("no divergence"), "{}", told(&again));

    let same = twinbench(&["diff", first, &at("runs/journey-again/1/session.mcap")]);
    assert_eq!(same.status.code(), Some(0), "{}", told(&same));

    // A replay has no machines: their channels are on one side only.
    let picture = at("parted.svg");
    let other = twinbench(&[
        "diff",
        first,
        &replayed,
        "--format",
        "json",
        "--picture",
        &picture,
    ]);
    assert_eq!(other.status.code(), Some(6), "{}", told(&other));
    let diff: Value = serde_json::from_slice(&other.stdout).unwrap();
    assert_eq!(diff["version"], 1);
    let channels: Vec<_> = diff["divergences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["channel"].as_str().unwrap())
        .collect();
    assert!(
        channels.contains(&"uart/devkit-01") && !channels.contains(&"d2c/devkit-01"),
        "{channels:?}"
    );
    assert!(
        std::fs::read_to_string(&picture)
            .unwrap()
            .starts_with("<svg")
    );

    let most = [
        "uart/*",
        "pin/*",
        "display/*",
        "network/*",
        "connection/*",
        "twin/*",
        "c2d/*",
        "note/*",
        "method/*",
    ];
    let rules: Vec<String> = most
        .iter()
        .map(|it| format!("--tolerance={it}=ignore"))
        .collect();
    let mut arguments = vec!["diff", first, &replayed];
    arguments.extend(rules.iter().map(String::as_str));
    let rest = twinbench(&arguments);
    assert_eq!(rest.status.code(), Some(0), "{}", told(&rest));
}

#[test]
fn what_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let recording = common::fixture("../recordings/journey.mcap");
    let recording = recording.to_str().unwrap();
    std::fs::write(at("text.mcap"), "version = 1").unwrap();
    for (arguments, code, reason) in [
        (vec!["replay", "missing.mcap"], 3, "missing.mcap"),
        (
            vec!["replay", &at("text.mcap")],
            2,
            "not a Twinbench recording",
        ),
        (vec!["replay", recording, "--from", "noon"], 2, "is no time"),
        (vec!["replay", recording, "--speed", "0"], 2, "is no factor"),
        (vec!["replay", recording, "--map", "a"], 2, "maps no device"),
        (
            vec!["replay", recording, "--device", "none"],
            2,
            "no messages of these devices",
        ),
        (
            vec!["replay", recording, "--re-execute", "--loop", "2"],
            2,
            "cannot be used with",
        ),
        (
            vec!["diff", recording, recording, "--tolerance", "x"],
            2,
            "no `=`",
        ),
        (vec!["diff", recording, "missing.mcap"], 3, "missing.mcap"),
    ] {
        let output = twinbench(&arguments);
        let told = told(&output).replace("\n  │ ", " ");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(reason), "{arguments:?}: {told}");
    }
}

#[test]
fn export_and_import_go_round() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let recording = common::fixture("../recordings/journey.mcap");
    let recording = recording.to_str().unwrap();
    for (name, form) in [("all.csv", "csv"), ("all.jsonl", "json")] {
        let written = twinbench(&["export", recording, "-o", &at(name), "--kind", "d2c"]);
        assert!(written.status.success(), "{}", told(&written));
        let made = at(&format!("{form}.mcap"));
        let imported = twinbench(&["import", &at(name), "-o", &made, "--as", form]);
        assert!(
            told(&imported).contains("66 messages of 3 devices"),
            "{}",
            told(&imported)
        );
        let played = twinbench(&["replay", &made, "--out", &at(form), "--format", "json"]);
        assert!(played.status.success(), "{}", told(&played));
    }
    // The virtual times of an import begin at its first message, so only its own replays compare.
    let replayed = |form: &str| folder.path().join(form).join("all-replay/1/session.mcap");
    let (left, right) = (replayed("csv"), replayed("json"));
    let same = twinbench(&["diff", left.to_str().unwrap(), right.to_str().unwrap()]);
    assert_eq!(same.status.code(), Some(0), "{}", told(&same));

    let part = twinbench(&[
        "export",
        recording,
        "--to-stdout",
        "csv",
        "--kind",
        "d2c",
        "--device",
        "green*",
        "--from",
        "00:30",
        "--to",
        "01:00",
        "--field",
        "body.Data.Temperature",
    ]);
    let text = String::from_utf8(part.stdout).unwrap();
    assert_eq!(text.lines().count(), 1 + 6, "{text}");
    assert!(
        text.starts_with(
            "time,utc,room,kind,source,sequence,encoding,body.Data.Temperature,content"
        )
    );

    for (arguments, code, reason) in [
        (
            vec!["export", recording, "-o", &at("x.txt")],
            2,
            "no form that is known",
        ),
        (
            vec!["export", recording, "-o", &at("x.csv"), "--kind", "none"],
            4,
            "0 rows",
        ),
        (
            vec!["import", "missing.csv", "-o", &at("x.mcap")],
            3,
            "missing.csv",
        ),
    ] {
        let output = twinbench(&arguments);
        assert_eq!(output.status.code(), Some(code), "{}", told(&output));
        assert!(told(&output).contains(reason), "{}", told(&output));
    }
    std::fs::write(at("bad.csv"), "device,time\na,noon\n").unwrap();
    let bad = twinbench(&["import", &at("bad.csv"), "-o", &at("y.mcap")]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(
        told(&bad).replace("\n  │ ", "").contains("bad.csv:2:"),
        "{}",
        told(&bad)
    );
}

#[test]
fn a_run_goes_on_from_a_moment_of_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let bench = common::fixture("journey.toml");
    let kept = record(&bench, &folder.path().join("first"), 30);
    let out = folder.path().join("runs");
    let run = twinbench(&[
        "run",
        bench.to_str().unwrap(),
        "--session",
        kept.recording.to_str().unwrap(),
        "--from",
        "00:20",
        "--for",
        "10s",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(run.status.success(), "{}", told(&run));
    // Nothing was done otherwise, so it is the same as what was recorded.
    let branch = out.join("journey/1/session.mcap");
    let same = twinbench(&[
        "diff",
        kept.recording.to_str().unwrap(),
        branch.to_str().unwrap(),
    ]);
    assert_eq!(same.status.code(), Some(0), "{}", told(&same));
    let parent = twinbench_recording::Reader::open(&branch)
        .unwrap()
        .header()
        .parent
        .clone();
    assert_eq!(
        parent.unwrap().at,
        twinbench_model::VirtualTime::from_secs(20)
    );
}

#[test]
fn a_bench_that_is_served_is_recorded_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let bench = common::fixture("journey.toml");
    let mut served = Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .args([
            "serve",
            "--port",
            "0",
            "--speed",
            "20",
            "--format",
            "json",
            "--out",
            &at("runs"),
            "--data",
            &at("data"),
        ])
        .arg(&bench)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(served.stdout.take().unwrap()));
    let address = lines.find_map(|line| {
        let line: Value = serde_json::from_str(&line.ok()?).ok()?;
        Some(line["serving"]["api"].as_str()?.to_owned())
    });
    let address = address.expect("it says where it serves");
    let output = at("taken.mcap");
    let recorded = twinbench(&[
        "record",
        &address,
        "--data",
        &at("data"),
        "--for",
        "2s",
        "--all",
        "-o",
        &output,
    ]);
    let refused = twinbench(&[
        "record",
        &address,
        "--key",
        "wrong",
        "-o",
        &at("other.mcap"),
    ]);
    served.kill().unwrap();
    served.wait().unwrap();
    assert!(recorded.status.success(), "{}", told(&recorded));
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    assert!(told(&refused).contains("401"), "{}", told(&refused));
    let mut reader = twinbench_recording::Reader::open(std::path::Path::new(&output)).unwrap();
    assert_eq!(reader.header().parent.as_ref().unwrap().how, "attached");
    let entries = reader.by_ref().map(Result::unwrap).count();
    assert!(entries > 10, "{entries}");
    assert_eq!(*reader.loss(), twinbench_recording::Loss::default());
    // What was taken is the beginning of what the bench itself recorded.
    let left =
        twinbench_recording::Reader::open(&folder.path().join("runs/journey/1/session.mcap"))
            .unwrap();
    let right = twinbench_recording::Reader::open(std::path::Path::new(&output)).unwrap();
    for (own, taken) in left.zip(right) {
        assert_eq!(own.unwrap(), taken.unwrap());
    }
}
