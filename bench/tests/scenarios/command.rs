//! Calling the command.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What a call gave.
pub(crate) struct Call {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) errors: String,
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios")
}

/// Runs `twinbench` in `folder`.
pub(crate) fn twinbench(folder: &Path, arguments: &[&str]) -> Call {
    let output = Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("GITHUB_STEP_SUMMARY")
        .output()
        .unwrap();
    Call {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `twinbench test` on a fixture with these further arguments.
pub(crate) fn test(folder: &Path, name: &str, more: &[&str]) -> Call {
    let path = fixtures().join(name);
    let mut arguments = vec!["test", path.to_str().unwrap()];
    arguments.extend(more);
    twinbench(folder, &arguments)
}

/// A bench with one simulated device and a scenario of this text, in a folder of their own.
pub(crate) fn own(scenario: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let bench = "version = 1\nname = \"b\"\nepoch = \"2026-01-01T00:00:00Z\"\n\
                 [[device]]\nid = \"d\"\nbackend = \"simulated\"\ninterval = \"1s\"\n\
                 configuration = { temperatureHighThreshold = 35.0 }\n[[app]]\nkind = \"serverless-iot\"\n";
    std::fs::write(folder.path().join("b.bench"), bench).unwrap();
    let head = "version = 1\nbench = \"b.bench\"\n";
    std::fs::write(folder.path().join("s.toml"), format!("{head}{scenario}")).unwrap();
    folder
}
