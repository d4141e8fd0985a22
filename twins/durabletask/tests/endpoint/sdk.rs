//! Unmodified clients and workers of the Python SDK against the server: the cases are the
//! functions `case_…` of `tests/python/*.py`, run many at a time by one interpreter for each file.

use std::{process::Command, time::Duration};

use crate::common::{Served, python, script};
use serde::Deserialize;
use twinbench_durabletask::{HostOptions, Pace, ServerOptions};

#[derive(Debug, Deserialize)]
struct Outcome {
    case: String,
    ok: bool,
    seconds: f64,
    error: Option<String>,
}

/// Runs every case of a module; at least so many there are.
fn check(module: &str, least: usize, host: HostOptions, server: ServerOptions) {
    let Some(python) = python() else { return };
    let served = Served::start(host, server);
    let output = Command::new(python)
        .arg(script("run.py"))
        .args([module, &served.address.to_string()])
        .env("GRPC_VERBOSITY", "NONE")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let outcomes: Vec<Outcome> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{told}");
    let mut failed = String::new();
    for outcome in &outcomes {
        println!(
            "{:>6.2} s  {:<50} {}",
            outcome.seconds,
            outcome.case,
            if outcome.ok { "ok" } else { "FAILED" }
        );
        if !outcome.ok {
            let error = outcome.error.as_deref().unwrap_or_default();
            failed.extend(["\n", &outcome.case, ":\n", error]);
        }
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(outcomes.len() >= least, "only {} cases", outcomes.len());
}

#[test]
fn orchestrations() {
    check(
        "orchestrations",
        35,
        HostOptions::default(),
        ServerOptions::default(),
    );
}

#[test]
fn clients() {
    check(
        "clients",
        17,
        HostOptions::default(),
        ServerOptions::default(),
    );
}

#[test]
fn entities() {
    check(
        "entities",
        18,
        HostOptions::default(),
        ServerOptions::default(),
    );
}

#[test]
fn workers() {
    let server = ServerOptions {
        ping: Duration::from_millis(500),
        ..ServerOptions::default()
    };
    check("workers", 20, HostOptions::default(), server);
}

#[test]
fn leases() {
    let server = ServerOptions {
        turn_lease: Duration::from_secs(1),
        activity_lease: Duration::from_secs(1),
        ..ServerOptions::default()
    };
    check("leases", 1, HostOptions::default(), server);
}

#[test]
fn virtual_time() {
    let host = HostOptions {
        pace: Pace::Virtual,
        ..HostOptions::default()
    };
    check("virtual", 3, host, ServerOptions::default());
}

#[test]
fn the_protocol_is_the_sdk_s_field_by_field() {
    let Some(python) = python() else { return };
    let described = protox::Compiler::new([concat!(env!("CARGO_MANIFEST_DIR"), "/proto")])
        .unwrap()
        .open_file("durabletask.proto")
        .unwrap()
        .encode_file_descriptor_set();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), described).unwrap();
    let output = Command::new(python)
        .arg(script("descriptor.py"))
        .arg(file.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
