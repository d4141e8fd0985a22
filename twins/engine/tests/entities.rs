//! What operations do to entities: creation, failure, deletion, batches, messages.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use serde::{Deserialize, Serialize};
use serde_json::json;
use twinbench_engine::{Engine, Entity, EntityContext, Failure, Json, SignalError, Status};
use twinbench_model::{EntityId, Event, Payload, Room, VirtualDuration, VirtualTime};

const NOW: VirtualTime = VirtualTime::from_secs(10);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Counter {
    value: i64,
    /// A state that serde_json cannot write: keys must be texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    broken: Vec<Broken>,
}

#[derive(Debug, Clone, Deserialize)]
struct Broken;

impl Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no form"))
    }
}

impl Entity for Counter {
    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation {
            "Add" => self.value += input.read::<i64>()?,
            "Nothing" => {}
            "Break" => self.broken.push(Broken),
            "Remove" => cx.delete(),
            "AddThenFail" => {
                self.value += 1000;
                cx.signal(&counter("other"), "Add", json!(1000));
                cx.start("Echo", json!("never"));
                return Err(Failure::new("Planned", "as asked"));
            }
            "AddToOther" => {
                self.value += 1;
                cx.signal(&counter("other"), "Add", json!(self.value));
            }
            "AddLater" => {
                let due = cx.virtual_now() + VirtualDuration::from_secs(5);
                let me = cx.id().clone();
                cx.signal_at(&me, "Add", json!(7), due);
            }
            "Start" => {
                cx.start("Echo", json!({"value": self.value}));
            }
            other => return Err(Failure::unknown_operation(other)),
        }
        Ok(None)
    }
}

fn counter(key: &str) -> EntityId {
    EntityId::new("Counter", key).unwrap()
}

fn engine() -> Engine {
    Engine::builder()
        .entity::<Counter>("Counter")
        .orchestration("Echo", |_, input: Json| async move { Ok(input) })
        .build()
}

/// Signals operations to one entity, runs them as one batch, and gives its state.
fn run(engine: &mut Engine, key: &str, operations: &[(&str, serde_json::Value)]) -> Option<i64> {
    for (operation, input) in operations {
        engine
            .signal(&counter(key), operation, input.clone(), NOW)
            .unwrap();
    }
    engine.run(NOW);
    state(engine, key)
}

/// The value of a counter; `None` when there is none.
fn state(engine: &Engine, key: &str) -> Option<i64> {
    let counter: Counter = engine.read(&counter(key))?.read().unwrap();
    Some(counter.value)
}

#[test]
fn any_operation_that_succeeds_brings_it_into_being() {
    let mut engine = engine();
    assert_eq!(run(&mut engine, "a", &[]), None);
    assert_eq!(run(&mut engine, "a", &[("Nothing", json!(null))]), Some(0));
    assert_eq!(run(&mut engine, "A", &[("Add", json!(1))]), Some(1));
    assert_eq!(state(&engine, "a"), Some(0), "keys differ by case");
}

#[test]
fn a_first_operation_that_fails_leaves_nothing() {
    let mut engine = engine();
    for operation in ["AddThenFail", "Unheard", "Break"] {
        assert_eq!(run(&mut engine, "a", &[(operation, json!(null))]), None);
    }
    assert_eq!(engine.entities("").count(), 0);
}

#[test]
fn a_failing_operation_is_undone_and_the_batch_goes_on() {
    let mut engine = engine();
    let batch = [
        ("Add", json!(1)),
        ("AddThenFail", json!(null)),
        ("Add", json!("no number")),
        ("Break", json!(null)),
        ("Add", json!(2)),
        ("Unheard", json!(null)),
    ];
    assert_eq!(run(&mut engine, "a", &batch), Some(3));
    assert_eq!(state(&engine, "other"), None, "its signal is undone");
    assert_eq!(engine.instances().count(), 0, "its start is undone");
}

#[test]
fn a_deleted_entity_begins_anew_within_the_same_batch() {
    let mut engine = engine();
    let batch = [
        ("Add", json!(5)),
        ("Remove", json!(null)),
        ("Add", json!(1)),
    ];
    assert_eq!(run(&mut engine, "a", &batch), Some(1));
    assert_eq!(run(&mut engine, "a", &[("Delete", json!(null))]), None);
    let failed_after_removal = [
        ("Add", json!(5)),
        ("Remove", json!(null)),
        ("Break", json!(null)),
    ];
    assert_eq!(run(&mut engine, "a", &failed_after_removal), None);
}

#[test]
fn signals_to_others_and_starts_are_delivered_after_the_batch() {
    let mut engine = engine();
    let batch = [("AddToOther", json!(null)), ("AddToOther", json!(null))];
    assert_eq!(run(&mut engine, "a", &batch), Some(2));
    assert_eq!(state(&engine, "other"), Some(3));
    run(&mut engine, "a", &[("Start", json!(null))]);
    let instance = engine.instances().next().unwrap();
    assert_eq!(instance.status(), Status::Completed);
    assert_eq!(instance.output().unwrap().as_str(), r#"{"value":2}"#);
    assert_eq!(instance.id().len(), 32, "{}", instance.id());
}

#[test]
fn a_scheduled_signal_comes_at_its_time() {
    let mut engine = engine();
    run(&mut engine, "a", &[("AddLater", json!(null))]);
    let due = NOW + VirtualDuration::from_secs(5);
    assert_eq!(engine.next_timer(), Some(due));
    engine.run(due - VirtualDuration::from_nanos(1));
    assert_eq!(state(&engine, "a"), Some(0));
    engine.run(due);
    assert_eq!(state(&engine, "a"), Some(7));
    assert_eq!(engine.next_timer(), None);
}

#[test]
fn what_waits_is_done_at_the_present() {
    let mut engine = engine();
    engine.signal(&counter("a"), "Add", json!(1), NOW).unwrap();
    assert_eq!(state(&engine, "a"), None, "not before its turn");
    assert_eq!(engine.next_timer(), Some(NOW));
    engine.run(NOW);
    assert_eq!(state(&engine, "a"), Some(1));
    assert_eq!(engine.next_timer(), None);
}

#[test]
fn batches_are_cut_and_nothing_is_lost() {
    let mut engine = Engine::builder()
        .entity::<Counter>("Counter")
        .batch(3)
        .build();
    let batch: Vec<_> = (1..=10).map(|n| ("Add", json!(n))).collect();
    assert_eq!(run(&mut engine, "a", &batch), Some(55));
}

#[test]
fn clients_are_told_what_they_cannot_signal() {
    let mut engine = engine();
    let unknown = EntityId::new("Unheard", "a").unwrap();
    assert_eq!(
        engine.signal(&unknown, "Add", json!(1), NOW),
        Err(SignalError::UnknownEntity("unheard".into()))
    );
    for key in ["a/b", "a\\b", "a#b", "a?b", "a\nb"] {
        let error = engine
            .signal(&counter(key), "Add", json!(1), NOW)
            .unwrap_err();
        assert_eq!(error, SignalError::Key(key.into()));
    }
    for key in ["", "a@b", "a b", "ä"] {
        assert_eq!(
            run(&mut engine, key, &[("Add", json!(1))]),
            Some(1),
            "{key:?}"
        );
    }
}

#[test]
fn entities_are_listed_in_order_by_the_beginning_of_their_name() {
    let mut engine = Engine::builder()
        .entity::<Counter>("Counter")
        .entity::<Counter>("CounterTop")
        .entity::<Counter>("Abacus")
        .build();
    for (name, key) in [
        ("Counter", "b"),
        ("CounterTop", "a"),
        ("Abacus", "z"),
        ("Counter", "a"),
    ] {
        let id = EntityId::new(name, key).unwrap();
        engine.signal(&id, "Add", json!(1), NOW).unwrap();
    }
    engine.run(NOW);
    let listed = |prefix: &str| -> Vec<String> {
        engine
            .entities(prefix)
            .map(|(id, _)| id.to_string())
            .collect()
    };
    let all = ["@abacus@z", "@counter@a", "@counter@b", "@countertop@a"];
    assert_eq!(listed(""), all);
    assert_eq!(listed("Counter"), all[1..]);
    assert_eq!(listed("countert"), all[3..]);
    assert!(listed("d").is_empty());
}

#[test]
fn each_operation_is_an_event() {
    let mut engine = engine();
    run(
        &mut engine,
        "a",
        &[("Add", json!(1)), ("AddThenFail", json!(null))],
    );
    let mut events = Vec::new();
    engine.drain_events(&mut events);
    let told: Vec<_> = events
        .iter()
        .map(
            |Event {
                 time,
                 room,
                 kind,
                 source,
                 payload,
             }| {
                assert_eq!((*time, *room, *kind), (NOW, Room::Entities, "entity"));
                let Payload::Json(text) = payload else {
                    panic!("it is JSON")
                };
                (source.as_ref(), text.as_ref())
            },
        )
        .collect();
    assert_eq!(
        told,
        [
            (
                "@counter@a",
                r#"{"operation":"Add","input":1,"result":"ok"}"#
            ),
            (
                "@counter@a",
                r#"{"operation":"AddThenFail","input":null,"result":"error","error":{"errorType":"Planned","errorMessage":"as asked"}}"#
            ),
        ]
    );
}
