//! Suspend and resume.

use serde_json::json;
use twinbench_engine::{InstanceError, OrchestrationContext, Status};

use crate::common::{Bed, NOW, each, functions, ledger, secs};

fn suspend(bed: &mut Bed, id: &str) {
    let now = bed.now;
    let reason = Some(json!("a pause").into());
    bed.engine.suspend(id, reason, now).unwrap();
}

fn resume(bed: &mut Bed, id: &str) {
    let now = bed.now;
    bed.engine.resume_instance(id, None, now).unwrap();
}

/// Events are buffered in their order, timers and results too; only resume and terminate are
/// processed.
#[test]
fn check_18_suspended_orchestrations_buffer() {
    let functions =
        functions().orchestration("Collect", |cx: OrchestrationContext, (): ()| async move {
            let timer = cx.timer(secs(5));
            let mut seen: Vec<i64> = Vec::new();
            for _ in 0..3 {
                let n: i64 = cx.external_event("Go").await?;
                cx.signal(&ledger("a"), "write", json!(n))?;
                seen.push(n);
            }
            timer.await?;
            seen.push(cx.virtual_now().since(NOW).as_secs_f64() as i64);
            Ok(seen)
        });
    each(&functions, |bed| {
        bed.start("Collect", "i", json!(null));
        bed.raise("i", "Go", json!(1));
        bed.run();
        suspend(bed, "i");
        bed.run();
        assert_eq!(bed.status("i"), Status::Suspended);
        bed.raise("i", "Go", json!(2));
        bed.run();
        bed.restart();
        bed.raise("i", "Go", json!(3));
        bed.run_until(NOW + secs(10));
        assert_eq!(bed.status("i"), Status::Suspended);
        assert_eq!(bed.lines("a"), Some(vec![1]), "nothing is done meanwhile");
        bed.restart();
        resume(bed, "i");
        bed.finish();
        assert_eq!(bed.output("i"), json!([1, 2, 3, 10]));
        assert_eq!(bed.lines("a"), Some(vec![1, 2, 3]));
    });
}

/// Pending actions are held: what the code asks for in the turn in which it is suspended is done
/// after it is resumed.
#[test]
fn check_18_actions_of_the_suspending_turn_are_held() {
    let functions =
        functions().orchestration("Tell", |cx: OrchestrationContext, (): ()| async move {
            let n: i64 = cx.external_event("Go").await?;
            cx.signal(&ledger("a"), "write", json!(n))?;
            Ok(n)
        });
    each(&functions, |bed| {
        bed.start("Tell", "i", json!(null));
        bed.run();
        bed.raise("i", "Go", json!(1));
        suspend(bed, "i");
        bed.run();
        assert_eq!(bed.status("i"), Status::Suspended);
        assert_eq!(bed.lines("a"), None, "the signal is held");
        bed.restart();
        bed.run();
        assert_eq!(bed.lines("a"), None);
        resume(bed, "i");
        bed.finish();
        assert_eq!(bed.output("i"), json!(1));
        assert_eq!(bed.lines("a"), Some(vec![1]));
    });
}

/// Suspended and resumed in one turn, twice, and before its first turn.
#[test]
fn check_18_pauses_in_one_turn_and_before_the_first() {
    let functions =
        functions().orchestration("Collect", |cx: OrchestrationContext, (): ()| async move {
            let first: i64 = cx.external_event("Go").await?;
            let second: i64 = cx.external_event("Go").await?;
            Ok([first, second])
        });
    each(&functions, |bed| {
        bed.start("Collect", "i", json!(null));
        suspend(bed, "i");
        bed.raise("i", "Go", json!(1));
        resume(bed, "i");
        suspend(bed, "i");
        bed.raise("i", "Go", json!(2));
        bed.run();
        assert_eq!(bed.status("i"), Status::Suspended);
        resume(bed, "i");
        bed.finish();
        assert_eq!(bed.output("i"), json!([1, 2]));
        let now = bed.now;
        let late = bed.engine.suspend("i", None, now);
        assert_eq!(late, Err(InstanceError::Ended("i".into())));
        let unknown = bed.engine.resume_instance("j", None, now);
        assert_eq!(unknown, Err(InstanceError::Unknown("j".into())));
    });
}

/// Terminate is processed while suspended.
#[test]
fn check_18_a_suspended_orchestration_can_be_terminated() {
    each(
        &functions().orchestration("Wait", |cx: OrchestrationContext, (): ()| async move {
            cx.external_event::<()>("Go").await
        }),
        |bed| {
            bed.start("Wait", "i", json!(null));
            bed.run();
            suspend(bed, "i");
            bed.run();
            bed.raise("i", "Go", json!(null));
            let now = bed.now;
            let output = Some(json!("enough").into());
            bed.engine.terminate("i", output, false, now).unwrap();
            bed.finish();
            assert_eq!(bed.status("i"), Status::Terminated);
            assert_eq!(bed.instance("i").output().unwrap().as_str(), "\"enough\"");
        },
    );
}

/// Answers of activities, sub-orchestrations and entities wait as well.
#[test]
fn check_18_answers_wait_as_well() {
    let functions = functions()
        .orchestration("Ask", |cx: OrchestrationContext, (): ()| async move {
            let activity = cx.activity::<i64>("One", &());
            let child = cx.sub_orchestration::<i64>("Slow", &2);
            let entity = cx.call_entity::<Vec<i64>>(&ledger("a"), "get", json!(null));
            Ok((activity.await?, child.await?, entity.await?.len()))
        })
        .orchestration("Slow", |cx: OrchestrationContext, n: i64| async move {
            cx.timer(secs(1)).await?;
            Ok(n)
        })
        .activity("One", |_, (): ()| Ok(1));
    each(&functions, |bed| {
        bed.start("Ask", "i", json!(null));
        bed.engine.run(bed.now);
        suspend(bed, "i");
        bed.finish();
        assert_eq!(bed.status("i"), Status::Suspended);
        bed.restart();
        resume(bed, "i");
        bed.finish();
        assert_eq!(bed.output("i"), json!([1, 2, 0]));
    });
}
