//! Versions of orchestrations.

use serde_json::{Value, json};
use twinbench_engine::{
    Failure, Functions, OnMismatch, OrchestrationContext, StartRequest, Status, VersionMatch,
    work::Work,
};

use crate::common::{Bed, Way, each, functions};

fn versioned(own: &str, matching: VersionMatch, others: OnMismatch) -> Functions {
    functions()
        .orchestration("Tell", |cx: OrchestrationContext, (): ()| async move {
            Ok(cx.version())
        })
        .version(own, matching, others)
}

fn start(bed: &mut Bed, id: &str, version: Option<&str>) {
    let request = StartRequest {
        instance: Some(id.to_owned()),
        version: version.map(str::to_owned),
        ..StartRequest::new("Tell")
    };
    bed.engine.start_with(request, bed.now).unwrap();
    bed.run();
}

/// Match none, strict, current or older; reject waits, fail fails.
#[test]
fn versions_are_matched() {
    let versions = [None, Some("1.9"), Some("1.10"), Some("2.0")];
    for (matching, taken) in [
        (VersionMatch::None, [true, true, true, true]),
        (VersionMatch::Strict, [false, false, true, false]),
        (VersionMatch::CurrentOrOlder, [true, true, true, false]),
    ] {
        for others in [OnMismatch::Reject, OnMismatch::Fail] {
            let functions = versioned("1.10", matching, others);
            let mut bed = Bed::new(&functions, |it| it, Way::Here);
            for (n, version) in versions.into_iter().enumerate() {
                let id = format!("i{n}");
                start(&mut bed, &id, version);
                match (taken[n], others) {
                    (true, _) => assert_eq!(bed.output(&id), json!(version)),
                    (false, OnMismatch::Reject) => assert_eq!(bed.status(&id), Status::Pending),
                    (false, OnMismatch::Fail) => {
                        let failure = bed.failure(&id);
                        assert_eq!(failure.error_type, "VersionMismatch");
                        assert!(failure.error_message.contains("1.10"), "{failure}");
                    }
                }
            }
        }
    }
}

/// What this process rejects is offered to workers, with its version, and survives a restart.
#[test]
fn another_version_waits_for_another_worker() {
    let functions = versioned("1", VersionMatch::Strict, OnMismatch::Reject);
    let mut bed = Bed::new(&functions, |it| it, Way::Here);
    let request = StartRequest {
        instance: Some("i".to_owned()),
        version: Some("2".to_owned()),
        ..StartRequest::new("Tell")
    };
    bed.engine.start_with(request, bed.now).unwrap();
    bed.engine.run(bed.now);
    bed.restart();
    bed.engine.run(bed.now);
    bed.commit();
    let none = bed
        .engine
        .take_work(&mut |_, _, version| version == Some("1"), bed.now);
    assert_eq!(none, None);
    let work = bed
        .engine
        .take_work(&mut |_, _, version| version == Some("2"), bed.now);
    let Some(Work::Orchestration(work)) = work else {
        panic!("{work:?}")
    };
    bed.functions = versioned("2", VersionMatch::Strict, OnMismatch::Reject);
    bed.answer(Work::Orchestration(work));
    assert_eq!(bed.output("i"), json!("2"));
}

/// A new beginning may be of another version; a restart keeps the version.
#[test]
fn a_new_beginning_may_change_the_version() {
    let functions = functions().orchestration(
        "Grow",
        |cx: OrchestrationContext, seen: Vec<String>| async move {
            let mut seen = seen;
            seen.push(cx.version().unwrap_or_default());
            if seen.len() < 3 {
                let next = (seen.len() == 1).then_some("2");
                cx.continue_as_new_with(json!(seen), true, next);
            }
            Ok(seen)
        },
    );
    each(&functions, |bed| {
        let request = StartRequest {
            instance: Some("i".to_owned()),
            version: Some("1".to_owned()),
            input: Some(json!([]).into()),
            ..StartRequest::new("Grow")
        };
        bed.engine.start_with(request, bed.now).unwrap();
        bed.run();
        assert_eq!(bed.output("i"), json!(["1", "2", "2"]));
        let now = bed.now;
        let again = bed.engine.restart("i", true, now).unwrap();
        assert_eq!(bed.instance(&again).version(), Some("2"));
        bed.run();
        let output: Result<Value, Failure> = bed.instance(&again).output().unwrap().read();
        assert!(output.is_ok());
    });
}
