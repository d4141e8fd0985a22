//! Critical sections: locks, their order, and what is forbidden within.

use serde_json::{Value, json};
use twinbench_engine::{Failure, Functions, OrchestrationContext, Status};
use twinbench_model::EntityId;

use crate::common::{Bed, Ledger, each, functions, ledger, secs};

/// Locks what its input names, in that order, writes into each, waits for "Go", writes again.
async fn hold(
    cx: OrchestrationContext,
    (keys, line): (Vec<String>, i64),
) -> Result<Vec<i64>, Failure> {
    let ids: Vec<_> = keys.iter().map(|key| ledger(key)).collect();
    let section = cx.lock(ids.clone()).await?;
    for id in &ids {
        cx.call_entity::<()>(id, "write", json!(line)).await?;
    }
    cx.external_event::<Value>("Go").await?;
    for id in &ids {
        cx.call_entity::<()>(id, "write", json!(line + 1)).await?;
    }
    let seen = cx.call_entity(&ids[0], "get", json!(null)).await?;
    drop(section);
    Ok(seen)
}

fn sections() -> Functions {
    functions().orchestration("Hold", hold)
}

fn locked_by(bed: &Bed, key: &str) -> Option<String> {
    let view = bed.engine.entity(&ledger(key))?;
    view.locked_by.map(|owner| owner.to_string())
}

/// The lock set is sorted, without duplicates; one request travels entity to entity.
#[test]
fn check_09_locks_are_taken_in_order() {
    each(&sections(), |bed| {
        bed.start("Hold", "x", json!([["b"], 10]));
        bed.run();
        assert_eq!(locked_by(bed, "b").as_deref(), Some("x"));
        // Asks for c, b, a, b: gets a, stands at b, has not come to c.
        bed.start("Hold", "y", json!([["c", "b", "a", "b"], 20]));
        bed.run();
        assert_eq!(locked_by(bed, "a").as_deref(), Some("y"));
        assert_eq!(locked_by(bed, "b").as_deref(), Some("x"));
        assert_eq!(locked_by(bed, "c"), None);
        assert_eq!(bed.lines("a"), None, "nothing is called before the grant");
        bed.restart();
        assert_eq!(
            locked_by(bed, "a").as_deref(),
            Some("y"),
            "locks are durable"
        );
        bed.raise("x", "Go", json!(null));
        bed.run();
        assert_eq!(bed.output("x"), json!([10, 11]));
        for key in ["a", "b", "c"] {
            assert_eq!(locked_by(bed, key).as_deref(), Some("y"));
        }
        bed.raise("y", "Go", json!(null));
        bed.run();
        assert_eq!(bed.status("y"), Status::Completed);
        for key in ["a", "b", "c"] {
            assert_eq!(locked_by(bed, key), None, "{key}");
        }
    });
}

/// Orchestrations that lock the same entities in any order do not wait for each other for ever.
#[test]
fn check_09_opposite_orders_do_not_block() {
    each(&sections(), |bed| {
        for n in 0..10 {
            let keys = if n % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
            bed.start("Hold", &format!("i{n}"), json!([keys, n * 10]));
            bed.raise(&format!("i{n}"), "Go", json!(null));
        }
        bed.finish();
        for n in 0..10 {
            assert_eq!(bed.status(&format!("i{n}")), Status::Completed, "i{n}");
        }
        let lines = bed.lines("a").unwrap();
        assert_eq!(lines.len(), 20);
        for pair in lines.chunks(2) {
            assert_eq!(pair[0] + 1, pair[1], "nobody comes between: {lines:?}");
        }
    });
}

/// Other senders queue behind the lock; what its owner calls goes to the front of the queue.
#[test]
fn check_09_the_gate_and_the_front_of_the_queue() {
    each(&sections(), |bed| {
        bed.start("Hold", "x", json!([["a"], 10]));
        bed.run();
        for line in 1..=3 {
            bed.signal(&ledger("a"), "write", json!(line));
        }
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![10]), "they wait");
        let view = bed.engine.entity(&ledger("a")).unwrap();
        assert_eq!(view.backlog, 3);
        bed.restart();
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![10]), "also after a restart");
        bed.raise("x", "Go", json!(null));
        bed.run();
        assert_eq!(bed.output("x"), json!([10, 11]), "its calls came first");
        assert_eq!(bed.lines("a"), Some(vec![10, 11, 1, 2, 3]));
    });
}

/// Lock requests stand in line with operations.
#[test]
fn check_09_a_lock_request_waits_for_its_turn() {
    each(&sections(), |bed| {
        bed.start("Hold", "x", json!([["a"], 10]));
        bed.run();
        bed.signal(&ledger("a"), "write", json!(1));
        bed.run();
        bed.start("Hold", "y", json!([["a"], 20]));
        bed.run();
        bed.signal(&ledger("a"), "write", json!(2));
        bed.run();
        bed.raise("x", "Go", json!(null));
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![10, 11, 1, 20]));
        bed.raise("y", "Go", json!(null));
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![10, 11, 1, 20, 21, 2]));
    });
}

/// A lock whose owner was ended is released by the clean-up, and only that.
#[test]
fn check_09_orphans_are_released_by_the_clean_up() {
    each(&sections(), |bed| {
        bed.start("Hold", "x", json!([["a", "b"], 10]));
        bed.start("Hold", "y", json!([["c"], 20]));
        bed.run();
        bed.signal(&ledger("a"), "write", json!(1));
        let now = bed.now;
        bed.engine.terminate("x", None, false, now).unwrap();
        bed.finish();
        assert_eq!(bed.lines("a"), Some(vec![10]), "the known stuck lock");
        assert_eq!(bed.engine.clean_entities(true, false, now), (0, 0));
        bed.finish();
        assert_eq!(locked_by(bed, "a").as_deref(), Some("x"));
        assert_eq!(bed.engine.clean_entities(true, true, now), (0, 2));
        bed.finish();
        bed.restart();
        assert_eq!(locked_by(bed, "a"), None);
        assert_eq!(locked_by(bed, "b"), None);
        assert_eq!(locked_by(bed, "c").as_deref(), Some("y"), "its owner works");
        assert_eq!(bed.lines("a"), Some(vec![10, 1]));
        assert_eq!(bed.engine.clean_entities(true, true, now), (0, 0));
    });
}

/// Locks go back when an orchestration ends in any way of its own: by a failure, by a panic, by
/// beginning anew.
#[test]
fn check_09_the_end_of_the_orchestration_releases() {
    let functions =
        functions().orchestration("End", |cx: OrchestrationContext, how: String| async move {
            let _section = cx.lock([ledger("a"), ledger("b")]).await?;
            match how.as_str() {
                "failure" => return Err(Failure::new("Planned", "as asked")),
                "panic" => panic!("as asked"),
                "anew" => cx.continue_as_new(json!("well")),
                "activity" => cx.activity::<()>("NoSuchActivity", &()).await?,
                "too much" => {
                    let much = "x".repeat(1 << 20);
                    cx.call_entity::<()>(&ledger("a"), "nothing", json!(much))
                        .await?;
                }
                _ => {}
            }
            Ok(())
        });
    each(&functions, |bed| {
        for how in ["well", "failure", "panic", "anew", "activity", "too much"] {
            bed.start("End", how, json!(how));
            bed.finish();
            assert!(bed.status(how).is_final(), "{how}");
            assert_eq!(locked_by(bed, "a"), None, "{how}");
            assert_eq!(locked_by(bed, "b"), None, "{how}");
        }
        assert!(bed.failure("too much").error_message.contains("limit"));
    });
}

/// What an orchestrator tries within its critical section over a and b; says what came of it.
async fn act(cx: OrchestrationContext, what: String) -> Result<String, Failure> {
    let (a, b, c) = (ledger("a"), ledger("b"), ledger("c"));
    if what == "lock nothing" {
        return Ok(said(cx.lock([]).await.map(|_| ())));
    }
    if what == "call before the grant" {
        // The request for the locks is out, its answer is not there yet.
        let locking = cx.lock([a.clone()]);
        let mut locking = std::pin::pin!(locking);
        let early = std::future::poll_fn(|context| {
            let _ = locking.as_mut().poll(context);
            std::task::Poll::Ready(cx.call_entity::<()>(&a, "nothing", json!(null)))
        })
        .await;
        let early = said(early.await);
        drop(locking.await?);
        return Ok(early);
    }
    let section = cx.lock([a.clone(), b.clone()]).await?;
    if !cx.in_critical_section() {
        return Ok("not in its critical section".to_owned());
    }
    let result = match what.as_str() {
        "call a locked one" => cx.call_entity::<()>(&a, "nothing", json!(null)).await,
        "call both at once" => {
            let first = cx.call_entity::<()>(&a, "nothing", json!(null));
            let second = cx.call_entity::<()>(&b, "nothing", json!(null));
            first.await.and(second.await)
        }
        "call one after the other" => {
            cx.call_entity::<()>(&a, "nothing", json!(null)).await?;
            cx.call_entity::<()>(&a, "nothing", json!(null)).await
        }
        "call one twice at once" => {
            let first = cx.call_entity::<()>(&a, "nothing", json!(null));
            let second = cx.call_entity::<()>(&a, "nothing", json!(null)).await;
            first.await?;
            second
        }
        "call an unlocked one" => cx.call_entity::<()>(&c, "nothing", json!(null)).await,
        "signal a locked one" => cx.signal(&a, "nothing", json!(null)),
        "signal a locked one later" => {
            cx.signal_at(&a, "nothing", json!(null), cx.virtual_now() + secs(1))
        }
        "signal an unlocked one" => cx.signal(&c, "nothing", json!(null)),
        "lock again" => cx.lock([c.clone()]).await.map(|_| ()),
        "call a sub-orchestration" => cx.sub_orchestration::<Value>("Echo", &1).await.map(|_| ()),
        "start an orchestration" => {
            cx.start_orchestration("Echo", json!(1));
            Ok(())
        }
        "activity" => cx.activity::<Value>("Do", &1).await.map(|_| ()),
        "timer" => cx.timer(secs(1)).await,
        "event" => cx.external_event::<Value>("Go").await.map(|_| ()),
        other => panic!("{other}"),
    };
    // A forbidden act leaves the section as it was.
    cx.call_entity::<()>(&a, "nothing", json!(null)).await?;
    drop(section);
    if cx.in_critical_section() {
        return Ok("still in its critical section".to_owned());
    }
    cx.signal(&a, "nothing", json!(null))?;
    Ok(said(result))
}

fn said(result: Result<(), Failure>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(failure) => failure.error_type,
    }
}

/// Every row of the table in section 8.
#[test]
fn check_10_forbidden_acts_in_a_critical_section() {
    let functions = functions()
        .orchestration("Act", act)
        .activity("Do", |_, input: i64| Ok(input));
    each(&functions, |bed| {
        for (what, expected) in [
            ("call a locked one", "ok"),
            ("call both at once", "ok"),
            ("call one after the other", "ok"),
            ("call one twice at once", Failure::LOCKING_RULES),
            ("call an unlocked one", Failure::LOCKING_RULES),
            ("call before the grant", Failure::LOCKING_RULES),
            ("signal a locked one", Failure::LOCKING_RULES),
            ("signal a locked one later", Failure::LOCKING_RULES),
            ("signal an unlocked one", "ok"),
            ("lock again", Failure::LOCKING_RULES),
            ("lock nothing", "ArgumentException"),
            ("call a sub-orchestration", Failure::LOCKING_RULES),
            ("start an orchestration", "ok"),
            ("activity", "ok"),
            ("timer", "ok"),
            ("event", "ok"),
        ] {
            bed.start("Act", what, json!(what));
            bed.raise(what, "Go", json!(null));
            bed.finish();
            assert_eq!(bed.output(what), json!(expected), "{what}");
            for key in ["a", "b", "c"] {
                assert_eq!(locked_by(bed, key), None, "{what}: {key} stays locked");
            }
        }
        let state: Ledger = bed.engine.read(&ledger("c")).unwrap().read().unwrap();
        assert!(state.lines.is_empty());
    });
}

/// No rollback on error: what was done in the section stays.
#[test]
fn check_10_nothing_is_undone_when_a_section_fails() {
    let functions =
        functions().orchestration("Fail", |cx: OrchestrationContext, (): ()| async move {
            let section = cx.lock([ledger("a")]).await?;
            cx.call_entity::<()>(&ledger("a"), "write", json!(1))
                .await?;
            cx.call_entity::<()>(&ledger("a"), "throw", json!(1))
                .await?;
            drop(section);
            Ok(())
        });
    each(&functions, |bed| {
        bed.start("Fail", "i", json!(null));
        bed.finish();
        assert_eq!(bed.failure("i").error_type, "Planned");
        assert_eq!(bed.lines("a"), Some(vec![1]));
        assert_eq!(locked_by(bed, "a"), None);
        let id: EntityId = ledger("a");
        assert!(bed.engine.entity(&id).is_some());
    });
}
