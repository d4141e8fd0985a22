//! The verbs about machines: `doctor`, `compare`, `renode`, each as a person runs it.

use std::{
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use renode_rs_bindings::recorded::{Peer, Pretend, Transcript};
use serde_json::Value;

use crate::common::fixture;

/// The command in a folder of its own, on a machine that has no Renode.
fn twinbench(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinbench"));
    command
        .current_dir(folder)
        .env_remove("RENODE")
        .stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it printed and said, with its exit code; words that the terminal's width parted are together.
fn ran(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let words = text(&stderr);
    let said: Vec<_> = words
        .split_whitespace()
        .filter(|word| *word != "│")
        .collect();
    (status.code().unwrap(), text(&stdout), said.join(" "))
}

fn journey() -> PathBuf {
    fixture("journey.toml")
}

/// The benches and programs of `fixtures/hello`.
fn hello(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/hello")
        .join(name)
        .canonicalize()
        .unwrap()
}

#[test]
fn doctor_tells_a_person_what_is_there_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, printed, said) =
        ran(twinbench(folder.path()).args(["doctor", "--renode", "/nowhere"]));
    assert_eq!((exit, said.as_str()), (0, ""), "{printed}");
    for part in [
        "-       Renode: renode was not found; looked for /nowhere, /nowhere/",
        "https://github.com/renode/renode/releases",
        "debug probe",
        "serial ports",
        "port 8883",
        "port 443",
        "port 5671",
        "port 5672",
        "port 8080",
        "certificates",
        "ok      folder for runs: out",
    ] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    assert!(!folder.path().join("out").exists(), "looking makes nothing");
}

#[test]
fn doctor_tells_a_program_and_fails_where_no_bench_can_run() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 8883));
    let (exit, printed, _) = ran(twinbench(folder.path()).args(["doctor", "--format", "json"]));
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((exit, &report["ok"]), (0, &Value::Bool(true)), "{report}");
    let facts = report["facts"].as_array().unwrap();
    let fact = |what: &str| facts.iter().find(|it| it["what"] == what).unwrap();
    // Taken by this test, or by another program.
    assert_eq!(fact("port 8883")["ok"], false);
    assert!(!fact("port 8883")["hint"].as_str().unwrap().is_empty());
    assert_eq!(fact("folder for runs")["needed"], true);
    drop(taken);

    std::fs::write(folder.path().join("file"), "").unwrap();
    if cfg!(target_os = "linux") {
        let arguments = ["doctor", "--json", "--out", "/proc/none/such"];
        let (exit, printed, _) = ran(twinbench(folder.path()).args(arguments));
        let report: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((exit, &report["ok"]), (3, &Value::Bool(false)), "{report}");
    }
}

#[test]
fn two_runs_on_the_emulator_are_the_same_and_another_recording_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let bench = journey();
    let compare = |backends: &str, more: &[&str]| {
        ran(twinbench(folder.path())
            .arg("compare")
            .arg(&bench)
            .args(["--backends", backends, "--for", "15s"])
            .args(more))
    };
    let (exit, printed, said) = compare("emulator,emulator", &[]);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(printed, "emulator and emulator: nothing differs\n");

    // The same bench with other values from its sensor, as a recording.
    let text = std::fs::read_to_string(&bench).unwrap();
    let firmware = bench.parent().unwrap().join("../firmware/devkit.elf");
    let firmware = firmware.canonicalize().unwrap();
    let other = text
        .replace("seed    = 7", "seed = 8")
        .replace("../firmware/devkit.elf", &firmware.display().to_string());
    assert!(other.contains("seed = 8"), "{other}");
    std::fs::write(folder.path().join("other.toml"), other).unwrap();
    let (exit, _, said) = ran(twinbench(folder.path()).args(["run", "other.toml", "--for", "15s"]));
    assert_eq!(exit, 0, "{said}");
    let recording = "out/journey/latest/session.mcap";
    let backends = format!("emulator,{recording}");
    let (exit, printed, _) = compare(&backends, &[]);
    assert_eq!(exit, 6, "{printed}");
    assert!(printed.contains("temperature"), "{printed}");
    let (exit, printed, _) = compare(&backends, &["--format", "json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (exit, report["backends"][0].as_str()),
        (6, Some("emulator"))
    );
    let parted = report["diff"]["divergences"].as_array().unwrap();
    assert!(
        parted.iter().any(|it| it["channel"] == "d2c/devkit-01"),
        "{report}"
    );

    // Each channel may be given what it is allowed.
    let mut rules: Vec<String> = Vec::new();
    for it in parted {
        let channel = it["channel"].as_str().unwrap();
        rules.extend(["--tolerance".to_owned(), format!("{channel}=ignore")]);
    }
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let (exit, printed, _) = compare(&backends, &rules);
    assert_eq!(exit, 0, "{printed}");
}

#[test]
fn what_cannot_be_compared_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let bench = journey();
    let check = |backends: &str, exit: i32, parts: &[&str]| {
        let (ended, _, said) = ran(twinbench(folder.path())
            .arg("compare")
            .arg(&bench)
            .args(["--backends", backends])
            .env("RENODE", "/nowhere"));
        assert_eq!(ended, exit, "{backends}: {said}");
        for part in parts {
            assert!(said.contains(part), "{part} in {said}");
        }
    };
    check("emulator", 2, &["nothing to be compared with", "help:"]);
    check("emulator,fpga", 2, &["\"fpga\"", "backends: emulator"]);
    check(
        "emulator,renode",
        3,
        &["renode was not found", "/nowhere", "set RENODE"],
    );
}

/// A program that says to be Renode: it points whoever started it to a stand-in, whose values are those
/// of the recorded sessions.
#[cfg(unix)]
fn installed(folder: &Path, pretend: &Pretend) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let program = folder.join("renode");
    let script = format!(
        "#!/bin/sh\nmkdir -p \"$TMPDIR/renode-1\"\necho {} > \"$TMPDIR/renode-1/robot_port\"\nexec sleep 1000\n",
        pretend.address().port()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// `compare` of the emulator and Renode's stand-in with a firmware in place of the bench's own.
#[cfg(unix)]
fn beside_renode(firmware: &Path, tolerances: &[&str]) -> (i32, Value, String) {
    let pretend = Pretend::serve("1.16.1").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bench = std::fs::read_to_string(hello("hello.toml")).unwrap();
    let bench = bench.replace("\"hello.elf\"", &format!("{:?}", firmware.display()));
    std::fs::write(folder.path().join("hello.toml"), bench).unwrap();
    std::fs::copy(hello("bare.toml"), folder.path().join("bare.toml")).unwrap();
    let mut command = twinbench(folder.path());
    command
        .args(["compare", "hello.toml", "--backends", "emulator,renode"])
        .args(["--for", "20ms", "--format", "json"])
        .env("RENODE", installed(folder.path(), &pretend));
    for rule in tolerances {
        command.args(["--tolerance", rule]);
    }
    let (exit, printed, said) = ran(&mut command);
    let report = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{printed}\n{said}"));
    for wanted in [
        "machine LoadPlatformDescription @platforms/cpus/stm32f412.repl",
        "connector Connect sysbus.usart2 terminal1",
    ] {
        let commands = pretend.commands();
        assert!(commands.iter().any(|it| it == wanted), "{commands:#?}");
    }
    (exit, report, said)
}

#[cfg(unix)]
#[test]
fn the_emulator_and_renode_say_the_same() {
    let tolerances = ["uart/*=20ms", "pin/*=ignore"];
    let (exit, report, said) = beside_renode(&hello("hello.elf"), &tolerances);
    assert_eq!(exit, 0, "{report}\n{said}");
    assert!(report["diff"]["events"][1].as_u64().unwrap() > 0);
    // Renode's processor is quicker than the chip's: without the tolerance that is seen.
    let (exit, report, _) = beside_renode(&hello("hello.elf"), &tolerances[..1]);
    assert_eq!(exit, 6, "{report}");
    assert_eq!(report["diff"]["divergences"][0]["channel"], "pin/hello-01");
}

/// The program of the recorded sessions writes without a look at TXE: a chip loses all but the first and
/// the last byte, and Renode, whose UART takes no time, hides it.
#[cfg(unix)]
#[test]
fn a_program_that_only_works_in_renode_is_found() {
    let firmware = Path::new(env!("CARGO_MANIFEST_DIR")).join("../renode/tests/transcripts");
    let firmware = firmware.join("hello.elf").canonicalize().unwrap();
    let (exit, report, said) = beside_renode(&firmware, &["uart/*=20ms", "pin/*=ignore"]);
    assert_eq!(exit, 6, "{report}\n{said}");
    let parted = &report["diff"]["divergences"][0];
    assert_eq!(parted["channel"], "uart/hello-01", "{report}");
    let shown = |side: &str| parted[side]["text"].as_str().unwrap().to_owned();
    assert!(shown("right").contains("hello from renode"), "{parted}");
    assert!(!shown("left").contains("hello"), "{parted}");
}

#[test]
fn the_monitor_is_talked_to_line_by_line() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../renode/tests/transcripts/1.16.1-monitor-colour.jsonl");
    let transcript = Transcript::load(&recorded).unwrap();
    let lines = commands(&transcript);
    assert!(lines.len() > 3, "{lines:?}");
    let peer = Peer::serve(transcript, 7).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut talk = twinbench(folder.path())
        .args(["renode", "monitor", "--format", "json", "--connect"])
        .arg(peer.address().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = talk.stdin.take().unwrap();
    for line in &lines {
        writeln!(input, "{line}").unwrap();
    }
    drop(input);
    let output = talk.wait_with_output().unwrap();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    peer.finish()
        .unwrap_or_else(|error| panic!("{error}\n{printed}\n{said}"));
    let answers: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // The last line is `quit`, after which there is nobody to answer.
    assert_eq!(answers.len(), lines.len() - 1, "{printed}\n{said}");
    for (answer, line) in answers.iter().zip(&lines) {
        assert_eq!(answer["command"], **line);
    }
    // A command that Renode refused is in the session, and is told by the exit code too.
    assert!(
        answers.iter().any(|it| it["error"].is_string()),
        "{printed}"
    );
    assert_eq!(output.status.code(), Some(5), "{said}");
}

/// The lines that a person typed in a recorded session.
fn commands(transcript: &Transcript) -> Vec<String> {
    use renode_rs_bindings::recorded::Side;
    // Before the first line, telnet's answer.
    let typed = text(&transcript.bytes(Side::Client)[9..]);
    typed.lines().map(str::to_owned).collect()
}

#[test]
fn without_a_renode_or_a_monitor_the_next_step_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], exit: i32, parts: &[&str]| {
        let (ended, _, said) = ran(twinbench(folder.path()).arg("renode").args(arguments));
        assert_eq!(ended, exit, "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{part} in {said}");
        }
    };
    check(
        &["monitor", "--renode", "/nowhere"],
        3,
        &["was not found", "/nowhere", "releases", "--renode"],
    );
    // A path of our own that is wrong is told before a Renode is looked for.
    check(
        &["monitor", "--firmware", "none.elf"],
        2,
        &["none.elf", "ELF"],
    );
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    check(
        &["monitor", "--connect", &address],
        3,
        &[&address, "--port"],
    );
    check(&["isolated"], 2, &["COMMAND"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_in_a_network_of_its_own_keeps_its_exit_code() {
    let allowed = Command::new("unshare")
        .args(["--map-root-user", "--net", "ip", "link", "set", "lo", "up"])
        .output();
    if !allowed.is_ok_and(|it| it.status.success()) {
        eprintln!("SKIPPED: unshare, ip or user namespaces are not to be had here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let check = |command: &[&str], exit: i32, part: &str| {
        let (ended, printed, said) = ran(twinbench(folder.path())
            .args(["renode", "isolated", "--"])
            .args(command));
        assert_eq!(ended, exit, "{command:?}: {said}");
        let all = printed + &said;
        assert!(all.contains(part), "{part} in {all}");
    };
    check(&["cut", "-d:", "-f1", "/proc/net/dev"], 0, "lo");
    check(&["sh", "-c", "exit 6"], 6, "6");
    check(&["sh", "-c", "exit 99"], 5, "99");
    check(&["/no/such/program"], 2, "/no/such/program");
}
