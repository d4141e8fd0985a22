//! Rewind: a failed orchestration goes on from before its failures.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::json;
use twinbench_engine::{
    Failure, Functions, InstanceError, OrchestrationContext, RetryPolicy, Status,
};

use crate::common::{Bed, each, functions, ledger, millis, secs};

/// An activity that fails until it is told to be well, and how often each one was done.
struct Patient {
    well: Arc<AtomicBool>,
    before: Arc<AtomicUsize>,
}

fn hospital() -> (Patient, Functions) {
    let patient = Patient {
        well: Arc::default(),
        before: Arc::default(),
    };
    let (well, before) = (Arc::clone(&patient.well), Arc::clone(&patient.before));
    let functions = functions()
        .activity("Before", move |_, n: i64| {
            before.fetch_add(1, Ordering::Relaxed);
            Ok(n + 1)
        })
        .activity("Sick", move |_, n: i64| {
            if well.load(Ordering::Relaxed) {
                Ok(n * 10)
            } else {
                Err(Failure::new("Planned", "as asked"))
            }
        })
        .orchestration("Work", |cx: OrchestrationContext, n: i64| async move {
            let n: i64 = cx.activity("Before", &n).await?;
            cx.timer(secs(1)).await?;
            cx.signal(&ledger("a"), "write", json!(n))?;
            // Ids that were made before the failure are known after the rewind.
            let section = cx.lock([ledger("l")]).await?;
            cx.call_entity::<()>(&ledger("l"), "write", json!(n))
                .await?;
            drop(section);
            let n: i64 = cx.activity("Sick", &n).await?;
            cx.call_entity::<()>(&ledger("l"), "write", json!(n))
                .await?;
            cx.activity::<i64>("Before", &n).await
        })
        .orchestration("Parent", |cx: OrchestrationContext, n: i64| async move {
            let well: i64 = cx.sub_orchestration("Echo", &n).await?;
            let sick: i64 = cx.sub_orchestration("Work", &well).await?;
            Ok(sick)
        })
        .orchestration(
            "Grandparent",
            |cx: OrchestrationContext, n: i64| async move {
                let (one, two) = (
                    cx.sub_orchestration::<i64>("Parent", &n),
                    cx.sub_orchestration::<i64>("Echo", &n),
                );
                Ok((one.await?, two.await?))
            },
        );
    (patient, functions)
}

fn rewind(bed: &mut Bed, id: &str) {
    let now = bed.now;
    bed.engine.rewind(id, Some("it is well now"), now).unwrap();
}

/// Failed activities are done again; what had succeeded is not.
#[test]
fn failed_activities_are_done_again() {
    for crash in [false, true] {
        let (patient, functions) = hospital();
        each(&functions, |bed| {
            patient.well.store(false, Ordering::Relaxed);
            bed.start("Work", "i", json!(1));
            bed.finish();
            assert_eq!(bed.failure("i").error_type, "Planned");
            let now = bed.now;
            let done = patient.before.load(Ordering::Relaxed);
            // Once while it is still sick: it fails again.
            rewind(bed, "i");
            bed.finish();
            assert_eq!(bed.failure("i").error_type, "Planned");
            patient.well.store(true, Ordering::Relaxed);
            rewind(bed, "i");
            assert_eq!(bed.status("i"), Status::Running);
            if crash {
                bed.restart();
            }
            bed.finish();
            assert_eq!(bed.output("i"), json!(21));
            assert_eq!(bed.instance("i").failure(), None);
            assert_eq!(bed.now, now, "its timer is not waited for again");
            assert_eq!(patient.before.load(Ordering::Relaxed), done + 1);
            assert_eq!(bed.lines("a").unwrap().last(), Some(&2));
            let refused = bed.engine.rewind("i", None, now);
            assert_eq!(
                refused,
                Err(InstanceError::NotFailed("i".into(), Status::Completed))
            );
            let refused = bed.engine.rewind("j", None, now);
            assert_eq!(refused, Err(InstanceError::Unknown("j".into())));
        });
    }
}

/// Signals that were sent before the failure are not sent again.
#[test]
fn effects_before_the_failure_are_not_repeated() {
    let (patient, functions) = hospital();
    each(&functions, |bed| {
        patient.well.store(false, Ordering::Relaxed);
        bed.start("Work", "i", json!(1));
        bed.finish();
        patient.well.store(true, Ordering::Relaxed);
        rewind(bed, "i");
        bed.finish();
        assert_eq!(bed.lines("a"), Some(vec![2]));
    });
}

/// Failed sub-orchestrations are rewound with their parents, those that had ended well are not,
/// wherever the process dies meanwhile.
#[test]
fn failed_sub_orchestrations_are_rewound() {
    for crash in 0..3 {
        let (patient, functions) = hospital();
        each(&functions, |bed| {
            patient.well.store(false, Ordering::Relaxed);
            bed.start("Grandparent", "i", json!(1));
            bed.finish();
            assert_eq!(bed.failure("i").error_type, "Planned");
            let all = bed.engine.instances().count();
            patient.well.store(true, Ordering::Relaxed);
            rewind(bed, "i");
            if crash == 1 {
                bed.restart();
            }
            bed.engine.run(bed.now);
            if crash == 2 {
                bed.restart();
            }
            bed.finish();
            assert_eq!(bed.output("i"), json!([21, 1]), "crash {crash}");
            assert_eq!(bed.engine.instances().count(), all, "none is made anew");
            for it in bed.engine.instances() {
                assert_eq!(it.status(), Status::Completed, "{}", it.name());
            }
            assert_eq!(bed.lines("a"), Some(vec![2]));
        });
    }
}

/// A failed sub-orchestration that was purged is made again.
#[test]
fn purged_sub_orchestrations_are_made_again() {
    let (patient, functions) = hospital();
    each(&functions, |bed| {
        patient.well.store(false, Ordering::Relaxed);
        bed.start("Parent", "i", json!(1));
        bed.finish();
        let child = bed
            .engine
            .instances()
            .find(|it| it.name() == "Work")
            .unwrap()
            .id()
            .to_owned();
        assert_eq!(bed.engine.purge(&child, false), 1);
        patient.well.store(true, Ordering::Relaxed);
        rewind(bed, "i");
        bed.restart();
        bed.finish();
        assert_eq!(bed.output("i"), json!(21));
        assert_eq!(bed.status(&child), Status::Completed, "under the same id");
        assert_eq!(
            bed.lines("a"),
            Some(vec![2, 2]),
            "it began from the beginning"
        );
    });
}

/// A sub-orchestration that was rewound by itself and has completed answers its parent's rewind.
#[test]
fn completed_sub_orchestrations_answer_once_more() {
    let (patient, functions) = hospital();
    each(&functions, |bed| {
        patient.well.store(false, Ordering::Relaxed);
        bed.start("Parent", "i", json!(1));
        bed.finish();
        let child = bed
            .engine
            .instances()
            .find(|it| it.name() == "Work")
            .unwrap()
            .id()
            .to_owned();
        patient.well.store(true, Ordering::Relaxed);
        rewind(bed, &child);
        bed.finish();
        assert_eq!(bed.output(&child), json!(21));
        assert_eq!(bed.status("i"), Status::Failed, "too late for it");
        rewind(bed, "i");
        bed.finish();
        assert_eq!(bed.output("i"), json!(21));
        assert_eq!(bed.lines("a"), Some(vec![2]));
    });
}

/// Known of the original: timers between the attempts of a retry policy stay in the history, so an
/// activity that had one cannot be rewound. It fails again, and says what does not fit.
#[test]
fn a_retried_activity_cannot_be_rewound() {
    let (patient, functions) = hospital();
    let functions =
        functions.orchestration("Retry", |cx: OrchestrationContext, n: i64| async move {
            let policy = RetryPolicy::new(2, millis(100));
            cx.activity_with_retry::<i64>("Sick", &n, policy).await
        });
    each(&functions, |bed| {
        patient.well.store(false, Ordering::Relaxed);
        bed.start("Retry", "i", json!(1));
        bed.finish();
        assert_eq!(bed.failure("i").error_type, "Planned");
        patient.well.store(true, Ordering::Relaxed);
        rewind(bed, "i");
        bed.finish();
        let failure = bed.failure("i");
        assert_eq!(failure.error_type, Failure::NON_DETERMINISTIC);
        assert!(failure.error_message.contains("a timer at"), "{failure}");
    });
}
