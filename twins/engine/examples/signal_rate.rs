//! Signals a second through the engine and a store: 1,000 entities, each with a history of the
//! last 60 readings, one commit every 4,096 signals, one `run` a signal as the stepping loop does.
//!
//! `cargo run --release -p twinbench-engine --example signal_rate`

use std::{collections::BTreeMap, time::Instant};

use serde::{Deserialize, Serialize};
use twinbench_engine::{
    Engine, Entity, EntityContext, Failure, Json,
    store::{FjallStore, MemoryStore, Store},
};
use twinbench_model::{EntityId, VirtualDuration, VirtualTime};

const ENTITIES: usize = 1_000;
const HISTORY: usize = 60;
const COMMIT: usize = 4_096;
const SIGNALS: usize = 200_000;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Reading {
    temperature: f64,
    humidity: f64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Device {
    history: BTreeMap<u64, Reading>,
    last: Option<Reading>,
}

impl Entity for Device {
    const ALWAYS_SERIALISES: bool = true;

    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation {
            "TelemetryReceived" => {
                let reading: Reading = input.read()?;
                self.history.insert(cx.virtual_now().as_nanos(), reading);
                while self.history.len() > HISTORY {
                    self.history.pop_first();
                }
                self.last = Some(reading);
                Ok(None)
            }
            other => Err(Failure::unknown_operation(other)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
fn measure(name: &str, store: &mut impl Store) -> Result<(), Box<dyn std::error::Error>> {
    let mut engine = Engine::builder().entity::<Device>("Device").build();
    let ids: Vec<EntityId> = (0..ENTITIES)
        .map(|n| EntityId::new("Device", &format!("device-{n:04}")))
        .collect::<Result<_, _>>()?;
    let mut now = VirtualTime::ZERO;
    let (mut records, mut events) = (Vec::new(), Vec::new());
    let mut commits = 0;
    let mut run = |engine: &mut Engine, signals: usize| -> Result<(), Box<dyn std::error::Error>> {
        for n in 0..signals {
            now += VirtualDuration::from_millis(1);
            let input = Json::parse(format!(
                r#"{{"timestamp":"2026-01-01T00:00:00Z","deviceId":"device","deviceName":"device","temperature":{}.{:02},"humidity":55.25}}"#,
                n % 40,
                n % 100
            ))?;
            engine.signal(&ids[n % ENTITIES], "TelemetryReceived", input, now)?;
            engine.run(now);
            if n % COMMIT == COMMIT - 1 {
                engine.drain_records(&mut records);
                store.commit(&records)?;
                records.clear();
                engine.drain_events(&mut events);
                events.clear();
                commits += 1;
            }
        }
        Ok(())
    };
    run(&mut engine, ENTITIES * HISTORY)?;
    let start = Instant::now();
    run(&mut engine, SIGNALS)?;
    let took = start.elapsed();
    println!(
        "{name}: {:.0} signals/s ({SIGNALS} in {took:.2?}, {commits} commits with those before)",
        SIGNALS as f64 / took.as_secs_f64(),
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    measure("memory", &mut MemoryStore::new())?;
    let folder = tempfile::tempdir()?;
    measure("fjall", &mut FjallStore::open(folder.path())?)?;
    Ok(())
}
