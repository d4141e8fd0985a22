//! Orchestrators that do not do what they did before.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};
use twinbench_engine::{Engine, Failure, Functions, OrchestrationContext, Status};
use twinbench_model::VirtualDuration;

use crate::common::{Bed, NOW, Way, functions, ledger, secs};

/// What an orchestrator of this test does before it waits for "Go".
const ACTS: [&str; 8] = [
    "activity A",
    "activity B",
    "timer",
    "sub",
    "signal",
    "call",
    "lock",
    "event",
];

fn acting(acts: Vec<&'static str>) -> Functions {
    functions()
        .activity("A", |_, (): ()| Ok(1))
        .activity("B", |_, (): ()| Ok(1))
        .orchestration("Act", move |cx: OrchestrationContext, (): ()| {
            let acts = acts.clone();
            async move {
                for act in acts {
                    match act {
                        "activity A" => cx.activity::<Value>("A", &()).await.map(|_| ())?,
                        "activity B" => cx.activity::<Value>("B", &()).await.map(|_| ())?,
                        "timer" => cx.timer(VirtualDuration::ZERO).await?,
                        "sub" => cx
                            .sub_orchestration::<Value>("Echo", &1)
                            .await
                            .map(|_| ())?,
                        "signal" => cx.signal(&ledger("s"), "nothing", json!(null))?,
                        "call" => cx.call_entity(&ledger("c"), "nothing", json!(null)).await?,
                        "lock" => drop(cx.lock([ledger("l")]).await?),
                        "event" => cx.send_event("nobody", "Hello", json!(null)),
                        other => panic!("{other}"),
                    }
                }
                cx.external_event::<Value>("Go").await
            }
        })
}

fn words(act: &str) -> &'static str {
    match act {
        "activity A" => "activity \"A\"",
        "activity B" => "activity \"B\"",
        "timer" => "a timer at",
        "sub" => "sub-orchestration \"Echo\"",
        "signal" => "signal \"nothing\" to @ledger@s",
        "call" => "call \"nothing\" of @ledger@c",
        "lock" => "locks of [@ledger@l]",
        "event" => "event \"Hello\" to \"nobody\"",
        other => panic!("{other}"),
    }
}

/// Action n must match history event n (type, name); the first one that differs is named: every
/// kind of action in place of every other.
#[test]
fn check_16_the_first_action_that_differs_is_named() {
    for before in ACTS {
        for after in ACTS {
            for way in [Way::Here, Way::Worker] {
                let mut bed = Bed::new(&acting(vec!["activity A", before]), |it| it, way);
                bed.start("Act", "i", json!(null));
                bed.finish();
                assert_eq!(bed.status("i"), Status::Running);
                bed.change(acting(vec!["activity A", after]));
                bed.raise("i", "Go", json!("done"));
                bed.finish();
                if before == after {
                    assert_eq!(bed.output("i"), json!("done"), "{way:?} {before}");
                    continue;
                }
                let failure = bed.failure("i");
                assert_eq!(failure.error_type, Failure::NON_DETERMINISTIC);
                for part in ["action 1", words(before), words(after)] {
                    assert!(
                        failure.error_message.contains(part),
                        "{way:?}, {before} then {after}: {part:?} is not in {failure}"
                    );
                }
            }
        }
    }
}

/// One action more, one less, and another input, which is no difference in the original.
#[test]
fn check_16_more_and_fewer_actions() {
    for (before, after, said) in [
        (vec!["signal"], vec![], Some("asked for nothing")),
        (vec![], vec!["signal"], Some("the history has nothing")),
        (vec!["signal"; 3], vec!["signal"; 2], Some("action 2")),
        (vec!["call", "sub"], vec!["call", "sub"], None),
    ] {
        let mut bed = Bed::new(&acting(before.clone()), |it| it, Way::Here);
        bed.start("Act", "i", json!(null));
        bed.finish();
        bed.change(acting(after.clone()));
        bed.raise("i", "Go", json!("done"));
        bed.finish();
        match said {
            Some(said) => {
                let failure = bed.failure("i");
                assert_eq!(failure.error_type, Failure::NON_DETERMINISTIC);
                assert!(failure.error_message.contains(said), "{failure}");
            }
            None => assert_eq!(bed.output("i"), json!("done")),
        }
    }
}

/// What it did before it failed is in its history; nothing of the turn that differed is done.
#[test]
fn check_16_the_turn_that_differs_has_no_effect() {
    let mut bed = Bed::new(&acting(vec!["activity A"]), |it| it, Way::Here);
    bed.start("Act", "i", json!(null));
    bed.finish();
    bed.change(acting(vec!["signal", "call"]));
    bed.raise("i", "Go", json!("done"));
    bed.finish();
    assert_eq!(bed.status("i"), Status::Failed);
    assert_eq!(bed.lines("s"), None);
    assert_eq!(bed.lines("c"), None);
}

fn caught(orchestrate: impl Fn() -> Functions) -> Failure {
    let mut engine = Engine::builder()
        .functions(orchestrate())
        .check_replays(true)
        .build();
    engine.start("Act", Some("i"), json!(null), NOW).unwrap();
    engine.run(NOW);
    engine.run(NOW + secs(1));
    let instance = engine.instance("i").unwrap();
    assert_eq!(instance.status(), Status::Failed, "it is not caught");
    instance.failure().unwrap().clone()
}

/// A clock, random numbers and global state show when a turn is run twice and compared.
#[test]
fn check_16_clocks_and_random_numbers_are_caught() {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let by_clock = || {
        functions().orchestration("Act", |cx: OrchestrationContext, (): ()| async move {
            #[expect(clippy::disallowed_methods, reason = "what is to be caught")]
            let nanos = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_nanos();
            cx.activity::<Value>("A", &nanos.to_string()).await
        })
    };
    let by_chance = || {
        functions().orchestration("Act", |cx: OrchestrationContext, (): ()| async move {
            let number = DRAWN.fetch_add(1, Ordering::Relaxed);
            cx.timer(VirtualDuration::from_nanos(number)).await?;
            Ok(number)
        })
    };
    let by_result = || {
        functions().orchestration("Act", |_: OrchestrationContext, (): ()| async move {
            Ok(DRAWN.fetch_add(1, Ordering::Relaxed))
        })
    };
    for failure in [caught(by_clock), caught(by_chance), caught(by_result)] {
        assert_eq!(failure.error_type, Failure::NON_DETERMINISTIC);
        assert!(failure.error_message.contains("only through its context"));
    }
}

/// A future that is none of the context's would never be woken: it is caught at once, and so is
/// one beside a future of the context.
#[test]
fn check_16_foreign_futures_are_caught() {
    let foreign = || {
        functions().orchestration("Act", |_: OrchestrationContext, (): ()| async move {
            std::future::pending::<()>().await;
            Ok(())
        })
    };
    let failure = caught(foreign);
    assert_eq!(failure.error_type, Failure::NON_DETERMINISTIC);
    assert!(failure.error_message.contains("await"), "{failure}");

    // Another thread's answer is not there in the first run of the turn and may be in the second.
    let answered = Arc::new(AtomicU64::new(0));
    let beside = move || {
        let answered = Arc::clone(&answered);
        functions().orchestration("Act", move |cx: OrchestrationContext, (): ()| {
            let answered = Arc::clone(&answered);
            async move {
                let mut timer = std::pin::pin!(cx.timer(secs(1)));
                std::future::poll_fn(|context| {
                    if answered.fetch_add(1, Ordering::Relaxed) > 0 {
                        return std::task::Poll::Ready(());
                    }
                    timer.as_mut().poll(context).map(|_| ())
                })
                .await;
                Ok(())
            }
        })
    };
    assert_eq!(caught(beside).error_type, Failure::NON_DETERMINISTIC);
}

/// The context's time, GUIDs and events are the same on every replay.
#[test]
fn check_16_what_the_context_gives_is_the_same_on_every_replay() {
    let functions =
        functions().orchestration("Act", |cx: OrchestrationContext, (): ()| async move {
            let (time, guid) = (cx.virtual_now(), cx.new_guid());
            cx.timer(secs(1)).await?;
            let echoed: (u64, String) = cx
                .sub_orchestration("Echo", &(time.as_nanos(), &guid))
                .await?;
            let later = cx.virtual_now();
            Ok((
                echoed == (time.as_nanos(), guid),
                later.since(time) == secs(1),
            ))
        });
    crate::common::each(&functions, |bed| {
        bed.start("Act", "i", json!(null));
        bed.run();
        bed.restart();
        bed.finish();
        assert_eq!(bed.output("i"), json!([true, true]));
    });
}
