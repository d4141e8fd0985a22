//! Boards behind debug probes in a bench, as a person runs them: with virtual ones.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::common::fixture;

fn twinbench(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap(), text(&stdout), text(&stderr))
}

/// A board with the firmware that talks by RTT, behind a virtual probe.
fn bench(more: &str) -> String {
    let firmware = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../machine/tests/probe/firmware/probe-firmware.elf")
        .canonicalize()
        .unwrap();
    format!(
        "version = 1\nname = \"probed\"\nepoch = \"2026-01-01T00:00:00Z\"\n\
         [[device]]\nid = \"board\"\nboard = \"az3166\"\nbackend = \"probe\"\n\
         firmware = '{}'\n{more}",
        firmware.display()
    )
}

#[test]
fn the_emulator_and_a_virtual_probe_do_not_differ() {
    let folder = tempfile::tempdir().unwrap();
    let journey = fixture("journey.toml").canonicalize().unwrap();
    let journey = journey.to_str().unwrap();
    let arguments = [
        "compare",
        journey,
        "--backends",
        "emulator,probe",
        "--for",
        "12s",
    ];
    let (exit, printed, said) = twinbench(folder.path(), &arguments);
    assert_eq!(exit, 0, "{printed}{said}");
    assert_eq!(printed, "emulator and probe: nothing differs\n", "{said}");
}

#[test]
fn what_a_probe_reads_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let text = bench("probe = \"virtual\"\nwatch = { rounds = \"COUNT\", level = \"LEVEL\" }\n");
    fs::write(folder.path().join("bench.toml"), text).unwrap();
    let (exit, printed, said) = twinbench(folder.path(), &["run", "bench.toml", "--for", "2s"]);
    assert_eq!(exit, 0, "{printed}{said}");
    let recording = "out/probed/latest/session.mcap";
    let recording = if folder.path().join(recording).is_file() {
        recording
    } else {
        "out/probed/1/session.mcap"
    };
    let (exit, exported, said) = twinbench(
        folder.path(),
        &["export", recording, "--to-stdout", "jsonl"],
    );
    assert_eq!(exit, 0, "{exported}{said}");
    for part in [
        "rtt0",
        if cfg!(feature = "defmt") {
            "up with RTT"
        } else {
            "--features defmt"
        },
        "rounds",
        "level",
        "bytes written to flash memory",
    ] {
        assert!(exported.contains(part), "{part} in {exported}");
    }
}

#[test]
fn keys_of_probes_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    for (more, part) in [
        (
            "link = { modem = \"usart1\" }\n",
            "the modem of a real board is a real one",
        ),
        (
            "[device.sensors]\ntemperature = { constant = 20.0 }\n",
            "a real board measures by itself",
        ),
        ("flash = \"sometimes\"\n", "unknown value"),
        ("serial = { console = { baud = 9600 } }\n", "path"),
    ] {
        fs::write(folder.path().join("bench.toml"), bench(more)).unwrap();
        let (exit, _, said) = twinbench(folder.path(), &["check", "bench.toml"]);
        assert_eq!(exit, 2, "{more}: {said}");
        assert!(said.contains(part), "{part} in {said}");
    }
    // A variable that is not there is told when the bench is run.
    let text = bench("probe = \"virtual\"\nwatch = { x = \"NO_SUCH\" }\n");
    fs::write(folder.path().join("bench.toml"), text).unwrap();
    let (exit, _, said) = twinbench(folder.path(), &["run", "bench.toml", "--for", "1s"]);
    assert_ne!(exit, 0);
    assert!(said.contains("NO_SUCH"), "{said}");
}

#[test]
fn probes_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, printed, said) = twinbench(folder.path(), &["probe", "list"]);
    assert_eq!(said, "");
    // What is plugged into this machine is not known.
    if exit == 4 {
        assert!(
            printed.contains("no debug probe is plugged in"),
            "{printed}"
        );
    } else {
        assert!(printed.contains("in a bench file"), "{printed}");
    }
}
