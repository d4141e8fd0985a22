//! Bad input: one clear message with what to do, the documented exit code, nothing stored is lost.

use crate::common;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Runs `twinbench` in `folder`; gives exit code and stderr.
fn twinbench(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

/// Checks that a bench file is refused with this code, and that the message holds all of `words`.
fn check(text: &str, code: i32, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bench.toml"), text).unwrap();
    fs::write(folder.path().join("text.elf"), "this is no ELF file").unwrap();
    let (exit, message) = twinbench(folder.path(), &["run", "bench.toml", "--for", "1s"]);
    assert_eq!(exit, code, "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in:\n{message}");
    }
}

const HEAD: &str = "version = 1\nname = \"b\"\nepoch = \"2026-01-01T00:00:00Z\"\n";

fn with(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

#[test]
fn an_unknown_key_has_a_place_and_a_suggestion() {
    let text = with("[[device]]\nid = \"d\"\nbackend = \"simulated\"\nintervall = \"5s\"\n");
    check(
        &text,
        2,
        &[
            "bench.toml:7:1",
            "unknown field `intervall`",
            "did you mean `interval`?",
        ],
    );
}

#[test]
fn a_wrong_unit_has_a_place_and_examples() {
    let text = with("[[device]]\nid = \"d\"\nbackend = \"simulated\"\ninterval = \"5 parsecs\"\n");
    check(&text, 2, &["bench.toml:7:12", "5 parsecs", "10s"]);
    let text = with("[[device]]\nid = \"d\"\nbackend = \"simulated\"\ninterval = 5\n");
    check(&text, 2, &["bench.toml:7:12"]);
}

#[test]
fn a_missing_firmware_says_how_to_build_it() {
    let text = with("[[device]]\nid = \"d\"\nboard = \"az3166\"\nfirmware = \"none.elf\"\n");
    check(
        &text,
        3,
        &[
            "bench.toml:7:12",
            "none.elf does not exist",
            "cargo xtask firmware",
        ],
    );
}

#[test]
fn a_broken_firmware_says_what_it_is() {
    let text = with("[[device]]\nid = \"d\"\nboard = \"az3166\"\nfirmware = \"text.elf\"\n");
    check(&text, 3, &["text.elf", "ELF", "thumbv7em-none-eabihf"]);
}

#[test]
fn a_foreign_firmware_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        env!("CARGO_BIN_EXE_twinbench"),
        folder.path().join("host.elf"),
    )
    .unwrap();
    let text = with("[[device]]\nid = \"d\"\nboard = \"az3166\"\nfirmware = \"host.elf\"\n");
    fs::write(folder.path().join("bench.toml"), text).unwrap();
    let (exit, message) = twinbench(folder.path(), &["run", "bench.toml", "--for", "1s"]);
    assert_eq!(exit, 3, "{message}");
    assert!(message.contains("host.elf"), "{message}");
}

#[test]
fn wrong_values_are_named() {
    check(
        &with("[hub]\npartitions = 99\n"),
        2,
        &["bench.toml:5:14", "2 to 32"],
    );
    check(
        &with("[[device]]\nid = \"a b\"\nbackend = \"simulated\"\n"),
        2,
        &["bench.toml:5:6", "not valid"],
    );
    check(
        &with("[[device]]\nid = \"d\"\nboard = \"az3616\"\n"),
        2,
        &["did you mean `az3166`?"],
    );
    check(
        &with("[[device]]\nid = \"d\"\nbackend = \"simulated\"\ncount = 2\n"),
        2,
        &["used twice", "{n}"],
    );
    check(
        "version = 2\nname = \"b\"\nepoch = \"2026-01-01T00:00:00Z\"\n",
        2,
        &["version 2 is not known"],
    );
    check(&with("nonsense"), 2, &["bench.toml:4"]);
}

#[test]
fn a_hub_that_cannot_be_is_named_with_its_place() {
    let hub = |text: &str, parts: &[&str]| check(&with(&format!("[hub]\n{text}")), 2, parts);
    hub(
        "listn = true\n",
        &["bench.toml:5:1", "did you mean `listen`?"],
    );
    hub("ports = { mqtt = 70000 }\n", &["bench.toml:5:", "70000"]);
    hub(
        "ports = { mqttt = 1 }\n",
        &["bench.toml:5:11", "did you mean `mqtt`?"],
    );
    hub("ports = { https = [443, -1] }\n", &["bench.toml:5:"]);
    hub("profile = \"S4\"\n", &["bench.toml:5:11", "S4"]);
    hub(
        "profile = \"S3\"\nunits = 11\n",
        &["bench.toml:6:9", "1 to 10 units"],
    );
    hub(
        "retention = \"10ms\"\n",
        &["bench.toml:5:13", "1s or longer"],
    );
    hub(
        "c2d = { deliveries = 101 }\n",
        &["bench.toml:5:22", "1 to 100"],
    );
    hub(
        "[[hub.route]]\nname = \"hot\"\ncondition = \"level = \"\n",
        &["bench.toml:7:13", "at character"],
    );
    hub(
        "[[hub.route]]\nname = \"hot\"\nendpoint = \"blob\"\n",
        &["bench.toml:7:12", "\"events\" only"],
    );
    hub(
        "[[hub.policy]]\nname = \"p\"\npermissions = [\"service-conect\"]\n",
        &["bench.toml:7:", "did you mean `service-connect`?"],
    );
    hub(
        "[[hub.policy]]\nname = \"p\"\npermissions = []\nkey = \"short\"\n",
        &["bench.toml:8:7", "base64"],
    );
    hub(
        "[[hub.enrollment]]\nname = \"e\"\nauthority = \"plant\"\n",
        &["bench.toml:7:13", "group = true"],
    );
    hub(
        "[[hub.enrollment]]\nname = \"e\"\nthumbprint = \"xyz\"\n",
        &["bench.toml:7:14"],
    );
    check(
        &with("[[hub.authority]]\nname = \"plant\"\ncertificate = \"none.pem\"\n"),
        3,
        &["bench.toml:6:15", "none.pem"],
    );
    check(
        &with(
            "[[bridge]]\nname = \"b\"\nbroker = \"http://x\"\nrule = [{ topic = \"t\", device = \"d\" }]\n",
        ),
        2,
        &["bench.toml:4", "mqtt://host"],
    );
    let external = "[[device]]\nid = \"d\"\nbackend = \"external\"\n";
    check(
        &with(&format!(
            "{external}[device.sensors]\ntemperature = {{ constant = 1.0 }}\n"
        )),
        2,
        &["measures by itself"],
    );
}

#[test]
fn nothing_to_run_has_its_own_code() {
    check(HEAD, 4, &["no devices"]);
    let folder = tempfile::tempdir().unwrap();
    let (exit, message) = twinbench(folder.path(), &["run", "none.toml", "--for", "1s"]);
    assert_eq!(exit, 2);
    assert!(message.contains("none.toml"), "{message}");
}

const SIMULATED: &str = "[[device]]\nid = \"d\"\nbackend = \"simulated\"\ninterval = \"1s\"\n";

#[test]
fn a_busy_port_is_named_before_the_run() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bench.toml"), with(SIMULATED)).unwrap();
    let (exit, message) = twinbench(
        folder.path(),
        &[
            "run",
            "bench.toml",
            "--for",
            "1s",
            "--serve",
            "--port",
            &port,
            "--any-ports",
            "--certificates",
            "certificates",
        ],
    );
    assert_eq!(exit, 3, "{message}");
    assert!(
        message.contains(&port) && message.contains("--port"),
        "{message}"
    );
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bench.toml"), with(SIMULATED)).unwrap();
    fs::write(folder.path().join("file"), "in the way").unwrap();
    let (exit, message) = twinbench(
        folder.path(),
        &["run", "bench.toml", "--for", "1s", "--data", "file"],
    );
    assert_eq!(exit, 3, "{message}");
    assert!(message.contains("file"), "{message}");
}

#[test]
fn the_state_of_another_run_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bench.toml"), with(SIMULATED)).unwrap();
    let run = |more: &[&str]| {
        let mut arguments = vec!["run", "bench.toml", "--for", "5s", "--data", "state"];
        arguments.extend(more);
        twinbench(folder.path(), &arguments)
    };
    assert_eq!(run(&[]).0, 0);
    let (exit, message) = run(&[]);
    assert_eq!(exit, 3, "{message}");
    assert!(message.contains("--resume"), "{message}");
    assert_eq!(
        run(&["--resume", "--seed", "9"]).0,
        3,
        "another seed is another bench"
    );
    assert_eq!(run(&["--resume"]).0, 0, "what was stored is still there");
}

#[test]
fn telemetry_that_is_not_json_goes_to_the_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let bench = folder.path().join("bench.toml");
    fs::write(&bench, with(SIMULATED)).unwrap();
    let mut session = common::open(&bench, folder.path(), 1, false);
    let device = twinbench_model::DeviceId::new("d").unwrap();
    session
        .run_until(twinbench_model::VirtualTime::from_secs(3))
        .unwrap();
    let body = bytes::Bytes::from_static(b"\xff{not json");
    session
        .publish(
            &device,
            twinbench_model::Message {
                body,
                ..Default::default()
            },
        )
        .unwrap();
    session
        .run_until(twinbench_model::VirtualTime::from_secs(6))
        .unwrap();
    let stats = session.stats();
    assert_eq!(stats.dead_letters, 1);
    assert!(stats.messages >= 6, "the others go on: {stats:?}");
}
