//! Ends and new beginnings: terminate, purge, restart, continue-as-new.

use serde_json::{Value, json};
use twinbench_engine::{
    Failure, Functions, InstanceError, InstanceQuery, OrchestrationContext, StartError,
    StartRequest, Status,
};

use crate::common::{Bed, NOW, each, functions, ledger, secs};

/// A tree of orchestrations that wait: a node makes so many children, those one fewer.
fn trees() -> Functions {
    functions()
        .orchestration("Node", |cx: OrchestrationContext, depth: i64| async move {
            let children: Vec<_> = (0..depth)
                .map(|_| cx.sub_orchestration::<Value>("Node", &(depth - 1)))
                .collect();
            if depth == 2 {
                cx.start_orchestration("Wait", json!(null));
            }
            let done = cx.external_event::<Value>("Go").await?;
            for child in children {
                child.await?;
            }
            Ok(done)
        })
        .orchestration("Wait", |cx: OrchestrationContext, _: Value| async move {
            cx.external_event::<Value>("Go").await
        })
}

fn count(bed: &Bed, status: Status) -> usize {
    let all = bed.engine.instances();
    all.filter(|it| it.status() == status).count()
}

/// Terminate: at once, output = reason; children only if recursive; running activities and others
/// that were started without waiting for them are not stopped.
#[test]
fn terminate_ends_one_or_all() {
    each(&trees(), |bed| {
        bed.start("Node", "i", json!(2));
        bed.run();
        // The node, its 2 children, their child each, and the one that goes its own way.
        assert_eq!(count(bed, Status::Running), 6);
        let now = bed.now;
        let reason = || Some(json!("enough").into());
        bed.engine.terminate("i", reason(), false, now).unwrap();
        assert_eq!(bed.status("i"), Status::Terminated, "at once");
        bed.run();
        assert_eq!(count(bed, Status::Terminated), 1);
        assert_eq!(bed.instance("i").output().unwrap().as_str(), "\"enough\"");

        bed.start("Node", "j", json!(2));
        bed.run();
        bed.engine.terminate("j", reason(), true, now).unwrap();
        bed.restart();
        bed.finish();
        assert_eq!(count(bed, Status::Terminated), 1 + 5, "j and those below");
        assert_eq!(
            count(bed, Status::Running),
            5 + 1,
            "and the one of its own way"
        );
        let ended = bed.engine.terminate("j", reason(), true, now);
        assert_eq!(ended, Err(InstanceError::Ended("j".into())));
        let unknown = bed.engine.terminate("k", reason(), true, now);
        assert_eq!(unknown, Err(InstanceError::Unknown("k".into())));
    });
}

/// The parent of a terminated sub-orchestration is told.
#[test]
fn the_parent_of_a_terminated_one_is_told() {
    let functions =
        trees().orchestration("Parent", |cx: OrchestrationContext, (): ()| async move {
            match cx.sub_orchestration::<Value>("Wait", &()).await {
                Ok(_) => Ok("done".to_owned()),
                Err(Failure { error_type, .. }) => Ok(error_type),
            }
        });
    each(&functions, |bed| {
        bed.start("Parent", "i", json!(null));
        bed.run();
        let mut all = bed.engine.instances();
        let child = all.find(|it| it.name() == "Wait").unwrap().id().to_owned();
        drop(all);
        let now = bed.now;
        bed.engine.terminate(&child, None, false, now).unwrap();
        bed.finish();
        assert_eq!(bed.output("i"), json!("OrchestrationTerminated"));
    });
}

/// An activity that was under way when its orchestration was ended is of no consequence.
#[test]
fn what_comes_after_the_end_is_dropped() {
    let functions = functions()
        .orchestration("Long", |cx: OrchestrationContext, (): ()| async move {
            let activity = cx.activity::<Value>("Do", &1);
            let timer = cx.timer(secs(5));
            let entity = cx.call_entity::<Value>(&ledger("a"), "get", json!(null));
            cx.external_event::<Value>("Go").await?;
            activity.await?;
            timer.await?;
            entity.await
        })
        .activity("Do", |_, n: i64| Ok(n));
    each(&functions, |bed| {
        bed.start("Long", "i", json!(null));
        bed.engine.run(bed.now);
        bed.commit();
        let now = bed.now;
        bed.engine.terminate("i", None, false, now).unwrap();
        bed.finish();
        let rows = bed.instance("i").history().len();
        bed.now = NOW + secs(10);
        bed.restart();
        bed.finish();
        assert_eq!(bed.status("i"), Status::Terminated);
        assert_eq!(bed.instance("i").history().len(), rows);
        assert_eq!(bed.engine.next_timer(), None, "its timer is not waited for");
        assert_eq!(bed.engine.work_waiting(), 0);
    });
}

/// A scheduled start that was ended, and even purged or replaced, does not come back at its time.
#[test]
fn an_ended_scheduled_start_stays_ended() {
    each(&trees(), |bed| {
        let scheduled = |id: &str| StartRequest {
            instance: Some(id.to_owned()),
            input: Some(json!("scheduled").into()),
            scheduled_start: Some(NOW + secs(10)),
            ..StartRequest::new("Echo")
        };
        let now = bed.now;
        for id in ["ended", "purged", "replaced", "kept"] {
            bed.engine.start_with(scheduled(id), now).unwrap();
        }
        bed.run();
        for id in ["ended", "purged", "replaced"] {
            assert_eq!(bed.status(id), Status::Pending);
            bed.engine.terminate(id, None, false, now).unwrap();
        }
        assert_eq!(bed.engine.purge("purged", false), 1);
        bed.start("Echo", "replaced", json!("new"));
        bed.run();
        bed.restart();
        bed.finish();
        bed.now = NOW + secs(20);
        bed.run();
        assert_eq!(bed.output("kept"), json!("scheduled"));
        assert_eq!(bed.status("ended"), Status::Terminated);
        assert!(bed.engine.instance("purged").is_none());
        assert_eq!(bed.output("replaced"), json!("new"));
    });
}

/// Purge: only what has ended; with filters; with sub-orchestrations.
#[test]
fn purge_with_filters_and_recursion() {
    each(&trees(), |bed| {
        bed.start("Node", "i", json!(2));
        bed.run();
        assert_eq!(bed.engine.purge("i", true), 0, "it is at work");
        let now = bed.now;
        bed.engine.terminate("i", None, true, now).unwrap();
        bed.run();
        assert_eq!(bed.engine.purge("i", true), 5);
        assert_eq!(bed.engine.purge("i", true), 0);
        bed.restart();
        assert_eq!(bed.engine.instances().count(), 1, "the one of its own way");

        for n in 0..6 {
            bed.now = NOW + secs(n);
            bed.start(
                if n % 2 == 0 { "Echo" } else { "Wait" },
                &format!("x{n}"),
                json!(n),
            );
            bed.run();
        }
        let query = InstanceQuery {
            created_from: Some(NOW + secs(1)),
            prefix: Some("x".to_owned()),
            ..InstanceQuery::default()
        };
        let until = InstanceQuery {
            created_to: Some(NOW + secs(3)),
            ..query.clone()
        };
        assert_eq!(
            bed.engine.purge_where(&until),
            1,
            "x2; x1 and x3 are at work"
        );
        let now = bed.now;
        bed.engine.terminate("x1", None, false, now).unwrap();
        let failed = InstanceQuery {
            status: vec![Status::Failed],
            ..query.clone()
        };
        assert_eq!(bed.engine.purge_where(&failed), 0);
        let terminated = InstanceQuery {
            status: vec![Status::Terminated, Status::Running],
            ..query.clone()
        };
        assert_eq!(bed.engine.purge_where(&terminated), 1, "x1");
        bed.restart();
        let left: Vec<_> = bed
            .engine
            .instances()
            .filter(|it| it.id().starts_with('x'))
            .map(|it| it.id().to_owned())
            .collect();
        assert_eq!(left, ["x0", "x3", "x4", "x5"]);
        // Nothing of them is left in the store.
        let text = format!(
            "{:?}",
            twinbench_engine::store::Store::load(&mut bed.store, twinbench_model::Table::Engine)
                .unwrap()
                .into_iter()
                .map(|row| String::from_utf8_lossy(&row.0).into_owned())
                .collect::<Vec<_>>()
        );
        assert!(!text.contains("x2") && !text.contains("x1"), "{text}");
    });
}

/// Restart: a new start with the same name, input, version and tags, in its place or beside it.
#[test]
fn restart_begins_with_the_same_input() {
    each(&trees(), |bed| {
        let request = StartRequest {
            instance: Some("i".to_owned()),
            input: Some(json!(5).into()),
            version: Some("1".to_owned()),
            tags: [("colour".to_owned(), "red".to_owned())].into(),
            ..StartRequest::new("Wait")
        };
        let now = bed.now;
        bed.engine.start_with(request, now).unwrap();
        bed.run();
        let refused = bed.engine.restart("i", false, now);
        assert_eq!(refused, Err(InstanceError::NotEnded("i".into())));
        let refused = bed.engine.restart("j", false, now);
        assert_eq!(refused, Err(InstanceError::Unknown("j".into())));
        bed.raise("i", "Go", json!("done"));
        bed.run();
        let before = bed.instance("i").execution().to_owned();
        assert_eq!(bed.engine.restart("i", false, now).unwrap(), "i");
        let beside = bed.engine.restart("i", true, now).unwrap();
        assert_ne!(beside, "i");
        bed.restart();
        bed.run();
        for id in ["i", beside.as_str()] {
            let it = bed.instance(id);
            assert_eq!(it.status(), Status::Running, "{id}");
            assert_ne!(it.execution(), before, "{id}");
            assert_eq!((it.name(), it.version()), ("Wait", Some("1")));
            assert_eq!(it.input().unwrap().as_str(), "5");
            assert_eq!(it.tags().get("colour").map(String::as_str), Some("red"));
            assert_eq!(it.output(), None, "nothing of the first run is left");
        }
    });
}

/// An id in use is refused, or taken over where the request says so; ended ones are replaced.
#[test]
fn ids_are_reused_as_asked() {
    each(&trees(), |bed| {
        bed.start("Wait", "i", json!(1));
        bed.run();
        let now = bed.now;
        let start = |replace: Vec<Status>| StartRequest {
            instance: Some("i".to_owned()),
            input: Some(json!(2).into()),
            replace,
            ..StartRequest::new("Wait")
        };
        let exists = Err(StartError::Exists("i".into()));
        assert_eq!(bed.engine.start_with(start(vec![]), now), exists);
        let others = vec![Status::Completed, Status::Suspended];
        assert_eq!(bed.engine.start_with(start(others), now), exists);
        bed.engine
            .start_with(start(vec![Status::Running]), now)
            .unwrap();
        bed.run();
        bed.restart();
        assert_eq!(bed.instance("i").input().unwrap().as_str(), "2");
        bed.raise("i", "Go", json!("done"));
        bed.run();
        assert_eq!(bed.output("i"), json!("done"));
        assert_eq!(bed.engine.start_with(start(vec![]), now), exists);
        bed.start("Wait", "i", json!(3));
        bed.run();
        assert_eq!(bed.instance("i").input().unwrap().as_str(), "3");
        assert_eq!(count(bed, Status::Running), 1);
    });
}

/// Continue-as-new: a fresh history, the same id, a new execution; external events that nobody
/// waited for are kept or dropped as asked, in their order.
#[test]
fn continue_as_new_with_events() {
    let functions = functions().orchestration(
        "Sum",
        |cx: OrchestrationContext, (sum, keep): (Vec<i64>, bool)| async move {
            let mut sum = sum;
            let next: i64 = cx.external_event("Add").await?;
            if next == 0 {
                return Ok(sum);
            }
            sum.push(next);
            cx.continue_as_new_with(json!([sum, keep]), keep, None);
            Ok(vec![])
        },
    );
    each(&functions, |bed| {
        bed.start("Sum", "i", json!([[], true]));
        for n in [1, 2, 3] {
            bed.raise("i", "Add", json!(n));
        }
        bed.run();
        let execution = bed.instance("i").execution().to_owned();
        bed.raise("i", "add", json!(4));
        bed.engine.run(bed.now);
        bed.restart();
        bed.raise("i", "ADD", json!(0));
        bed.run();
        assert_eq!(bed.output("i"), json!([1, 2, 3, 4]));
        assert_ne!(bed.instance("i").execution(), execution);
        let started = bed.history("i");
        let started = started.iter().filter(|it| *it == "ExecutionStarted");
        assert_eq!(started.count(), 1);

        // Dropped: those that came in the same turn, not those that come later.
        bed.start("Sum", "j", json!([[], false]));
        for n in [1, 2, 3] {
            bed.raise("j", "Add", json!(n));
        }
        bed.run();
        bed.raise("j", "Add", json!(4));
        bed.run();
        bed.raise("j", "Add", json!(0));
        bed.run();
        assert_eq!(bed.output("j"), json!([1, 4]));
    });
}

/// Answers for an earlier execution do not reach the new one.
#[test]
fn answers_for_an_earlier_execution_are_dropped() {
    let functions = functions()
        .orchestration(
            "Again",
            |cx: OrchestrationContext, first: bool| async move {
                if first {
                    drop(cx.timer(secs(5)));
                    drop(cx.call_entity::<Value>(&ledger("a"), "get", json!(null)));
                    drop(cx.sub_orchestration::<Value>("Slow", &1));
                    cx.continue_as_new(json!(false));
                    return Ok(0.0);
                }
                let from = cx.virtual_now();
                let timer = cx.timer(secs(10));
                let child = cx.sub_orchestration::<i64>("Slow", &20);
                timer.await?;
                let waited = cx.virtual_now().since(from).as_secs_f64();
                Ok(waited + child.await? as f64)
            },
        )
        .orchestration("Slow", |cx: OrchestrationContext, n: i64| async move {
            cx.timer(secs(1)).await?;
            Ok(n)
        });
    each(&functions, |bed| {
        bed.start("Again", "i", json!(true));
        bed.run();
        bed.restart();
        bed.finish();
        assert_eq!(bed.output("i"), json!(30.0));
    });
}

/// External events: by name without regard to case, first come first served, before and after
/// somebody waits, also over a restart.
#[test]
fn external_events_by_name() {
    let functions =
        functions().orchestration("Collect", |cx: OrchestrationContext, (): ()| async move {
            let a: i64 = cx.external_event("A").await?;
            let b: i64 = cx.external_event("b").await?;
            let second: i64 = cx.external_event("a").await?;
            Ok([a, b, second])
        });
    each(&functions, |bed| {
        bed.start("Collect", "i", json!(null));
        bed.raise("i", "B", json!(10));
        bed.raise("i", "a", json!(1));
        bed.run();
        bed.restart();
        bed.raise("i", "nobody waits for it", json!(0));
        bed.raise("i", "A", json!(2));
        bed.run();
        assert_eq!(bed.output("i"), json!([1, 10, 2]));
    });
}
