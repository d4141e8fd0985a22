//! Workers that die, answer late or twice, and work without an end.

use serde_json::{Value, json};
use twinbench_engine::{CompleteError, Failure, OrchestrationContext, work::Work};

use crate::common::{Bed, NOW, Way, functions, ledger, secs};

fn remote() -> Bed {
    let functions = functions()
        .orchestration("Far", |cx: OrchestrationContext, (): ()| async move {
            cx.activity::<Value>("Do", &1).await
        })
        .activity("Do", |_, input: i64| Ok(input));
    Bed::new(&functions, |it| it, Way::Worker)
}

/// Gives the next item to five workers that are all lost.
fn lose_five(bed: &mut Bed) {
    for loss in 1..=5 {
        bed.engine.run(bed.now);
        bed.commit();
        let work = bed.take().unwrap_or_else(|| panic!("loss {loss}"));
        let (token, now) = (work.token(), bed.now);
        assert!(bed.engine.lose(token, now), "loss {loss}");
        assert!(!bed.engine.lose(token, now), "once");
    }
}

/// Work that was lost five times fails, and whoever waits is told: orchestrators.
#[test]
fn an_orchestrator_that_was_lost_five_times_fails() {
    let mut bed = remote();
    bed.start("Far", "i", json!(null));
    lose_five(&mut bed);
    bed.run();
    assert_eq!(bed.failure("i").error_type, Failure::WORKER_LOST);
    assert!(bed.failure("i").error_message.contains('5'));
}

/// Activities: the orchestration is told.
#[test]
fn an_activity_that_was_lost_five_times_fails() {
    let mut bed = remote();
    bed.start("Far", "i", json!(null));
    bed.engine.run(bed.now);
    bed.commit();
    let work = bed.take().unwrap();
    assert!(matches!(work, Work::Orchestration(_)));
    bed.answer(work);
    lose_five(&mut bed);
    bed.run();
    assert_eq!(bed.failure("i").error_type, Failure::WORKER_LOST);
}

/// Operations: the batch that was lost fails, its callers are told, and what came after it is done.
#[test]
fn operations_that_were_lost_five_times_fail_and_others_go_on() {
    let functions =
        functions().orchestration("Call", |cx: OrchestrationContext, (): ()| async move {
            cx.call_entity::<()>(&ledger("a"), "write", json!(1)).await
        });
    let mut bed = Bed::new(&functions, |it| it.batch(2), Way::Worker);
    bed.start("Call", "i", json!(null));
    bed.engine.run(bed.now);
    bed.commit();
    let turn = bed.take().unwrap();
    bed.answer(turn);
    for line in 2..=4 {
        bed.signal(&ledger("a"), "write", json!(line));
    }
    lose_five(&mut bed);
    bed.finish();
    assert_eq!(bed.failure("i").error_type, Failure::WORKER_LOST);
    assert_eq!(
        bed.lines("a"),
        Some(vec![3, 4]),
        "the batch of two is given up, the others are not"
    );
}

/// A success in between begins the count anew.
#[test]
fn losses_are_counted_from_the_last_success() {
    let mut bed = remote();
    for round in 0..3 {
        bed.signal(&ledger("a"), "write", json!(round));
        for _ in 0..4 {
            bed.engine.run(bed.now);
            bed.commit();
            let work = bed.take().unwrap();
            assert!(bed.engine.lose(work.token(), bed.now));
        }
        bed.run();
    }
    assert_eq!(bed.lines("a"), Some(vec![0, 1, 2]));
}

/// Answers that come twice or late are refused and have no effect.
#[test]
fn second_and_late_answers_are_refused() {
    let mut bed = remote();
    bed.signal(&ledger("a"), "tell", json!(["b", 0, 2]));
    bed.engine.run(bed.now);
    bed.commit();
    let Some(Work::Entity(work)) = bed.take() else {
        panic!("there is work")
    };
    let epoch = twinbench_model::Epoch::new("1970-01-01T00:00:00Z".parse().unwrap());
    let result = bed.functions.operate(&work, bed.now, epoch);
    let (token, now) = (work.token, bed.now);
    assert_eq!(
        bed.engine.complete_activity(token, Ok(None), now),
        Err(CompleteError::OtherKind)
    );
    bed.engine
        .complete_entity(token, result.clone(), now)
        .unwrap();
    let again = bed.engine.complete_entity(token, result.clone(), now);
    assert_eq!(again, Err(CompleteError::UnknownToken));
    bed.finish();
    assert_eq!(bed.lines("b"), Some(vec![0, 1]));

    bed.signal(&ledger("a"), "tell", json!(["b", 2, 4]));
    bed.engine.run(bed.now);
    bed.commit();
    let late = bed.take().unwrap();
    assert!(bed.engine.abandon(late.token(), None, bed.now));
    let refused = bed.engine.complete_entity(late.token(), result, now);
    assert_eq!(refused, Err(CompleteError::UnknownToken));
    bed.finish();
    assert_eq!(bed.lines("b"), Some(vec![0, 1, 2, 3]));
    assert_eq!((bed.engine.out(), bed.engine.work_waiting()), (0, 0));
}

/// A turn that comes back after its orchestration was ended and its id used again changes nothing.
#[test]
fn a_turn_of_an_instance_that_is_no_more_is_refused() {
    let mut bed = remote();
    bed.start("Far", "i", json!(null));
    bed.engine.run(bed.now);
    bed.commit();
    let Some(Work::Orchestration(work)) = bed.take() else {
        panic!("there is work")
    };
    let now = bed.now;
    bed.engine.terminate("i", None, false, now).unwrap();
    assert_eq!(bed.engine.purge("i", false), 1);
    bed.start("Echo", "i", json!("new"));
    let epoch = twinbench_model::Epoch::new("1970-01-01T00:00:00Z".parse().unwrap());
    let result = bed.functions.orchestrate(&work, epoch);
    let late = bed.engine.complete_orchestration(work.token, result, now);
    assert_eq!(late, Err(CompleteError::UnknownToken));
    bed.finish();
    assert_eq!(bed.output("i"), json!("new"));
}

/// Abandoned work comes again, at the time that its worker named.
#[test]
fn abandoned_work_comes_again_at_its_time() {
    let mut bed = remote();
    bed.signal(&ledger("a"), "write", json!(1));
    bed.engine.run(bed.now);
    bed.commit();
    let work = bed.take().unwrap();
    let until = NOW + secs(5);
    assert!(bed.engine.abandon(work.token(), Some(until), bed.now));
    assert_eq!(bed.take(), None);
    assert_eq!(bed.engine.next_offer(), Some(until));
    bed.now = until;
    let again = bed.take().unwrap();
    bed.answer(again);
    assert_eq!(bed.lines("a"), Some(vec![1]));
}

/// Time that does not come to an end: the engine returns, and says that there is more to do at once.
#[test]
fn endless_work_at_one_instant_returns() {
    let functions = functions()
        .orchestration("Forever", |cx: OrchestrationContext, n: i64| async move {
            cx.continue_as_new(json!(n + 1));
            Ok(())
        })
        .orchestration("Impatient", |cx: OrchestrationContext, (): ()| async move {
            cx.timer(secs(0)).await?;
            if cx.virtual_now() == NOW {
                cx.continue_as_new(json!(null));
            }
            Ok(())
        });
    for what in ["entity", "Forever", "Impatient"] {
        let mut bed = Bed::new(&functions, |it| it.check_replays(false), Way::Here);
        match what {
            "entity" => bed.signal(&ledger("a"), "again", json!(null)),
            name => bed.start(
                name,
                "i",
                if name == "Forever" {
                    json!(0)
                } else {
                    json!(null)
                },
            ),
        }
        bed.engine.run(bed.now);
        assert_eq!(bed.engine.next_timer(), Some(NOW), "{what}");
        bed.restart();
        bed.engine.run(bed.now);
        assert_eq!(bed.engine.next_timer(), Some(NOW), "{what}");
        // Others are not kept from their turn.
        bed.signal(&ledger("b"), "write", json!(1));
        bed.engine.run(bed.now);
        assert_eq!(bed.lines("b"), Some(vec![1]), "{what}");
    }
}
