//! Retry policies, to the millisecond.

use serde_json::{Value, json};
use twinbench_engine::{
    Calls, EventKind, Failure, Functions, OrchestrationContext, RetryPolicy, Status,
};
use twinbench_model::VirtualTime;

use crate::common::{Bed, NOW, each, each_anew, functions, ledger, millis, secs};

/// An orchestration with an activity that fails until its instance has failed so often.
fn failing(policy: RetryPolicy, failures: usize) -> Functions {
    let tries = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    functions()
        .orchestration(
            "Retry",
            move |cx: OrchestrationContext, (): ()| async move {
                cx.activity_with_retry::<String>("Try", &(), policy).await
            },
        )
        .activity("Try", move |cx, (): ()| {
            let mut tries = tries.lock().unwrap();
            // The same attempt may be made again after a loss: it counts once.
            tries.insert(cx.idempotency_key());
            let own = tries
                .iter()
                .filter(|key| key.starts_with(&format!("{}:", cx.instance())))
                .count();
            if own > failures {
                return Ok("at last".to_owned());
            }
            Err(Failure::new("Planned", "as asked"))
        })
}

/// When each attempt was asked for and each timer fires, in milliseconds since the start.
fn times(bed: &Bed, id: &str) -> (Vec<f64>, Vec<f64>) {
    let since = |at: VirtualTime| at.since(NOW).as_nanos() as f64 / 1e6;
    let (mut attempts, mut timers) = (Vec::new(), Vec::new());
    for row in bed.instance(id).history().iter() {
        match &row.kind {
            EventKind::TaskScheduled { .. } => attempts.push(since(row.at)),
            EventKind::TimerCreated { fire_at } => timers.push(since(*fire_at)),
            _ => {}
        }
    }
    (attempts, timers)
}

/// delay = first × coef^k capped, k from 0; each wait is a durable timer; after the last failed
/// attempt a timer without delay follows.
#[test]
fn check_17_retry_delays_to_the_millisecond() {
    let policy = |attempts, first, backoff, longest: Option<u64>| RetryPolicy {
        backoff,
        max_interval: longest.map(millis),
        ..RetryPolicy::new(attempts, millis(first))
    };
    let table: [(RetryPolicy, &[f64]); 7] = [
        (policy(1, 1000, 1.0, None), &[0.0]),
        (policy(4, 1000, 1.0, None), &[0.0, 1000.0, 2000.0, 3000.0]),
        (
            policy(5, 100, 2.0, None),
            &[0.0, 100.0, 300.0, 700.0, 1500.0],
        ),
        (
            policy(5, 100, 2.0, Some(250)),
            &[0.0, 100.0, 300.0, 550.0, 800.0],
        ),
        (policy(4, 290, 3.0, None), &[0.0, 290.0, 1160.0, 3770.0]),
        (policy(4, 1001, 1.5, None), &[0.0, 1001.0, 2502.5, 4754.75]),
        (policy(4, 700, 0.1, None), &[0.0, 700.0, 770.0, 777.0]),
    ];
    for (policy, expected) in table {
        each_anew(
            || failing(policy, 100),
            |bed| {
                bed.start("Retry", "i", json!(null));
                bed.finish();
                assert_eq!(bed.failure("i").error_type, "Planned", "the last failure");
                let (attempts, timers) = times(bed, "i");
                assert_eq!(attempts, expected, "{policy:?}");
                let mut waits = expected[1..].to_vec();
                waits.push(expected[expected.len() - 1]);
                assert_eq!(timers, waits, "the last one has no delay: {policy:?}");
                assert_eq!(
                    bed.now,
                    NOW + millis(expected[expected.len() - 1] as u64) + {
                        let part = expected[expected.len() - 1].fract();
                        twinbench_model::VirtualDuration::from_nanos((part * 1e6) as u64)
                    }
                );
            },
        );
    }
}

/// A success ends it, without a timer after it.
#[test]
fn check_17_a_success_ends_it() {
    let policy = RetryPolicy::new(5, millis(10));
    each_anew(
        || failing(policy, 2),
        |bed| {
            bed.start("Retry", "i", json!(null));
            bed.run();
            bed.restart();
            bed.finish();
            assert_eq!(bed.output("i"), json!("at last"));
            let (attempts, timers) = times(bed, "i");
            assert_eq!((attempts.len(), timers), (3, vec![10.0, 20.0]));
        },
    );
}

/// No new attempt once now >= first attempt + timeout.
#[test]
fn check_17_the_timeout_ends_it() {
    // It is looked at when an attempt has failed: the wait that begins in time is waited out.
    for (timeout, last) in [
        (2999, 3),
        (3000, 3),
        (3001, 4),
        (1, 1),
        (1000, 1),
        (1001, 2),
    ] {
        let policy = RetryPolicy {
            timeout: Some(millis(timeout)),
            ..RetryPolicy::new(10, millis(1000))
        };
        each_anew(
            || failing(policy, 100),
            |bed| {
                bed.start("Retry", "i", json!(null));
                bed.finish();
                let expected: Vec<_> = (0..=last).map(|n| f64::from(n) * 1000.0).collect();
                assert_eq!(times(bed, "i").0, expected, "{timeout} ms");
            },
        );
    }
}

/// A handler and a failure that says that it is useless end it at once.
#[test]
fn check_17_failures_that_are_not_worth_it() {
    let policy = RetryPolicy {
        handle: Some(|failure| failure.error_type != "Planned"),
        ..RetryPolicy::new(5, millis(10))
    };
    each_anew(
        || failing(policy, 100),
        |bed| {
            bed.start("Retry", "i", json!(null));
            bed.finish();
            assert_eq!(times(bed, "i"), (vec![0.0], vec![0.0]));
        },
    );
    let functions = functions()
        .orchestration("Retry", |cx: OrchestrationContext, (): ()| async move {
            cx.activity_with_retry::<()>("Try", &(), RetryPolicy::new(5, millis(10)))
                .await
        })
        .activity("Try", |_, (): ()| {
            Err::<(), _>(Failure::new("Planned", "as asked").final_one())
        });
    each(&functions, |bed| {
        bed.start("Retry", "i", json!(null));
        bed.finish();
        assert_eq!(times(bed, "i"), (vec![0.0], vec![0.0]));
    });
}

/// Sub-orchestrations are tried again in the same way.
#[test]
fn check_17_sub_orchestrations_too() {
    let functions = functions()
        .orchestration("Parent", |cx: OrchestrationContext, (): ()| async move {
            let calls = Calls {
                retry: Some(RetryPolicy {
                    backoff: 2.0,
                    ..RetryPolicy::new(3, secs(1))
                }),
                ..Calls::default()
            };
            cx.sub_orchestration_with::<Value>("Child", &(), &calls)
                .await
        })
        .orchestration("Child", |cx: OrchestrationContext, (): ()| async move {
            cx.call_entity::<()>(
                &ledger("tries"),
                "write",
                json!(cx.virtual_now().as_nanos()),
            )
            .await?;
            Err::<(), _>(Failure::new("Planned", "as asked"))
        });
    each(&functions, |bed| {
        bed.start("Parent", "i", json!(null));
        bed.finish();
        assert_eq!(bed.failure("i").error_type, "Planned");
        let at = |secs: u64| (NOW + crate::common::secs(secs)).as_nanos() as i64;
        assert_eq!(bed.lines("tries"), Some(vec![at(0), at(1), at(3)]));
        let children = bed.engine.instances().filter(|it| it.name() == "Child");
        assert_eq!(
            children.filter(|it| it.status() == Status::Failed).count(),
            3
        );
    });
}
