//! Re-execution: firmware and bench again with the recorded inputs give what was recorded.

use super::{benches, record};
use crate::common;
use twinbench::replay::run_again;
use twinbench_machine::Stimulus;
use twinbench_model::{DeviceId, VirtualDuration, VirtualTime};
use twinbench_recording::{Reader, diff::Options};

#[test]
fn each_bench_executes_again_without_a_difference() {
    for bench in benches() {
        let folder = tempfile::tempdir().unwrap();
        let kept = record(&bench, &folder.path().join("first"), 60);
        let out = folder.path().join("again");
        let again = run_again(
            &kept.recording,
            &bench,
            &out,
            1,
            &Options::default(),
            |_| {},
        )
        .unwrap();
        assert_eq!(again.diff.divergences, [], "{}", again.diff);
        assert_eq!(again.kept.digest, kept.digest, "byte for byte");
        assert_eq!(again.until, VirtualTime::from_secs(60));
        let parent = Reader::open(&again.kept.recording)
            .unwrap()
            .header()
            .parent
            .clone();
        assert_eq!(parent.unwrap().how, "re-execution");
    }
}

#[test]
fn what_was_done_from_outside_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let bench = common::fixture("journey.toml");
    let device = DeviceId::new("devkit-01").unwrap();
    let mut session = common::open(&bench, &folder.path().join("first"), 1, false);
    // Not on the grid of quanta.
    session.run_until(VirtualTime::from_millis(20_003)).unwrap();
    for pressed in [true, false] {
        let name = "a".to_owned();
        session
            .stimulate(&device, Stimulus::Button { name, pressed })
            .unwrap();
        session
            .run_until(session.now() + VirtualDuration::from_millis(107))
            .unwrap();
    }
    let quantity = "temperature".to_owned();
    session
        .stimulate(
            &device,
            Stimulus::Sensor {
                quantity,
                value: 40.0,
            },
        )
        .unwrap();
    session.run_until(VirtualTime::from_secs(45)).unwrap();
    let kept = session.finish().unwrap().1;

    let out = folder.path().join("again");
    let again = run_again(
        &kept.recording,
        &bench,
        &out,
        1,
        &Options::default(),
        |_| {},
    )
    .unwrap();
    assert_eq!(again.inputs, 3);
    assert_eq!(again.diff.divergences, [], "{}", again.diff);
    assert_eq!(again.kept.digest, kept.digest);
}
