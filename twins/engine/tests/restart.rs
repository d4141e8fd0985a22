//! Restart from records: nothing is lost, nothing is doubled, wherever the engine was stopped.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twinbench_engine::{
    Engine, Entity, EntityContext, Failure, Json, OrchestrationContext, Status,
    store::{MemoryStore, Store},
    work::{ActivityWork, Work},
};
use twinbench_model::{EntityId, Record, Table, VirtualDuration, VirtualTime};

/// Keeps everything it was told, in order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Log {
    lines: Vec<i64>,
}

impl Entity for Log {
    const ALWAYS_SERIALISES: bool = true;

    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        let line: i64 = input.read()?;
        let all = log("all");
        match operation {
            "Write" => self.lines.push(line),
            "Fail" => {
                self.lines.push(-line);
                cx.signal(&all, "Write", json!(-line));
                return Err(Failure::new("Planned", "as asked"));
            }
            "Pass" => {
                self.lines.push(line);
                cx.signal(&all, "Write", json!(line));
            }
            "Later" => {
                let due = cx.virtual_now() + VirtualDuration::from_secs(3);
                cx.signal_at(&all, "Write", json!(line), due);
            }
            "Remove" => cx.delete(),
            "Start" => {
                cx.start("Slow", json!(line));
            }
            other => return Err(Failure::unknown_operation(other)),
        }
        Ok(None)
    }
}

fn log(key: &str) -> EntityId {
    EntityId::new("Log", key).unwrap()
}

/// An activity, a timer, another activity done elsewhere, a signal.
async fn slow(cx: OrchestrationContext, input: i64) -> Result<i64, Failure> {
    let input: i64 = cx.activity("Double", &input).await?;
    cx.timer(VirtualDuration::from_secs(2)).await?;
    let input: i64 = cx.activity("Far", &input).await?;
    cx.signal(&log("all"), "Write", json!(input))?;
    Ok(input)
}

fn engine() -> Engine {
    Engine::builder()
        .entity::<Log>("Log")
        .orchestration("Slow", slow)
        .activity("Double", |_, input: i64| Ok(input * 2))
        .activity_elsewhere("Far")
        .build()
}

/// Drains and commits, as the bench does.
fn commit(engine: &mut Engine, store: &mut MemoryStore) {
    let mut records = Vec::new();
    engine.drain_records(&mut records);
    assert!(records.iter().all(|it: &Record| it.table == Table::Engine));
    store.commit(&records).unwrap();
}

fn restart(store: &mut MemoryStore) -> Engine {
    let mut engine = engine();
    engine.restore(store.load(Table::Engine).unwrap()).unwrap();
    engine
}

/// Everything that can be seen of an engine.
fn seen(engine: &Engine) -> Value {
    let entities: Vec<_> = engine
        .entities("")
        .map(|(id, state)| json!({"id": id, "state": state}))
        .collect();
    let instances: Vec<_> = engine
        .instances()
        .map(|it| {
            json!({
                "id": it.id(), "status": it.status(), "input": it.input(), "output": it.output(),
                "history": it.history(), "created": it.created(), "updated": it.updated(),
            })
        })
        .collect();
    json!({"entities": entities, "instances": instances, "next": engine.next_timer()})
}

fn take(engine: &mut Engine) -> Option<ActivityWork> {
    match engine.take_work(&mut |_, _, _| true, engine.now())? {
        Work::Activity(work) => Some(work),
        other => panic!("not an activity: {other:?}"),
    }
}

#[test]
fn what_was_committed_goes_on() {
    let mut store = MemoryStore::new();
    let mut engine = engine();
    let now = VirtualTime::from_secs(1);
    engine.signal(&log("a"), "Pass", json!(1), now).unwrap();
    engine.start("Slow", Some("i"), json!(4), now).unwrap();
    engine.run(now);
    commit(&mut engine, &mut store);
    let mut again = restart(&mut store);
    assert_eq!(seen(&again), seen(&engine));
    assert_eq!(again.next_timer(), Some(VirtualTime::from_secs(3)));
    again.run(VirtualTime::from_secs(3));
    commit(&mut again, &mut store);
    let item = take(&mut again).unwrap();
    assert_eq!(item.input.as_ref().unwrap().as_str(), "8");

    // The worker is lost together with the bench: the work is given out again.
    let mut again = restart(&mut store);
    assert_eq!(
        take(&mut again),
        None,
        "that it is another run is not stored yet"
    );
    commit(&mut again, &mut store);
    let given = take(&mut again).unwrap();
    let (token, now) = (given.token, VirtualTime::from_secs(4));
    assert_ne!(token, item.token, "what the lost worker says is refused");
    assert_eq!((given.task, &given.input), (item.task, &item.input));
    assert_eq!(take(&mut again), None);
    let result = Ok(Some(json!(9).into()));
    again.complete_activity(token, result, now).unwrap();
    // Crashed before the result had its turn, but after its commit.
    commit(&mut again, &mut store);
    let mut again = restart(&mut store);
    again.run(VirtualTime::from_secs(4));
    assert_eq!(again.instance("i").unwrap().status(), Status::Completed);
    assert_eq!(
        again.read(&log("all")).unwrap().as_str(),
        r#"{"lines":[1,9]}"#
    );
}

#[test]
fn an_entity_that_is_gone_stays_gone() {
    let mut store = MemoryStore::new();
    let mut engine = engine();
    let now = VirtualTime::from_secs(1);
    engine.signal(&log("a"), "Write", json!(1), now).unwrap();
    engine.run(now);
    commit(&mut engine, &mut store);
    engine.signal(&log("a"), "Remove", json!(0), now).unwrap();
    engine.run(now);
    commit(&mut engine, &mut store);
    assert_eq!(restart(&mut store).read(&log("a")), None);
    let rows = store.load(Table::Engine).unwrap();
    assert_eq!(rows.len(), 1, "the serial only: {rows:?}");
}

#[test]
fn a_changed_entity_is_one_record_a_drain() {
    let mut engine = engine();
    for n in 0..100 {
        engine
            .signal(&log("a"), "Write", json!(n), VirtualTime::from_secs(n))
            .unwrap();
        engine.run(VirtualTime::from_secs(n));
    }
    let mut records = Vec::new();
    engine.drain_records(&mut records);
    assert_eq!(records.len(), 2, "the entity and the serial");
    records.clear();
    engine.drain_records(&mut records);
    assert!(records.is_empty(), "{records:?}");
}

#[test]
fn rows_of_another_version_are_refused_by_name() {
    for (key, value, word) in [
        (b"e@log@a".as_slice(), b"\x03{}".as_slice(), "version 3"),
        (b"e@log@a", b"\x02", "Hit the end"),
        (b"elog", b"\x02", "entity id"),
        (b"s\0", b"12", "8 bytes"),
        (b"s\x09", b"12345678", "no such partition"),
        (b"x", b"", "none of the engine's"),
    ] {
        let rows = [(key.to_vec(), value.to_vec())];
        let error = engine().restore(rows).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

/// One thing that happens to the engine.
#[derive(Debug, Clone)]
enum Step {
    Signal(u8, &'static str, i64),
    Start(i64),
    Run(u64),
    Work,
    /// Whether a crash follows the commit, or comes instead of it.
    Commit {
        crash: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let operation = prop::sample::select(vec!["Write", "Fail", "Pass", "Later", "Remove", "Start"]);
    prop_oneof![
        4 => (0..3u8, operation, 1..100i64).prop_map(|(to, operation, line)| Step::Signal(to, operation, line)),
        1 => (1..100i64).prop_map(Step::Start),
        3 => (0..4u64).prop_map(Step::Run),
        2 => Just(Step::Work),
        3 => any::<bool>().prop_map(|crash| Step::Commit { crash }),
    ]
}

fn apply(engine: &mut Engine, now: &mut VirtualTime, step: &Step) {
    match step {
        Step::Signal(to, operation, line) => {
            let to = log(&format!("{to}"));
            engine.signal(&to, operation, json!(line), *now).unwrap();
        }
        Step::Start(line) => {
            engine.start("Slow", None, json!(line), *now).unwrap();
        }
        Step::Run(secs) => {
            let until = *now + VirtualDuration::from_secs(*secs);
            engine.run(*now);
            while let Some(due) = engine.next_timer().filter(|due| *due <= until) {
                *now = due;
                engine.run(due);
            }
            *now = until;
        }
        Step::Work => {
            if let Some(item) = take(engine) {
                let input: i64 = item.input.unwrap().read().unwrap();
                let result = Ok(Some(json!(input + 1).into()));
                engine.complete_activity(item.token, result, *now).unwrap();
            }
        }
        Step::Commit { .. } => {}
    }
}

proptest! {
    /// An engine that is stopped after commits shows the same as one that never was.
    #[test]
    fn stops_after_commits_change_nothing(steps in prop::collection::vec(step(), 1..60)) {
        let (mut steady, mut stopped) = (engine(), engine());
        let (mut steady_now, mut stopped_now) = (VirtualTime::ZERO, VirtualTime::ZERO);
        let (mut steady_store, mut stopped_store) = (MemoryStore::new(), MemoryStore::new());
        for step in &steps {
            apply(&mut steady, &mut steady_now, step);
            apply(&mut stopped, &mut stopped_now, step);
            if let Step::Commit { crash } = step {
                commit(&mut steady, &mut steady_store);
                commit(&mut stopped, &mut stopped_store);
                // What was given out and has not come back is out of this comparison: every
                // `Work` step hands its results in at once.
                if *crash {
                    stopped = restart(&mut stopped_store);
                    // Before that no work is given out.
                    commit(&mut stopped, &mut stopped_store);
                }
            }
        }
        for engine in [&mut steady, &mut stopped] {
            let mut now = steady_now;
            for _ in 0..3 {
                apply(engine, &mut now, &Step::Run(10));
            }
        }
        prop_assert_eq!(seen(&stopped), seen(&steady));
    }

    /// A crash takes everything since the last commit with it; doing it again gives the same.
    #[test]
    fn what_was_not_committed_can_be_done_again(
        before in prop::collection::vec(step(), 1..30),
        lost in prop::collection::vec(step(), 1..30),
    ) {
        let mut store = MemoryStore::new();
        let mut now = VirtualTime::ZERO;
        let mut first = engine();
        for step in &before {
            apply(&mut first, &mut now, step);
        }
        commit(&mut first, &mut store);
        let mut second = restart(&mut store);
        commit(&mut second, &mut store);
        let committed = now;
        let lost: Vec<_> = lost.into_iter().filter(|it| !matches!(it, Step::Commit { .. })).collect();
        for step in &lost {
            apply(&mut first, &mut now, step);
        }
        let mut now_again = committed;
        for step in &lost {
            apply(&mut second, &mut now_again, step);
        }
        prop_assert_eq!(seen(&second), seen(&first));
    }
}
