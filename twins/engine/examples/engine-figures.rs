//! Prints the engine's figures on this machine: `cargo xtask bench engine`.
//!
//! Everything is durable: one synced commit in a folder on disk for each group.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program that measures has a clock, and ends where something is wrong"
)]

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use twinbench_engine::{
    Engine, Entity, EntityContext, Failure, Functions, Json, OrchestrationContext,
    store::{FjallStore, MemoryStore, Store},
    work::Work,
};
use twinbench_model::{EntityId, Record, Table, VirtualTime};

/// Messages that share a commit.
const GROUP: usize = 4096;

/// A state of about 200 bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Device {
    count: u64,
    sum: i64,
    text: String,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0,
            text: "x".repeat(160),
        }
    }
}

impl Entity for Device {
    const ALWAYS_SERIALISES: bool = true;

    fn dispatch(
        &mut self,
        _: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation {
            "add" => {
                self.count += 1;
                self.sum += input.read::<i64>()?;
                Ok(None)
            }
            other => Err(Failure::unknown_operation(other)),
        }
    }
}

fn functions() -> Functions {
    Functions::new()
        .entity::<Device>("device")
        .orchestration("One", |cx: OrchestrationContext, input: i64| async move {
            cx.activity::<i64>("Double", &input).await
        })
        .async_activity("Double", |_, input: i64| async move { Ok(input * 2) })
}

fn engine() -> Engine {
    Engine::builder()
        .functions(functions())
        .journal(false)
        .check_replays(false)
        .threads(std::thread::available_parallelism().map_or(1, usize::from))
        .build()
}

fn commit(engine: &mut Engine, store: &mut dyn Store, records: &mut Vec<Record>) {
    records.clear();
    engine.drain_records(records);
    if !records.is_empty() {
        store.commit(records).unwrap();
    }
}

fn ids(count: usize) -> Vec<EntityId> {
    (0..count)
        .map(|n| EntityId::new("device", &format!("d{n}")).unwrap())
        .collect()
}

/// Operations a second over some entities.
fn operations(store: &mut dyn Store, entities: usize, operations: usize) -> f64 {
    let (mut engine, ids, mut records) = (engine(), ids(entities), Vec::new());
    let begin = Instant::now();
    let mut done = 0;
    while done < operations {
        let now = VirtualTime::from_millis(done as u64);
        for _ in 0..GROUP {
            let id = &ids[done % entities];
            engine.signal(id, "add", json!(1), now).unwrap();
            done += 1;
        }
        engine.run(now);
        commit(&mut engine, store, &mut records);
    }
    let rate = done as f64 / begin.elapsed().as_secs_f64();
    let first = engine.read(&ids[0]).unwrap();
    let first: Device = first.read().unwrap();
    assert!(first.count as usize >= operations / entities);
    rate
}

/// Orchestrations a second, each with an activity that is done after its cause was committed.
fn orchestrations(store: &mut dyn Store, count: usize) -> f64 {
    let (mut engine, mut records) = (engine(), Vec::new());
    let functions = functions();
    let begin = Instant::now();
    let mut done = 0;
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    while done < count {
        let now = VirtualTime::from_millis(done as u64);
        for _ in 0..1024 {
            engine.start("One", None, json!(done), now).unwrap();
            done += 1;
        }
        engine.run(now);
        commit(&mut engine, store, &mut records);
        while let Some(Work::Activity(work)) = engine.take_work(&mut |_, _, _| true, now) {
            let mut performing = functions.perform(&work, now);
            let std::task::Poll::Ready(result) = performing.as_mut().poll(&mut context) else {
                panic!("it waits for nothing");
            };
            engine
                .complete_activity(work.token, result.map(Some), now)
                .unwrap();
        }
        engine.run(now);
        commit(&mut engine, store, &mut records);
    }
    let rate = done as f64 / begin.elapsed().as_secs_f64();
    let ended = engine.instances().filter(|it| it.status().is_final());
    assert_eq!(ended.count(), done);
    rate
}

/// The time within which 99 of 100 signals are committed, at a rate of signals a second.
fn latency(store: &mut dyn Store, rate: f64) -> Duration {
    let (mut engine, ids, mut records) = (engine(), ids(1000), Vec::new());
    let mut took = Vec::new();
    let begin = Instant::now();
    let mut sent = 0_usize;
    while begin.elapsed() < Duration::from_secs(3) {
        // Those that have come by now share a commit; each came at its own time.
        let due = (begin.elapsed().as_secs_f64() * rate) as usize;
        if due == sent {
            std::thread::sleep(Duration::from_micros(50));
            continue;
        }
        let first = sent;
        let now = VirtualTime::from_millis(begin.elapsed().as_millis() as u64);
        while sent < due {
            let id = &ids[sent % ids.len()];
            engine.signal(id, "add", json!(1), now).unwrap();
            sent += 1;
        }
        engine.run(now);
        commit(&mut engine, store, &mut records);
        let end = begin.elapsed().as_secs_f64();
        took.extend((first..sent).map(|n| end - n as f64 / rate));
    }
    took.sort_by(f64::total_cmp);
    Duration::from_secs_f64(took[took.len() * 99 / 100])
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|it| it.parse().ok());
    pages.unwrap_or(0_usize) * 4096
}

/// Fills a folder with entities.
fn fill(folder: &Path, entities: usize) {
    let mut store = FjallStore::open(folder).unwrap();
    let (mut engine, mut records) = (engine(), Vec::new());
    for (n, id) in ids(entities).iter().enumerate() {
        engine
            .signal(id, "add", json!(1), VirtualTime::ZERO)
            .unwrap();
        if n % (4 * GROUP) == 0 {
            engine.run(VirtualTime::ZERO);
            commit(&mut engine, &mut store, &mut records);
        }
    }
    engine.run(VirtualTime::ZERO);
    commit(&mut engine, &mut store, &mut records);
}

/// What a process does that goes on with a folder: prints seconds, and bytes an entity.
fn restart(folder: &Path) {
    let begin = Instant::now();
    let mut engine = engine();
    let before = resident();
    let rows = {
        let mut store = FjallStore::open(folder).unwrap();
        store.load(Table::Engine).unwrap()
    };
    let loaded = begin.elapsed().as_secs_f64();
    engine.restore(rows).unwrap();
    engine.run(VirtualTime::ZERO);
    let seconds = begin.elapsed().as_secs_f64();
    let entities = engine.entities("device").count();
    let state = engine.read(&ids(1)[0]).unwrap().as_str().len();
    println!("restart with {entities} entities: {seconds:.2} s, {loaded:.2} s of it reading");
    // An upper bound: what the restart itself needed and gave back is in it.
    let bytes = resident().saturating_sub(before) / entities - state;
    println!("memory for an idle entity beyond its {state} bytes of state: {bytes} bytes");
}

/// Measures a restart in a process of its own, whose memory holds nothing else.
fn restarted(entities: usize) {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), entities);
    let status = Command::new(std::env::current_exe().unwrap())
        .arg("--restart")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
}

fn durable() -> (tempfile::TempDir, FjallStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FjallStore::open(folder.path()).unwrap();
    (folder, store)
}

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [flag, folder] = arguments.as_slice()
        && flag == "--restart"
    {
        return restart(Path::new(folder));
    }
    let scale = if arguments.iter().any(|it| it == "--quick") {
        10
    } else {
        1
    };
    restarted(1_000_000 / scale);
    let (_folder, mut store) = durable();
    let spread = operations(&mut store, 1000, 1_000_000 / scale);
    println!("operations a second over 1,000 entities: {spread:.0}");
    let (_folder, mut store) = durable();
    let hot = operations(&mut store, 1, 1_000_000 / scale);
    println!("operations a second on one entity: {hot:.0}");
    let (_folder, mut store) = durable();
    let rate = orchestrations(&mut store, 50_000 / scale);
    println!("orchestrations a second, of one activity each: {rate:.0}");
    for load in [50_000.0, spread / 2.0] {
        let (_folder, mut store) = durable();
        let p99 = latency(&mut store, load);
        println!(
            "at {load:.0} signals a second 99 of 100 are committed within: {:.2} ms",
            p99.as_secs_f64() * 1e3
        );
    }
    let mut memory = MemoryStore::new();
    let spread = operations(&mut memory, 1000, 1_000_000 / scale);
    println!("operations a second over 1,000 entities, in memory: {spread:.0}");
}
