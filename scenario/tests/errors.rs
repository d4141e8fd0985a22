//! Every error that a scenario file can give: a file that provokes it, and its message with file,
//! line, column, caret and help, kept in `snapshots/`.

use std::{fs, path::Path};

use twinbench_scenario::{FileError, Suite, file::Known};

fn broken() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios/_broken")
}

/// The names of the bench that the files mean.
fn journey() -> Known {
    let sensors = ["temperature", "humidity", "pressure"]
        .map(str::to_owned)
        .to_vec();
    let devices = ["devkit-01", "greenhouse-01", "roofWeatherDevice"];
    Known {
        devices: devices.map(|it| (it.to_owned(), sensors.clone())).into(),
        metrics: ["messages", "alerts", "dead-letters"]
            .map(str::to_owned)
            .into(),
    }
}

/// Reads a file of the folder as somebody in that folder would.
fn load(name: &str) -> Result<(), FileError> {
    let folder = broken();
    let mut read = |path: &Path| {
        fs::read_to_string(folder.join(path)).map_err(|cause| cause.kind().to_string())
    };
    for case in Suite::load(Path::new(name), &mut read)?.cases {
        case.check(&journey())?;
    }
    Ok(())
}

#[test]
fn every_broken_file_has_its_message() {
    let mut names: Vec<String> = fs::read_dir(broken())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            Path::new(name).extension().is_some_and(|it| it == "toml") && !name.starts_with('_')
        })
        .collect();
    names.sort();
    assert!(names.len() > 50);
    for name in names {
        let Err(error) = load(&name) else {
            panic!("{name} is taken");
        };
        let text = error.plain();
        assert!(error.position.is_some(), "{name} has no place:\n{text}");
        assert!(text.contains('^'), "{name} has no caret:\n{text}");
        insta::assert_snapshot!(name.trim_end_matches(".toml"), text);
    }
}

#[test]
fn a_file_that_is_not_there() {
    let error = load("nowhere.toml").unwrap_err();
    assert!(
        error
            .plain()
            .starts_with("error: nowhere.toml: the scenario file cannot be read")
    );
    assert!(error.help.unwrap().contains("fixtures/scenarios"));
}
