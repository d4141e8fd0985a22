//! Kill -9 in the middle of an engine's work: 1,000 entities receive signals, orchestrations run.
//! After each restart everything acknowledged is there, and nothing is there twice.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use twinbench_engine::{
    Engine, Entity, EntityContext, Failure, Json, OrchestrationContext, Status,
    store::{Error, FjallStore, Store},
};
use twinbench_model::{EntityId, Record, Table, VirtualDuration, VirtualTime};

/// Set for the process that is to be killed; its engine commits into this folder.
const FOLDER: &str = "TWINBENCH_TEST_ENGINE_IN";
const ENTITIES: u64 = 1000;
/// Signals and orchestrations of one commit.
const SIGNALS: u64 = 300;
const STARTS: u64 = 20;
/// The row that says how many commits there were; it is of the same commit.
const ROUNDS: &[u8] = b"rounds";

/// What it was told: enough to see what is missing, doubled, or out of order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    count: u64,
    sum: u64,
    last: u64,
    disordered: bool,
}

impl Tally {
    fn add(&mut self, number: u64) {
        self.count += 1;
        self.sum += number;
        self.disordered |= number <= self.last;
        self.last = number;
    }
}

impl Entity for Tally {
    const ALWAYS_SERIALISES: bool = true;

    fn dispatch(
        &mut self,
        _: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation {
            "add" => self.add(input.read()?),
            // In any order: orchestrations are under way side by side.
            "total" => {
                self.count += 1;
                self.sum += input.read::<u64>()?;
            }
            other => return Err(Failure::unknown_operation(other)),
        }
        Ok(None)
    }
}

fn tally(key: &str) -> EntityId {
    EntityId::new("Tally", key).unwrap()
}

/// An activity, a timer, a lock, a call, a sub-orchestration, a signal.
async fn journey(cx: OrchestrationContext, n: u64) -> Result<u64, Failure> {
    let doubled: u64 = cx.activity("Double", &n).await?;
    cx.timer(VirtualDuration::from_millis(n % 25)).await?;
    let locked = tally(&format!("locked{}", n % 5));
    let section = cx.lock([locked.clone()]).await?;
    cx.call_entity::<()>(&locked, "total", json!(doubled))
        .await?;
    drop(section);
    let again: u64 = cx.sub_orchestration("Child", &doubled).await?;
    cx.signal(&tally("total"), "total", json!(again))?;
    Ok(again)
}

fn engine() -> Engine {
    Engine::builder()
        .entity::<Tally>("Tally")
        .orchestration("Journey", journey)
        .orchestration("Child", |_, n: u64| async move { Ok(n) })
        .activity("Double", |_, n: u64| Ok(n * 2))
        .threads(2)
        .check_replays(false)
        .build()
}

/// Which entity the `n`th signal goes to.
fn target(n: u64) -> u64 {
    (n * 7919) % ENTITIES
}

fn open(folder: &Path) -> (FjallStore, Engine, u64) {
    let mut store = FjallStore::open(folder).unwrap();
    let rounds = store
        .load(Table::Bench)
        .unwrap()
        .into_iter()
        .find(|(key, _)| key == ROUNDS)
        .map_or(0, |(_, value)| {
            u64::from_be_bytes(value.try_into().unwrap())
        });
    let mut engine = engine();
    engine.restore(store.load(Table::Engine).unwrap()).unwrap();
    (store, engine, rounds)
}

fn at(round: u64) -> VirtualTime {
    VirtualTime::from_millis(1000 + round * 10)
}

/// The process that is killed: a round of signals and starts, a commit, and only then its word.
fn work_until_killed(folder: &Path) {
    let (mut store, mut engine, rounds) = open(folder);
    for round in rounds.. {
        let now = at(round);
        for n in round * SIGNALS..(round + 1) * SIGNALS {
            let to = tally(&target(n).to_string());
            engine.signal(&to, "add", json!(n + 1), now).unwrap();
        }
        for n in round * STARTS..(round + 1) * STARTS {
            let id = format!("journey{n}");
            engine.start("Journey", Some(&id), json!(n), now).unwrap();
        }
        // Half of the commits come before what was taken in is done.
        if round % 2 == 0 {
            engine.run(now);
        }
        let mut records = Vec::new();
        engine.drain_records(&mut records);
        let next = (round + 1).to_be_bytes();
        records.push(Record::put(Table::Bench, ROUNDS, next));
        store.commit(&records).unwrap();
        println!("acknowledged {round}");
        std::io::stdout().flush().unwrap();
    }
}

fn child(data: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "everything_acknowledged_is_there_once",
            "--nocapture",
        ])
        .env(FOLDER, data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Compares everything with what the rounds have brought.
fn check(engine: &Engine, rounds: u64) {
    let mut expected: BTreeMap<u64, Tally> = BTreeMap::new();
    for n in 0..rounds * SIGNALS {
        expected.entry(target(n)).or_default().add(n + 1);
    }
    for (key, expected) in &expected {
        let found: Tally = engine
            .read(&tally(&key.to_string()))
            .unwrap()
            .read()
            .unwrap();
        assert_eq!(found, *expected, "entity {key}");
        assert!(!found.disordered);
    }
    let journeys = rounds * STARTS;
    let mut ended = 0;
    for it in engine.instances() {
        assert_eq!(it.status(), Status::Completed, "{it:?}");
        ended += u64::from(it.name() == "Journey");
    }
    assert_eq!(ended, journeys);
    assert_eq!(engine.instances().count() as u64, 2 * journeys);
    let sum: u64 = (0..journeys).map(|n| n * 2).sum();
    let total: Tally = engine.read(&tally("total")).unwrap().read().unwrap();
    assert_eq!((total.count, total.sum), (journeys, sum));
    let locked = (0..5).map(|n| engine.read(&tally(&format!("locked{n}"))).unwrap());
    let locked: u64 = locked.map(|it| it.read::<Tally>().unwrap().sum).sum();
    assert_eq!(locked, sum);
}

/// Starts itself as the process that is killed, which only the variable tells apart.
#[test]
fn everything_acknowledged_is_there_once() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return work_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut known = 0;
    for kill in 1..=5u64 {
        let mut child = child(&data);
        let mut acknowledged = None;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut killed = false;
        // What the child printed before it was killed still comes after it.
        for line in lines.map_while(Result::ok) {
            // The test harness writes the test's name before its first line.
            let Some((_, round)) = line.split_once("acknowledged ") else {
                continue;
            };
            acknowledged = Some(round.parse::<u64>().unwrap());
            if !killed && acknowledged >= Some(known + 5 * kill) {
                // While it lives nobody else gets the folder.
                let error = FjallStore::open(&data).unwrap_err();
                assert!(matches!(error, Error::InUse { .. }), "{error}");
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        let last = acknowledged.expect("the child commits");

        let (store, mut engine, rounds) = open(&data);
        assert!(rounds > last, "{last} was acknowledged, {rounds} are there");
        // Everything that was under way comes to its end, in this process and not in the store.
        engine.run(at(rounds));
        while let Some(due) = engine.next_timer() {
            engine.run(due);
        }
        check(&engine, rounds);
        drop(store);
        known = rounds;
    }
}
