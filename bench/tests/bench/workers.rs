//! Workers of the real Durable Task SDK beside a bench: its time stands while they work.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use serde_json::Value;

/// The Python with the SDK; `None`, loudly, where it is missing on a user's machine.
fn python() -> Option<std::ffi::OsString> {
    let python = std::env::var_os("TWINBENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let has_sdk = Command::new(&python)
        .args(["-c", "import durabletask"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if has_sdk {
        return Some(python);
    }
    let word = "Python has no durabletask: run `cargo xtask setup`";
    assert!(std::env::var_os("CI").is_none(), "{word}");
    eprintln!("SKIPPED: {word}");
    None
}

#[test]
fn thirty_days_of_a_python_workflow_take_the_time_of_its_code() {
    let Some(python) = python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let bench = folder.path().join("bench.toml");
    std::fs::write(
        &bench,
        r#"
version = 1
name = "month"
epoch = "2026-01-01T00:00:00Z"

[[device]]
id = "meter-1"
backend = "simulated"
interval = "6h"
sensors = { temperature = { constant = 20.0 } }

[[app]]
kind = "serverless-iot"

[durable_task]
listen = true
port = 0
"#,
    )
    .unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .args(["run", "bench.toml", "--for", "960h", "--format", "json"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let address = lines
        .find_map(|line| {
            let line: Value = serde_json::from_str(&line.ok()?).ok()?;
            Some(line["serving"]["durableTask"].as_str()?.to_owned())
        })
        .expect("it says where it serves");
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/bench/python/escalation.py"
    );
    let output = Command::new(python)
        .args([script, &address])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let status = run.wait().unwrap();
    let rest = rest.join().unwrap();
    assert!(status.success(), "{rest:?}\n{errors}");
    let (ended, result) = said.trim().split_once(' ').expect(&errors);
    assert_eq!(ended, "COMPLETED", "{said}\n{errors}");
    let result: Value = serde_json::from_str(result).unwrap();
    assert_eq!(result, serde_json::json!({"days": 30, "total": 9}));
}
