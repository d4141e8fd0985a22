//! What orchestrators do: activities, timers, external events, failures, replay.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use twinbench_engine::{
    Builder, CompleteError, Engine, EventKind, Failure, HistoryEvent, Instance, InstanceError,
    Json, OrchestrationContext, RetryPolicy, StartError, Status,
    orchestration::{Either, all, either},
    work::{ActivityWork, Work},
};
use twinbench_model::{VirtualDuration, VirtualTime};

const NOW: VirtualTime = VirtualTime::from_secs(100);

fn secs(secs: u64) -> VirtualDuration {
    VirtualDuration::from_secs(secs)
}

/// Starts `name` as instance `i` and runs until nothing is left to do, through every timer.
fn run(engine: &mut Engine, name: &str, input: Value) {
    engine.start(name, Some("i"), input, NOW).unwrap();
    engine.run(NOW);
    while let Some(due) = engine.next_timer() {
        engine.run(due);
    }
}

fn instance(engine: &Engine) -> &Instance {
    engine.instance("i").unwrap()
}

fn take(engine: &mut Engine) -> Option<ActivityWork> {
    match engine.take_work(&mut |_, _, _| true, NOW)? {
        Work::Activity(work) => Some(work),
        other => panic!("not an activity: {other:?}"),
    }
}

fn output(engine: &Engine) -> &str {
    instance(engine).output().expect("it is completed").as_str()
}

/// The history's types, in short.
fn history(engine: &Engine) -> Vec<String> {
    let short = |event: &HistoryEvent| {
        let text = serde_json::to_value(&event.kind).unwrap();
        match text {
            Value::String(name) => name,
            Value::Object(map) => map.keys().next().unwrap().clone(),
            other => panic!("{other}"),
        }
    };
    instance(engine).history().iter().map(short).collect()
}

#[test]
fn activities_one_after_the_other() {
    let mut engine = Engine::builder()
        .orchestration("Chain", |cx: OrchestrationContext, input: i64| async move {
            let doubled: i64 = cx.activity("Double", &input).await?;
            cx.activity::<i64>("Double", &doubled).await
        })
        .activity("Double", |_, input: i64| Ok(input * 2))
        .build();
    run(&mut engine, "Chain", json!(5));
    assert_eq!(output(&engine), "20");
    assert_eq!(
        history(&engine),
        [
            "OrchestratorStarted",
            "ExecutionStarted",
            "TaskScheduled",
            "OrchestratorCompleted",
            "OrchestratorStarted",
            "TaskCompleted",
            "TaskScheduled",
            "OrchestratorCompleted",
            "OrchestratorStarted",
            "TaskCompleted",
            "ExecutionCompleted",
            "OrchestratorCompleted",
        ]
    );
}

#[test]
fn activities_side_by_side_keep_their_order() {
    let mut engine = Engine::builder()
        .orchestration(
            "Fan",
            |cx: OrchestrationContext, input: Vec<i64>| async move {
                all(input
                    .iter()
                    .map(|n| cx.activity::<i64>("Double", n))
                    .collect())
                .await
            },
        )
        .activity("Double", |_, input: i64| Ok(input * 2))
        .build();
    run(&mut engine, "Fan", json!([3, 1, 2]));
    assert_eq!(output(&engine), "[6,2,4]");
}

#[test]
fn a_failing_activity_may_be_caught_or_fails_the_orchestration() {
    let mut engine = Engine::builder()
        .orchestration(
            "Careless",
            |cx: OrchestrationContext, _: Value| async move {
                cx.activity::<Value>("Fail", &json!(null)).await
            },
        )
        .orchestration("Careful", |cx: OrchestrationContext, _: Value| async move {
            match cx.activity::<Value>("Fail", &json!(null)).await {
                Ok(_) => Ok("done".to_owned()),
                Err(failure) => Ok(failure.error_message),
            }
        })
        .orchestration("Unheard", |cx: OrchestrationContext, _: Value| async move {
            cx.activity::<Value>("NoSuchActivity", &json!(null)).await
        })
        .activity("Fail", |_, _: Value| {
            Err::<Value, _>(Failure::new("Planned", "as asked"))
        })
        .build();
    run(&mut engine, "Careful", json!(null));
    assert_eq!(output(&engine), r#""as asked""#);
    run(&mut engine, "Careless", json!(null));
    assert_eq!(instance(&engine).status(), Status::Failed);
    assert_eq!(instance(&engine).failure().unwrap().error_type, "Planned");
    run(&mut engine, "Unheard", json!(null));
    assert_eq!(
        instance(&engine).failure().unwrap().error_type,
        "ActivityNotFound"
    );
}

#[test]
fn inputs_of_another_form_fail_where_they_are_read() {
    let mut engine = Engine::builder()
        .orchestration("Numbers", |_, input: i64| async move { Ok(input) })
        .build();
    run(&mut engine, "Numbers", json!("text"));
    assert_eq!(
        instance(&engine).failure().unwrap().error_type,
        "DeserializationError"
    );
}

#[test]
fn timers_take_virtual_time_only() {
    let mut engine = Engine::builder()
        .orchestration("Wait", |cx: OrchestrationContext, _: Value| async move {
            let from = cx.virtual_now();
            cx.timer(secs(30 * 86_400)).await?;
            Ok(cx.virtual_now().since(from).as_secs_f64())
        })
        .build();
    engine.start("Wait", Some("i"), json!(null), NOW).unwrap();
    engine.run(NOW);
    assert_eq!(instance(&engine).status(), Status::Running);
    assert_eq!(engine.next_timer(), Some(NOW + secs(30 * 86_400)));
    engine.run(NOW + secs(86_400));
    assert_eq!(instance(&engine).status(), Status::Running);
    engine.run(NOW + secs(30 * 86_400));
    assert_eq!(output(&engine), "2592000.0");
}

#[test]
fn external_events_are_kept_until_somebody_waits() {
    let mut engine = Engine::builder()
        .orchestration("Collect", |cx: OrchestrationContext, _: Value| async move {
            cx.timer(secs(1)).await?;
            let first: i64 = cx.external_event("Approval").await?;
            let second: i64 = cx.external_event("approval").await?;
            Ok([first, second])
        })
        .build();
    engine
        .start("Collect", Some("i"), json!(null), NOW)
        .unwrap();
    engine.run(NOW);
    for n in [1, 2] {
        engine
            .raise_event("i", "APPROVAL", Some(json!(n).into()), NOW)
            .unwrap();
    }
    engine.run(NOW);
    engine.run(NOW + secs(1));
    assert_eq!(output(&engine), "[1,2]");
    assert_eq!(
        engine.raise_event("i", "Approval", Some(json!(3).into()), NOW),
        Err(InstanceError::Ended("i".into()))
    );
    assert_eq!(
        engine.raise_event("j", "Approval", Some(json!(3).into()), NOW),
        Err(InstanceError::Unknown("j".into()))
    );
}

#[test]
fn a_wait_that_was_given_up_swallows_nothing() {
    let mut engine = Engine::builder()
        .orchestration("Twice", |cx: OrchestrationContext, _: Value| async move {
            let event = cx.external_event::<i64>("Go");
            let first = match either(event, cx.timer(secs(10))).await {
                Either::Left(event) => event?,
                Either::Right(_) => -1,
            };
            let second: i64 = cx.external_event("Go").await?;
            Ok([first, second])
        })
        .build();
    engine.start("Twice", Some("i"), json!(null), NOW).unwrap();
    engine.run(NOW);
    engine.run(NOW + secs(10));
    engine
        .raise_event("i", "Go", Some(json!(5).into()), NOW + secs(11))
        .unwrap();
    engine.run(NOW + secs(11));
    assert_eq!(output(&engine), "[-1,5]");
}

#[test]
fn retries_wait_as_the_policy_says() {
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let mut engine = Engine::builder()
        .orchestration("Retry", |cx: OrchestrationContext, _: Value| async move {
            let policy = RetryPolicy {
                backoff: 2.0,
                max_interval: Some(secs(3)),
                ..RetryPolicy::new(4, secs(1))
            };
            cx.activity_with_retry::<Value>("Fail", &json!(null), policy)
                .await
        })
        .activity("Fail", move |cx, _: Value| {
            seen.lock().unwrap().push(cx.now().since(NOW).as_secs_f64());
            Err::<Value, _>(Failure::new("Planned", "as asked"))
        })
        .build();
    run(&mut engine, "Retry", json!(null));
    assert_eq!(instance(&engine).status(), Status::Failed);
    assert_eq!(*attempts.lock().unwrap(), [0.0, 1.0, 3.0, 6.0]);
    let fired = history(&engine)
        .iter()
        .filter(|it| *it == "TimerFired")
        .count();
    assert_eq!(fired, 4, "a timer follows the last attempt too");
}

#[test]
fn continue_as_new_keeps_the_id_and_the_events() {
    let mut engine = Engine::builder()
        .orchestration("Sum", |cx: OrchestrationContext, sum: i64| async move {
            let next: i64 = cx.external_event("Add").await?;
            if next == 0 {
                return Ok(sum);
            }
            cx.continue_as_new(json!(sum + next));
            Ok(0)
        })
        .build();
    engine.start("Sum", Some("i"), json!(0), NOW).unwrap();
    engine.run(NOW);
    for n in [1, 2, 3, 0] {
        engine
            .raise_event("i", "Add", Some(json!(n).into()), NOW)
            .unwrap();
    }
    engine.run(NOW);
    assert_eq!(output(&engine), "6");
    assert_eq!(instance(&engine).input().unwrap().as_str(), "6");
    let started = history(&engine)
        .iter()
        .filter(|it| *it == "ExecutionStarted")
        .count();
    assert_eq!(started, 1, "the history is that of the last execution");
}

/// Runs `first` up to its wait for "Go", then goes on with `second` over the same records.
fn change(first: impl Fn(Builder) -> Builder, second: impl Fn(Builder) -> Builder) -> Failure {
    let mut engine = first(
        Engine::builder()
            .activity("A", |_, _: Value| Ok(1))
            .activity("B", |_, _: Value| Ok(2)),
    )
    .build();
    engine.start("Work", Some("i"), json!(null), NOW).unwrap();
    engine.run(NOW);
    let mut records = Vec::new();
    engine.drain_records(&mut records);
    let rows = records
        .into_iter()
        .filter_map(|it| Some((it.key, it.value?)));
    let mut engine = second(
        Engine::builder()
            .activity("A", |_, _: Value| Ok(1))
            .activity("B", |_, _: Value| Ok(2)),
    )
    .build();
    engine.restore(rows).unwrap();
    engine
        .raise_event("i", "Go", Some(json!(null).into()), NOW)
        .unwrap();
    engine.run(NOW);
    assert_eq!(instance(&engine).status(), Status::Failed);
    instance(&engine).failure().unwrap().clone()
}

fn work(names: &'static [&'static str]) -> impl Fn(Builder) -> Builder {
    move |builder| {
        builder.orchestration(
            "Work",
            move |cx: OrchestrationContext, _: Value| async move {
                for name in names {
                    cx.activity::<i64>(name, &json!(null)).await?;
                }
                cx.external_event::<Json>("Go").await
            },
        )
    }
}

#[test]
fn the_first_action_that_differs_is_named() {
    for (then, words) in [
        (
            &["A", "A"] as &'static [_],
            ["action 1", "activity \"B\"", "asked for activity \"A\""],
        ),
        (
            &["B", "B"],
            ["action 0", "activity \"A\"", "asked for activity \"B\""],
        ),
        (&["A"], ["action 1", "activity \"B\"", "asked for nothing"]),
        (
            &["A", "B", "A"],
            ["action 2", "nothing", "asked for activity \"A\""],
        ),
    ] {
        let failure = change(work(&["A", "B"]), work(then));
        assert_eq!(failure.error_type, Failure::NON_DETERMINISTIC);
        for word in words {
            assert!(
                failure.error_message.contains(word),
                "{word:?} is not in {failure}"
            );
        }
    }
}

#[test]
fn ids_are_checked_and_used_once_at_a_time() {
    let mut engine = Engine::builder()
        .orchestration("Wait", |cx: OrchestrationContext, _: Value| async move {
            cx.external_event::<Json>("Go").await
        })
        .build();
    for id in ["", "@a", "a/b", "a#b", &"i".repeat(257)] {
        let error = engine
            .start("Wait", Some(id), json!(null), NOW)
            .unwrap_err();
        assert_eq!(error, StartError::Id(id.into()));
    }
    assert_eq!(
        engine.start("Unheard", None, json!(null), NOW),
        Err(StartError::UnknownOrchestration("Unheard".into()))
    );
    engine.start("Wait", Some("i"), json!(1), NOW).unwrap();
    let again = engine.start("Wait", Some("i"), json!(2), NOW);
    assert_eq!(again, Err(StartError::Exists("i".into())));
    engine.run(NOW);
    engine
        .raise_event("i", "Go", Some(json!("done").into()), NOW)
        .unwrap();
    engine.run(NOW);
    assert_eq!(output(&engine), r#""done""#);
    engine.start("Wait", Some("i"), json!(3), NOW).unwrap();
    engine.run(NOW);
    assert_eq!(instance(&engine).status(), Status::Running);
    assert_eq!(instance(&engine).input().unwrap().as_str(), "3");
}

#[test]
fn work_for_elsewhere_is_given_out_after_its_cause_was_drained() {
    let mut engine = Engine::builder()
        .orchestration(
            "Remote",
            |cx: OrchestrationContext, input: i64| async move {
                cx.activity::<i64>("Far", &input).await
            },
        )
        .activity_elsewhere("Far")
        .build();
    engine.start("Remote", Some("i"), json!(4), NOW).unwrap();
    engine.run(NOW);
    assert_eq!(take(&mut engine), None, "nothing is committed yet");
    engine.drain_records(&mut Vec::new());
    let item = take(&mut engine).unwrap();
    let input = item.input.as_ref().unwrap();
    assert_eq!((item.name.as_str(), input.as_str()), ("Far", "4"));
    assert_eq!(take(&mut engine), None);
    assert!(engine.abandon(item.token, None, NOW));
    let again = take(&mut engine).unwrap();
    let token = again.token;
    assert_eq!(
        ActivityWork {
            token: item.token,
            ..again
        },
        item
    );
    let result = |n| Ok(Some(json!(n).into()));
    assert_eq!(
        engine.complete_activity(item.token, result(7), NOW),
        Err(CompleteError::UnknownToken),
        "its worker gave it up"
    );
    engine.complete_activity(token, result(8), NOW).unwrap();
    assert_eq!(
        engine.complete_activity(token, result(9), NOW),
        Err(CompleteError::UnknownToken)
    );
    engine.run(NOW);
    assert_eq!(output(&engine), "8");
    let completed = instance(&engine)
        .history()
        .iter()
        .filter(|it| matches!(it.kind, EventKind::TaskCompleted { .. }));
    assert_eq!(completed.count(), 1, "the second result is dropped");
}

#[test]
fn guids_are_the_same_on_every_replay() {
    let mut engine = Engine::builder()
        .orchestration("Guids", |cx: OrchestrationContext, _: Value| async move {
            let (first, second) = (cx.new_guid(), cx.new_guid());
            let echoed: String = cx.activity("Echo", &first).await?;
            Ok((first == echoed, first == second, first.len()))
        })
        .activity("Echo", |_, input: String| Ok(input))
        .build();
    run(&mut engine, "Guids", json!(null));
    assert_eq!(output(&engine), "[true,false,32]");
}

#[test]
fn suspended_twice_it_goes_on_when_resumed_once() {
    let mut engine = Engine::builder()
        .orchestration("Wait", |cx: OrchestrationContext, _: Value| async move {
            cx.external_event::<i64>("Go").await
        })
        .build();
    engine.start("Wait", Some("i"), json!(null), NOW).unwrap();
    engine.run(NOW);
    // At once and later: before the first has been taken in, and after it.
    engine.suspend("i", None, NOW).unwrap();
    engine.suspend("i", None, NOW).unwrap();
    engine.run(NOW);
    engine.suspend("i", None, NOW).unwrap();
    engine.run(NOW);
    assert_eq!(instance(&engine).status(), Status::Suspended);
    engine
        .raise_event("i", "Go", Some(json!(5).into()), NOW)
        .unwrap();
    engine.run(NOW);
    assert_eq!(instance(&engine).status(), Status::Suspended);
    engine.resume_instance("i", None, NOW).unwrap();
    engine.run(NOW);
    assert_eq!(output(&engine), "5");
    let suspensions = history(&engine)
        .iter()
        .filter(|it| *it == "ExecutionSuspended")
        .count();
    assert_eq!(suspensions, 1);
}

#[test]
fn what_a_worker_takes_its_time_for_is_told_in_order() {
    let mut engine = Engine::builder().remote(true).build();
    engine.start("Far", Some("i"), json!(1), NOW).unwrap();
    engine.run(NOW);
    engine.drain_records(&mut Vec::new());
    let Some(Work::Orchestration(turn)) = engine.take_work(&mut |_, _, _| true, NOW) else {
        panic!("there is a turn");
    };
    let later = NOW + secs(5);
    let result = twinbench_engine::work::OrchestratorResult::default();
    engine
        .complete_orchestration(turn.token, result, later)
        .unwrap();
    let mut events = Vec::new();
    engine.drain_events(&mut events);
    assert!(!events.is_empty());
    assert!(events.iter().all(|event| event.time == later), "{events:?}");
    // The orchestrator's own clock is that of the turn.
    assert_eq!(instance(&engine).history()[0].at, NOW);
}
