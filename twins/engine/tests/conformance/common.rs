//! Beds: an engine with a store and, in some ways, a worker elsewhere.

use std::{
    collections::BTreeSet,
    task::{Context, Poll, Waker},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twinbench_engine::{
    Builder, Engine, Entity, EntityContext, Failure, Functions, Instance, Json, Status,
    store::{MemoryStore, Store},
    work::{EntityWork, OrchestratorWork, Work, WorkKind},
};
use twinbench_model::{EntityId, Epoch, Table, VirtualDuration, VirtualTime};

pub(crate) const NOW: VirtualTime = VirtualTime::from_secs(100);

pub(crate) const fn secs(secs: u64) -> VirtualDuration {
    VirtualDuration::from_secs(secs)
}

pub(crate) const fn millis(millis: u64) -> VirtualDuration {
    VirtualDuration::from_millis(millis)
}

/// Who runs the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The engine.
    Here,
    /// A worker elsewhere.
    Worker,
    /// A worker elsewhere that gives each item up once before it does it, and does one operation
    /// of a batch at a time.
    Wayward,
}

pub(crate) const WAYS: [Way; 3] = [Way::Here, Way::Worker, Way::Wayward];

/// A ledger: everything that it was told, in order. Its operations do whatever a test asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) lines: Vec<i64>,
    /// Makes a state without a JSON form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    broken: Vec<Broken>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    padding: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Broken;

impl Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no form"))
    }
}

impl Entity for Ledger {
    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation {
            "write" => self.lines.push(input.read()?),
            "get" => return Ok(Some(json!(self.lines).into())),
            "nothing" => {}
            "remove" => cx.delete(),
            // Each of the failing ones has changed, signalled and started before it fails.
            "throw" | "panic" | "break" | "swell" => {
                self.lines.push(-1);
                cx.signal(&ledger("other"), "write", json!(-1));
                let later = cx.virtual_now() + secs(1);
                cx.signal_at(&ledger("other"), "write", json!(-2), later);
                cx.start("Echo", json!("never"));
                match operation {
                    "throw" => return Err(Failure::new("Planned", "as asked")),
                    "panic" => panic!("as asked"),
                    "break" => self.broken.push(Broken),
                    _ => self.padding = "x".repeat(input.read()?),
                }
            }
            // Tells another ledger a row of numbers, one signal each.
            "tell" => {
                let (to, from, until): (String, i64, i64) = input.read()?;
                for line in from..until {
                    cx.signal(&ledger(&to), "write", json!(line));
                }
            }
            "start" => {
                cx.start("Echo", input.clone());
            }
            "later" => {
                let (line, delay): (i64, u64) = input.read()?;
                let (me, due) = (cx.id().clone(), cx.virtual_now() + millis(delay));
                cx.signal_at(&me, "write", json!(line), due);
            }
            "again" => {
                let me = cx.id().clone();
                cx.signal(&me, "again", json!(null));
            }
            other => return Err(Failure::unknown_operation(other)),
        }
        Ok(None)
    }
}

pub(crate) fn ledger(key: &str) -> EntityId {
    EntityId::new("Ledger", key).unwrap()
}

pub(crate) fn functions() -> Functions {
    Functions::new()
        .entity::<Ledger>("Ledger")
        .orchestration("Echo", |_, input: Json| async move { Ok(input) })
}

/// An engine with its surroundings.
pub(crate) struct Bed {
    pub(crate) engine: Engine,
    pub(crate) way: Way,
    pub(crate) functions: Functions,
    pub(crate) store: MemoryStore,
    pub(crate) now: VirtualTime,
    /// Items that the wayward worker has given up.
    given_up: BTreeSet<String>,
    make: fn(Builder) -> Builder,
}

/// Runs a check in every way.
pub(crate) fn each(functions: &Functions, check: impl Fn(&mut Bed)) {
    each_with(functions, |builder| builder, check);
}

/// Runs a check in every way, each with functions of its own.
pub(crate) fn each_anew(functions: impl Fn() -> Functions, check: impl Fn(&mut Bed)) {
    for way in WAYS {
        eprintln!("way: {way:?}");
        check(&mut Bed::new(&functions(), |builder| builder, way));
    }
}

/// Runs a check in every way, with an engine of its own kind.
pub(crate) fn each_with(
    functions: &Functions,
    make: fn(Builder) -> Builder,
    check: impl Fn(&mut Bed),
) {
    for way in WAYS {
        eprintln!("way: {way:?}");
        check(&mut Bed::new(functions, make, way));
    }
}

impl Bed {
    pub(crate) fn new(functions: &Functions, make: fn(Builder) -> Builder, way: Way) -> Self {
        let mut bed = Self {
            engine: Engine::builder().build(),
            way,
            functions: functions.clone(),
            store: MemoryStore::new(),
            now: NOW,
            given_up: BTreeSet::new(),
            make,
        };
        bed.engine = bed.fresh();
        bed
    }

    fn fresh(&self) -> Engine {
        let builder = (self.make)(Engine::builder());
        match self.way {
            Way::Here => builder.functions(self.functions.clone()),
            Way::Worker | Way::Wayward => builder.remote(true),
        }
        .build()
    }

    /// Other functions from the next restart on, and at once for workers.
    pub(crate) fn change(&mut self, functions: Functions) {
        self.functions = functions;
        self.restart();
    }

    pub(crate) fn signal(&mut self, to: &EntityId, operation: &str, input: impl Into<Json>) {
        self.engine.signal(to, operation, input, self.now).unwrap();
    }

    pub(crate) fn start(&mut self, name: &str, id: &str, input: Value) {
        self.engine.start(name, Some(id), input, self.now).unwrap();
    }

    pub(crate) fn raise(&mut self, id: &str, name: &str, input: Value) {
        self.engine
            .raise_event(id, name, Some(input.into()), self.now)
            .unwrap();
    }

    /// Makes durable what has happened.
    pub(crate) fn commit(&mut self) {
        let mut records = Vec::new();
        self.engine.drain_records(&mut records);
        self.store.commit(&records).unwrap();
    }

    /// A crash: what was not committed is gone.
    pub(crate) fn crash(&mut self) {
        self.engine = self.fresh();
        let rows = self.store.load(Table::Engine).unwrap();
        self.engine.restore(rows).unwrap();
        self.given_up.clear();
    }

    pub(crate) fn restart(&mut self) {
        self.commit();
        self.crash();
    }

    /// Does everything there is to do at the present, by the engine and by the worker.
    pub(crate) fn run(&mut self) {
        loop {
            self.engine.run(self.now);
            self.commit();
            if !self.work() && self.engine.next_timer().is_none_or(|due| due > self.now) {
                return;
            }
        }
    }

    /// Runs through all timers up to a time.
    pub(crate) fn run_until(&mut self, until: VirtualTime) {
        self.run();
        while let Some(due) = self.engine.next_timer().filter(|due| *due <= until) {
            self.now = due;
            self.run();
        }
        self.now = until;
        self.run();
    }

    /// Runs until nothing is left to do.
    pub(crate) fn finish(&mut self) {
        self.run();
        while let Some(due) = self.engine.next_timer() {
            self.now = due;
            self.run();
        }
    }

    pub(crate) fn take(&mut self) -> Option<Work> {
        let here = self.way == Way::Here;
        let mut wanted = |kind, _: &str, _: Option<&str>| !here || kind == WorkKind::Activity;
        self.engine.take_work(&mut wanted, self.now)
    }

    /// The worker takes one item, if there is one.
    fn work(&mut self) -> bool {
        let Some(work) = self.take() else {
            return false;
        };
        if self.way == Way::Wayward && self.given_up.insert(what(&work)) {
            let (token, now) = (work.token(), self.now);
            if token.0 % 2 == 0 {
                assert!(self.engine.abandon(token, None, now));
            } else {
                assert!(self.engine.lose(token, now));
            }
            return true;
        }
        self.answer(work);
        true
    }

    /// Does a work item as the functions do it, and hands the answer in.
    pub(crate) fn answer(&mut self, work: Work) {
        let now = self.now;
        let epoch = Epoch::new("1970-01-01T00:00:00Z".parse().unwrap());
        match work {
            Work::Orchestration(work) => {
                let result = self.functions.orchestrate(&work, epoch);
                self.engine
                    .complete_orchestration(work.token, result, now)
                    .unwrap();
            }
            Work::Entity(mut work) => {
                if self.way == Way::Wayward {
                    work.operations.truncate(1);
                }
                let result = self.functions.operate(&work, now, epoch);
                self.engine
                    .complete_entity(work.token, result, now)
                    .unwrap();
            }
            Work::Activity(work) => {
                let mut performing = self.functions.perform(&work, now);
                let mut context = Context::from_waker(Waker::noop());
                let Poll::Ready(result) = performing.as_mut().poll(&mut context) else {
                    panic!("activities of these tests end at once");
                };
                self.engine
                    .complete_activity(work.token, result.map(Some), now)
                    .unwrap();
            }
        }
    }

    /// What a ledger holds; `None` when there is none.
    pub(crate) fn lines(&self, key: &str) -> Option<Vec<i64>> {
        let ledger: Ledger = self.engine.read(&ledger(key))?.read().unwrap();
        Some(ledger.lines)
    }

    pub(crate) fn instance(&self, id: &str) -> &Instance {
        self.engine.instance(id).unwrap()
    }

    pub(crate) fn status(&self, id: &str) -> Status {
        self.instance(id).status()
    }

    pub(crate) fn output(&self, id: &str) -> Value {
        let instance = self.instance(id);
        let failure = instance.failure();
        assert_eq!(instance.status(), Status::Completed, "{id}: {failure:?}");
        instance.output().unwrap().read().unwrap()
    }

    pub(crate) fn failure(&self, id: &str) -> &Failure {
        let instance = self.instance(id);
        let output = instance.output();
        assert_eq!(instance.status(), Status::Failed, "{id}: {output:?}");
        instance.failure().unwrap()
    }

    /// The history's types, in short.
    pub(crate) fn history(&self, id: &str) -> Vec<String> {
        let rows = self.instance(id).history().iter();
        rows.map(|row| match serde_json::to_value(&row.kind).unwrap() {
            Value::String(name) => name,
            Value::Object(map) => map.keys().next().unwrap().clone(),
            other => panic!("{other}"),
        })
        .collect()
    }
}

/// A name for an item that is the same when it is given out again.
fn what(work: &Work) -> String {
    match work {
        Work::Orchestration(OrchestratorWork {
            instance,
            execution,
            past,
            ..
        }) => format!("{instance} {execution} {}", past.len()),
        Work::Entity(EntityWork { id, operations, .. }) => {
            format!("{id} {}", operations[0].request)
        }
        Work::Activity(work) => format!("{} {} {}", work.instance, work.execution, work.task),
    }
}
