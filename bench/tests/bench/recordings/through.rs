//! Recorded messages through hub, functions and engine: the recorded states come again.

use std::path::Path;

use super::{benches, record, states};
use crate::common;
use twinbench::{
    replay::{
        Plan, Replayed, bench,
        plan::Mapping,
        through::{roles, through},
    },
    session::{Kept, Session},
};
use twinbench_engine::ClientFaults;
use twinbench_model::{VirtualDuration, VirtualTime};
use twinbench_recording::{
    Entry, Reader,
    diff::{self, Diff},
};

/// Plays a recording by a plan; what came of it is below `folder`.
fn play(recording: &Path, plan: &Plan, folder: &Path) -> (Replayed, Kept) {
    let header = Reader::open(recording).unwrap().header().clone();
    let roles = roles(recording, plan).unwrap();
    let file = bench::for_roles(None, &header, &roles).unwrap();
    let options = common::options(Path::new("bench.toml"), folder, 1, false);
    let mut session = Session::open_in_memory(file, &options, ClientFaults::default()).unwrap();
    let played = through(&mut session, recording, plan, |_, _| true).unwrap();
    (played, session.finish().unwrap().1)
}

/// What differs in the channels of some kinds.
fn differs(left: &Path, right: &Path, kinds: &[&str]) -> Diff {
    let of = |path: &Path| {
        let kinds: Vec<String> = kinds.iter().map(|&kind| kind.to_owned()).collect();
        let entries = Reader::open(path).unwrap().entries();
        entries.filter(move |entry| {
            let kind = entry.as_ref().map(|entry: &Entry| entry.kind.to_string());
            kind.map_or(true, |kind| kinds.contains(&kind))
        })
    };
    diff::diff(of(left), of(right), &diff::Options::default()).unwrap()
}

#[test]
fn replay_of_each_bench_gives_the_recorded_states() {
    for path in benches() {
        let folder = tempfile::tempdir().unwrap();
        let kept = record(&path, &folder.path().join("first"), 120);
        let (played, again) = play(
            &kept.recording,
            &Plan::default(),
            &folder.path().join("again"),
        );
        assert!(played.messages > 0, "{}", path.display());
        assert_eq!(
            states(&kept.recording),
            states(&again.recording),
            "{}",
            path.display()
        );
        let kinds = ["d2c", "function", "entity", "connector"];
        let diff = differs(&kept.recording, &again.recording, &kinds);
        assert_eq!(diff.divergences, [], "{}: {diff}", path.display());
        assert!(diff.events[0] > played.messages);
    }
}

#[test]
fn the_kept_recording_gives_the_states_that_it_ends_with() {
    // Made by an earlier version of firmware and bench: what is in it holds whatever they become.
    let recording = common::fixture("../recordings/journey.mcap");
    let folder = tempfile::tempdir().unwrap();
    let (played, again) = play(&recording, &Plan::default(), folder.path());
    assert_eq!(played.messages, 66);
    assert_eq!(states(&recording), states(&again.recording));
}

/// Messages per device and the times of the first and the last.
fn sent(recording: &Path) -> std::collections::BTreeMap<String, (u64, VirtualTime, VirtualTime)> {
    let mut all = std::collections::BTreeMap::new();
    for entry in Reader::open(recording)
        .unwrap()
        .entries()
        .map(Result::unwrap)
    {
        if entry.kind == "d2c" {
            let (count, _, last) = all
                .entry(entry.source.to_string())
                .or_insert((0, entry.time, entry.time));
            *count += 1;
            *last = entry.time;
        }
    }
    all
}

#[test]
fn a_range_of_a_recording_with_other_ids() {
    let recording = common::fixture("../recordings/journey.mcap");
    let folder = tempfile::tempdir().unwrap();
    let mut ids = Mapping::default();
    ids.add("greenhouse-01=lab-7").unwrap();
    let plan = Plan {
        from: VirtualTime::from_secs(60),
        to: Some(VirtualTime::from_secs(120)),
        devices: vec!["green*".into()],
        ids,
        ..Plan::default()
    };
    let (played, kept) = play(&recording, &plan, folder.path());
    let sent = sent(&kept.recording);
    assert_eq!(sent.keys().collect::<Vec<_>>(), ["lab-7"]);
    let (count, first, last) = sent["lab-7"];
    assert_eq!((count, count), (played.messages, 12));
    assert!(first >= plan.from && last < plan.to.unwrap());
    let states = states(&kept.recording).to_string();
    assert!(
        states.contains("lab-7") && !states.contains("greenhouse-01"),
        "{states}"
    );
}

#[test]
fn loops_follow_one_another() {
    let recording = common::fixture("../recordings/journey.mcap");
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        loops: 3,
        devices: vec!["greenhouse-01".into()],
        ..Plan::default()
    };
    let (played, kept) = play(&recording, &plan, folder.path());
    assert_eq!(played.messages, 3 * 36);
    // The history is keyed by the device's own time: each loop has its own.
    let states = states(&kept.recording);
    let history = states[0]["state"]["historyData"].as_object().unwrap();
    assert_eq!(history.len(), 108, "ten minutes are kept");
}

#[test]
fn one_recording_as_many_devices() {
    let recording = common::fixture("../recordings/journey.mcap");
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        devices: vec!["greenhouse-01".into()],
        copies: Some(40),
        phase: VirtualDuration::from_secs(10),
        ..Plan::default()
    };
    let (played, kept) = play(&recording, &plan, folder.path());
    assert_eq!(played.messages, 40 * 36);
    let sent = sent(&kept.recording);
    assert_eq!(sent.len(), 40);
    let (first, last) = (sent["greenhouse-01-1"], sent["greenhouse-01-40"]);
    assert_eq!(last.1.since(first.1), VirtualDuration::from_secs(10));
    let states = states(&kept.recording);
    assert_eq!(states.as_array().unwrap().len(), 40);
}
