//! The outcome does not depend on the number of threads.

use serde_json::json;
use twinbench_engine::{
    Engine, Failure, OrchestrationContext, RetryPolicy,
    store::{MemoryStore, Store},
};
use twinbench_model::{Event, Record};

use crate::common::{NOW, functions, ledger, millis, secs};

async fn busy(cx: OrchestrationContext, n: i64) -> Result<i64, Failure> {
    let (own, next) = (
        ledger(&format!("{}", n % 40)),
        ledger(&format!("{}", (n + 1) % 40)),
    );
    cx.signal(&own, "write", json!(n))?;
    let doubled: i64 = cx
        .activity_with_retry("Double", &n, RetryPolicy::new(3, millis(50)))
        .await
        .unwrap_or(-1);
    let section = cx.lock([own.clone(), next.clone()]).await?;
    cx.call_entity::<()>(&own, "write", json!(doubled)).await?;
    cx.call_entity::<()>(&next, "write", json!(doubled)).await?;
    drop(section);
    let echoed: i64 = cx.sub_orchestration("Echo", &n).await?;
    cx.timer(millis(n as u64 % 7)).await?;
    cx.signal(&next, "tell", json!([format!("{}", n % 13), n, n + 3]))?;
    if n % 10 == 0 {
        cx.continue_as_new(json!(n + 1));
    }
    Ok(echoed)
}

/// Everything that comes out of a run, commit by commit.
fn outcome(threads: usize, restarts: bool) -> (Vec<Record>, Vec<Event>) {
    let functions = functions()
        .orchestration("Busy", busy)
        .activity("Double", |_, n: i64| {
            if n % 5 == 0 {
                return Err(Failure::new("Planned", "as asked"));
            }
            Ok(n * 2)
        });
    let make = || {
        Engine::builder()
            .functions(functions.clone())
            .batch(16)
            .threads(threads)
            .check_replays(false)
            .build()
    };
    let (mut engine, mut store) = (make(), MemoryStore::new());
    let (mut records, mut events) = (Vec::new(), Vec::new());
    let mut now = NOW;
    for round in 0..4 {
        for n in 0..150 {
            engine
                .start("Busy", Some(&format!("{round}-{n}")), json!(n), now)
                .unwrap();
            engine
                .signal(&ledger(&format!("{}", n % 40)), "write", json!(-n), now)
                .unwrap();
        }
        engine.run(now);
        let until = now + secs(1);
        loop {
            let mut some = Vec::new();
            engine.drain_records(&mut some);
            engine.drain_events(&mut events);
            store.commit(&some).unwrap();
            records.append(&mut some);
            let Some(due) = engine.next_timer().filter(|due| *due <= until) else {
                break;
            };
            now = due;
            engine.run(now);
        }
        now = until;
        if restarts {
            engine = make();
            engine
                .restore(store.load(twinbench_model::Table::Engine).unwrap())
                .unwrap();
        }
    }
    let ended = engine.instances().filter(|it| it.status().is_final());
    assert_eq!(ended.count(), engine.instances().count());
    (records, events)
}

/// 1, 2, 4 and 8 threads: the same records and the same events, in the same order.
#[test]
fn records_and_events_are_the_same_with_any_number_of_threads() {
    for restarts in [false, true] {
        let (records, events) = outcome(1, restarts);
        assert!(records.len() > 5000 && events.len() > 5000);
        for threads in [2, 4, 8] {
            let (more_records, more_events) = outcome(threads, restarts);
            assert!(
                more_events == events,
                "events differ with {threads} threads"
            );
            assert!(
                more_records == records,
                "records differ with {threads} threads"
            );
        }
    }
}
