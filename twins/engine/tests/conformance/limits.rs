//! Limits: each with a clear error, and nothing that was taken in is lost.

use serde_json::{Value, json};
use twinbench_engine::{
    Builder, Failure, InstanceError, Limits, OrchestrationContext, SignalError, StartError, Status,
};

use crate::common::{Way, each, each_with, functions, ledger};

fn small(builder: Builder) -> Builder {
    builder.limits(Limits {
        state: 600,
        payload: 1000,
        queue: 5,
        actions: 20,
        ..Limits::default()
    })
}

/// Clients are refused inputs that are too long, and nothing happens.
#[test]
fn inputs_of_clients_are_limited() {
    let functions = functions()
        .orchestration("Wait", |cx: OrchestrationContext, _: Value| async move {
            cx.external_event::<Value>("Go").await
        });
    each_with(&functions, small, |bed| {
        let now = bed.now;
        let (fits, long) = ("x".repeat(998), "x".repeat(999));
        let (length, limit) = (1001, 1000);
        let refused = bed.engine.signal(&ledger("a"), "write", json!(long), now);
        assert_eq!(refused, Err(SignalError::TooLong { length, limit }));
        assert!(refused.unwrap_err().to_string().contains("raise the limit"));
        let refused = bed.engine.start("Wait", Some("i"), json!(long), now);
        assert_eq!(refused, Err(StartError::TooLong { length, limit }));
        assert!(bed.engine.instance("i").is_none());
        bed.start("Wait", "i", json!(fits));
        bed.run();
        let event = Some(json!(long).into());
        let refused = bed.engine.raise_event("i", "Go", event, now);
        assert_eq!(refused, Err(InstanceError::TooLong { length, limit }));
        bed.run();
        assert_eq!(bed.status("i"), Status::Running, "nothing has come");
        bed.raise("i", "Go", json!(fits));
        bed.run();
        assert_eq!(bed.output("i"), json!(fits));
    });
}

/// Queues are limited for clients; what was taken in is done, and an instance whose queue is full
/// can still be resumed and ended.
#[test]
fn queues_are_limited() {
    let functions =
        functions().orchestration("Collect", |cx: OrchestrationContext, (): ()| async move {
            let mut sum = 0;
            for _ in 0..5 {
                sum += cx.external_event::<i64>("Go").await?;
            }
            Ok(sum)
        });
    each_with(&functions, small, |bed| {
        let now = bed.now;
        for line in 0..5 {
            bed.signal(&ledger("a"), "write", json!(line));
        }
        let refused = bed.engine.signal(&ledger("a"), "write", json!(5), now);
        assert_eq!(
            refused,
            Err(SignalError::Full {
                id: "@ledger@a".into(),
                waiting: 5
            })
        );
        bed.signal(&ledger("b"), "write", json!(0));
        bed.run();
        assert_eq!(bed.lines("a"), Some((0..5).collect()));
        bed.signal(&ledger("a"), "write", json!(5));
        bed.run();

        bed.start("Collect", "i", json!(null));
        bed.run();
        bed.engine.suspend("i", None, now).unwrap();
        bed.run();
        for n in 0..5 {
            bed.raise("i", "Go", json!(n));
        }
        let event = Some(json!(5).into());
        let refused = bed.engine.raise_event("i", "Go", event, now);
        assert_eq!(
            refused,
            Err(InstanceError::Full {
                id: "i".into(),
                waiting: 5
            })
        );
        bed.run();
        bed.engine.resume_instance("i", None, now).unwrap();
        bed.run();
        assert_eq!(bed.output("i"), json!(10), "everything that was taken in");
    });
}

/// What entities and orchestrations send is always taken, however much waits.
#[test]
fn what_comes_from_within_is_always_taken() {
    each_with(&functions(), small, |bed| {
        bed.signal(&ledger("a"), "tell", json!(["b", 0, 100]));
        bed.finish();
        assert_eq!(bed.lines("b").unwrap().len(), 100);
    });
}

/// A state beyond the limit fails its operation, and the state before it stays.
#[test]
fn states_are_limited() {
    each_with(&functions(), small, |bed| {
        for line in 0..200 {
            bed.signal(&ledger("a"), "write", json!(1000 + line));
            bed.run();
        }
        let lines = bed.lines("a").unwrap();
        let text = bed.engine.read(&ledger("a")).unwrap();
        assert!(text.as_str().len() <= 600 && text.as_str().len() > 590);
        assert_eq!(lines, (1000..1000 + lines.len() as i64).collect::<Vec<_>>());
    });
}

/// An orchestrator that asks for too much in one turn, or for too long payloads, fails and says
/// why; nothing of that turn is done.
#[test]
fn orchestrators_are_limited() {
    let functions = functions()
        .orchestration("Many", |cx: OrchestrationContext, n: i64| async move {
            for line in 0..n {
                cx.signal(&ledger("many"), "write", json!(line))?;
            }
            cx.external_event::<()>("Go").await
        })
        .orchestration("Long", |cx: OrchestrationContext, how: String| async move {
            let long = "x".repeat(2000);
            cx.signal(&ledger("long"), "nothing", json!(null))?;
            match how.as_str() {
                "activity" => cx.activity::<Value>("Do", &long).await,
                "sub" => cx.sub_orchestration("Echo", &long).await,
                "signal" => {
                    cx.signal(&ledger("long"), "nothing", json!(long))?;
                    Ok(json!(null))
                }
                "event" => {
                    cx.send_event("x", "Go", json!(long));
                    Ok(json!(null))
                }
                "anew" => {
                    cx.continue_as_new(json!(long));
                    Ok(json!(null))
                }
                "status" => {
                    cx.set_custom_status(json!(long));
                    Ok(json!(null))
                }
                _ => Ok(json!(long)),
            }
        })
        .activity("Do", |_, input: String| Ok(input));
    each_with(&functions, small, |bed| {
        bed.start("Many", "i", json!(20));
        bed.run();
        assert_eq!(bed.status("i"), Status::Running);
        assert_eq!(bed.lines("many").unwrap().len(), 20);
        bed.start("Many", "j", json!(21));
        bed.run();
        let failure = bed.failure("j");
        assert_eq!(failure.error_type, Failure::LIMIT);
        assert!(failure.error_message.contains("limit of 20"), "{failure}");
        assert_eq!(bed.lines("many").unwrap().len(), 20, "nothing of that turn");
        for how in [
            "activity", "sub", "signal", "event", "anew", "status", "output",
        ] {
            bed.start("Long", how, json!(how));
            bed.finish();
            let failure = bed.failure(how);
            assert_eq!(failure.error_type, Failure::LIMIT, "{how}");
            assert!(failure.error_message.contains("limit of 1000"), "{failure}");
        }
        assert_eq!(bed.lines("long"), None, "nothing of those turns is done");
    });
}

/// Outputs of activities and operations that are too long fail them, where whoever waits is told.
#[test]
fn outputs_are_limited() {
    let functions = functions()
        .orchestration("Ask", |cx: OrchestrationContext, (): ()| async move {
            let activity = cx.activity::<Value>("Long", &()).await;
            for n in 0..5 {
                cx.call_entity::<()>(&ledger("a"), "write", json!(n))
                    .await?;
            }
            let kind = |result: Result<Value, Failure>| {
                result.map_or_else(|failure| failure.error_type, |_| "ok".to_owned())
            };
            Ok(kind(activity))
        })
        .activity("Long", |_, (): ()| Ok("x".repeat(2000)));
    each_with(&functions, small, |bed| {
        bed.start("Ask", "i", json!(null));
        bed.run();
        assert_eq!(bed.output("i"), json!(Failure::LIMIT));
    });
}

/// The defaults of the specification.
#[test]
fn the_defaults_are_those_of_the_specification() {
    let limits = Limits::default();
    assert_eq!(limits.state, 1 << 20);
    assert_eq!(limits.payload, 256 << 10);
    assert_eq!(limits.batch, 5000);
    assert_eq!(limits.actions, 100_000);
    each(&functions(), |bed| {
        if bed.way == Way::Wayward {
            return;
        }
        bed.start("Echo", "i", json!("x".repeat((256 << 10) - 2)));
        bed.run();
        assert_eq!(bed.status("i"), Status::Completed);
    });
}
