//! Going back in a session, and on from there another way.

use std::path::Path;

use super::{record, states};
use crate::common;
use twinbench::replay::{Timeline, again::compare_files};
use twinbench_model::{DeviceId, VirtualDuration, VirtualTime};
use twinbench_recording::{Reader, diff::Options};

fn timeline(folder: &Path) -> (Timeline, std::path::PathBuf) {
    let bench = common::fixture("journey.toml");
    let kept = record(&bench, &folder.join("first"), 60);
    let timeline = Timeline::of_recording(&kept.recording, &bench, &folder.join("line"), 1);
    (timeline.unwrap(), kept.recording)
}

#[test]
fn going_back_shows_the_state_that_was() {
    let folder = tempfile::tempdir().unwrap();
    let (mut line, recording) = timeline(folder.path());
    line.go_to(VirtualTime::from_secs(20)).unwrap();
    let then = line.session().entities();
    line.go_to(VirtualTime::from_secs(60)).unwrap();
    assert_eq!(
        line.session().entities(),
        states(&recording),
        "the end is the recorded one"
    );
    line.step_back(VirtualDuration::from_secs(40)).unwrap();
    assert_eq!(line.now(), VirtualTime::from_secs(20));
    assert_eq!(line.session().entities(), then);
    line.step_back(VirtualDuration::from_secs(3600)).unwrap();
    assert_eq!(line.now(), VirtualTime::ZERO);
    assert!(!line.is_branch());
}

#[test]
fn a_condition_is_run_to() {
    let folder = tempfile::tempdir().unwrap();
    let (mut line, _) = timeline(folder.path());
    let limit = VirtualTime::from_secs(60);
    let alert = line
        .run_to(limit, |event| event.kind == "connector")
        .unwrap()
        .unwrap();
    assert_eq!(&*alert.source, "devkit-01");
    assert!(line.now() > alert.time && line.now() < alert.time + VirtualDuration::from_millis(11));
    let before = line.now();
    line.step_back(VirtualDuration::from_secs(5)).unwrap();
    let again = line
        .run_to(limit, |event| event.kind == "connector")
        .unwrap();
    assert_eq!((again, line.now()), (Some(alert), before));
    assert_eq!(
        line.run_to(limit, |event| event.kind == "crash").unwrap(),
        None
    );
    assert_eq!(line.now(), limit);
}

#[test]
fn a_branch_has_everything_before_and_its_own_after() {
    let folder = tempfile::tempdir().unwrap();
    let (mut line, recording) = timeline(folder.path());
    let device = DeviceId::new("devkit-01").unwrap();
    let moment = VirtualTime::from_secs(30);
    line.go_to(moment).unwrap();
    line.set_sensor(&device, "temperature", -12.5).unwrap();
    assert!(line.is_branch());
    let mut branch = line.branch(&folder.path().join("branch")).unwrap();
    assert_eq!(branch.now(), moment);
    branch.run_until(VirtualTime::from_secs(60)).unwrap();
    let kept = branch.finish().unwrap().1;

    let parent = Reader::open(&kept.recording)
        .unwrap()
        .header()
        .parent
        .clone()
        .unwrap();
    assert_eq!((parent.how.as_str(), parent.at), ("branch", moment));
    assert!(
        parent.recording.ends_with("session.mcap"),
        "{}",
        parent.recording
    );
    let diff = compare_files(&recording, &kept.recording, &Options::default(), None).unwrap();
    let first = &diff.divergences[0];
    assert_eq!(
        (first.channel.as_str(), first.time),
        ("stimulus/devkit-01", moment)
    );
    assert!(
        diff.divergences.iter().all(|it| it.time >= moment),
        "{diff}"
    );
    let chain: Vec<_> = diff
        .causes
        .iter()
        .map(|n| &diff.divergences[*n].channel)
        .collect();
    assert!(chain.iter().any(|it| *it == "d2c/devkit-01"), "{chain:?}");
    assert!(
        chain.iter().any(|it| it.starts_with("entity/")),
        "{chain:?}"
    );

    // The timeline itself goes the same way, also when it goes back and on again.
    line.step_back(VirtualDuration::from_secs(10)).unwrap();
    line.go_to(VirtualTime::from_secs(60)).unwrap();
    assert_eq!(line.session().entities(), states(&kept.recording));
}
