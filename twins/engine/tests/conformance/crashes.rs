//! Crashes before and after each commit.

use serde_json::{Value, json};
use twinbench_engine::{Failure, OrchestrationContext, Status, work::EntityResult};

use crate::common::{Bed, NOW, WAYS, Way, functions, ledger, millis, secs};

/// Something of everything: an activity, a timer, a sub-orchestration, a lock, calls, signals, an
/// event, and a new beginning.
async fn journey(cx: OrchestrationContext, round: i64) -> Result<i64, Failure> {
    let doubled: i64 = cx.activity("Double", &round).await?;
    cx.timer(secs(1)).await?;
    let echoed: i64 = cx.sub_orchestration("Echo", &doubled).await?;
    let section = cx.lock([ledger("a"), ledger("b")]).await?;
    cx.call_entity::<()>(&ledger("a"), "write", json!(echoed))
        .await?;
    drop(section);
    cx.signal(&ledger("b"), "write", json!(echoed))?;
    let event: i64 = cx.external_event("Go").await?;
    cx.signal(&ledger("b"), "tell", json!(["c", event, event + 2]))?;
    if round < 2 {
        cx.continue_as_new(json!(round + 1));
    }
    Ok(event)
}

/// What can be seen in the end.
fn seen(bed: &Bed) -> Value {
    let instances: Vec<_> = bed
        .engine
        .instances()
        .filter(|it| it.id() == "i")
        .map(|it| json!([it.status(), it.output(), it.input()]))
        .collect();
    let children = || bed.engine.instances().filter(|it| it.id() != "i");
    assert!(children().all(|it| it.status() == Status::Completed));
    json!({
        "a": bed.lines("a"), "b": bed.lines("b"), "c": bed.lines("c"),
        "instances": instances, "children": children().count(),
        "next": bed.engine.next_timer(),
    })
}

/// Goes through the journey and crashes at the `crash`th boundary: the even ones are just after a
/// commit, the odd ones just before it. False when there are not so many.
fn go(bed: &mut Bed, crash: usize) -> bool {
    let mut boundary = 0;
    let mut crashed = false;
    // What clients were answered after a commit; they say it again when they were not.
    let (mut started, mut raised) = (false, 0);
    loop {
        if !started {
            bed.start("Journey", "i", json!(1));
        } else if raised < 2
            && bed.instance("i").input().map(|it| it.read().unwrap()) == Some(json!(raised + 1))
        {
            bed.raise("i", "Go", json!(10 * (raised + 1)));
        }
        let raising = started
            && raised < 2
            && bed.instance("i").input().map(|it| it.read().unwrap()) == Some(json!(raised + 1));
        bed.engine.run(bed.now);
        if let Some(work) = (bed.way != Way::Here).then(|| bed.take()).flatten() {
            bed.answer(work);
            bed.engine.run(bed.now);
        }
        for committed in [false, true] {
            if committed {
                bed.commit();
            }
            if boundary == crash {
                crashed = true;
                bed.crash();
            }
            boundary += 1;
            if crashed && boundary == crash + 1 && !committed {
                break;
            }
            if committed {
                started = true;
                raised += i32::from(raising);
            }
        }
        if bed.engine.out() > 0 || bed.engine.work_waiting() > 0 {
            continue;
        }
        match bed.engine.next_timer() {
            Some(due) => bed.now = bed.now.max(due),
            None if started && bed.status("i").is_final() => return crashed,
            None => {}
        }
        assert!(bed.now < NOW + secs(3600) && boundary < 1000, "it ends");
    }
}

/// A crash before a commit: as if it had not happened; after it: it has happened, once. At every
/// boundary of a journey through everything.
#[test]
fn check_15_crash_before_and_after_each_commit() {
    let functions = functions()
        .orchestration("Journey", journey)
        .activity("Double", |_, input: i64| Ok(input * 2));
    for way in WAYS.into_iter().filter(|way| *way != Way::Wayward) {
        let mut steady = Bed::new(&functions, |it| it, way);
        assert!(!go(&mut steady, usize::MAX));
        let expected = seen(&steady);
        assert_eq!(expected["a"], json!([2, 4]), "{way:?}");
        assert_eq!(expected["b"], json!([2, 4]), "{way:?}");
        assert_eq!(expected["c"], json!([10, 11, 20, 21]), "{way:?}");
        let mut crashes = 0;
        for crash in 0.. {
            let mut bed = Bed::new(&functions, |it| it, way);
            if !go(&mut bed, crash) {
                break;
            }
            assert_eq!(seen(&bed), expected, "{way:?}, boundary {crash}");
            crashes += 1;
        }
        assert!(crashes >= 6, "{way:?}: {crashes}");
    }
}

/// What was not committed was not acknowledged either: it is gone as a whole.
#[test]
fn check_15_before_the_commit_nothing_has_happened() {
    for way in WAYS {
        let mut bed = Bed::new(&functions(), |it| it, way);
        bed.signal(&ledger("a"), "write", json!(1));
        bed.run();
        bed.signal(&ledger("a"), "tell", json!(["b", 0, 3]));
        bed.start("Echo", "i", json!(1));
        bed.engine.run(bed.now);
        bed.crash();
        bed.finish();
        assert_eq!(bed.lines("a"), Some(vec![1]), "{way:?}");
        assert_eq!(bed.lines("b"), None, "{way:?}");
        assert!(bed.engine.instance("i").is_none(), "{way:?}");
    }
}

/// A worker has done its work and answered, and the crash takes the answer: the work comes again,
/// its effects count once, and the late answer of the first time is refused.
#[test]
fn check_15_an_answer_that_was_not_committed_is_asked_for_again() {
    let mut bed = Bed::new(&functions(), |it| it, Way::Worker);
    bed.signal(&ledger("a"), "tell", json!(["b", 0, 3]));
    bed.engine.run(bed.now);
    bed.commit();
    let first = bed.take().unwrap();
    bed.answer(first.clone());
    bed.engine.run(bed.now);
    bed.crash();
    bed.run();
    assert_eq!(bed.lines("b"), Some(vec![0, 1, 2]));
    let late = bed
        .engine
        .complete_entity(first.token(), EntityResult::default(), bed.now);
    assert!(late.is_err(), "{late:?}");
    bed.finish();
    assert_eq!(bed.lines("b"), Some(vec![0, 1, 2]));
}

/// Tokens are unlike those of earlier runs, also when those ended without a commit.
#[test]
fn check_15_tokens_of_an_earlier_run_are_refused() {
    let mut bed = Bed::new(&functions(), |it| it, Way::Worker);
    for key in ["a", "b"] {
        bed.signal(&ledger(key), "write", json!(1));
    }
    bed.engine.run(bed.now);
    bed.commit();
    let mut seen = std::collections::BTreeSet::new();
    for run in 0..4 {
        bed.engine.run(bed.now);
        if run % 2 == 0 {
            bed.commit();
        }
        let mut records = Vec::new();
        bed.engine.drain_records(&mut records);
        twinbench_engine::store::Store::commit(&mut bed.store, &records).unwrap();
        while let Some(work) = bed.take() {
            assert!(seen.insert(work.token()), "run {run}: {work:?}");
        }
        bed.crash();
        // Nothing that was asked for without a commit may repeat a token.
        while let Some(work) = bed.take() {
            assert!(seen.insert(work.token()), "run {run}: {work:?}");
        }
        bed.crash();
    }
    assert!(seen.len() >= 8, "{seen:?}");
}

/// Time passes while it is down: what has become due comes at once, each thing once.
#[test]
fn check_15_what_became_due_meanwhile_comes_once() {
    for way in WAYS {
        let mut bed = Bed::new(&functions(), |it| it, way);
        for n in 1..=5 {
            bed.signal(&ledger("a"), "later", json!([n, n * 100]));
        }
        bed.run();
        bed.restart();
        bed.now = NOW + millis(250);
        bed.run();
        bed.crash();
        assert_eq!(bed.lines("a"), Some(vec![1, 2]), "{way:?}");
        bed.now = NOW + secs(10);
        bed.run();
        bed.crash();
        bed.finish();
        assert_eq!(bed.lines("a"), Some(vec![1, 2, 3, 4, 5]), "{way:?}");
    }
}
