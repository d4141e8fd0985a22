//! Figures of duroxide with SQLite, measured as `engine-figures` measures ours: orchestrations a
//! second, of one activity each, 256 under way at a time.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use duroxide::{
    ActivityContext, Client, OrchestrationContext, OrchestrationRegistry,
    providers::sqlite::SqliteProvider,
    runtime::{Runtime, registry::ActivityRegistry},
};

const COUNT: usize = 2048;
const UNDER_WAY: usize = 256;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("peer.db");
    std::fs::File::create(&file)?;
    let store = Arc::new(SqliteProvider::new(&format!("sqlite:{}", file.display()), None).await?);
    let activities = ActivityRegistry::builder()
        .register("Double", |_: ActivityContext, input: String| async move {
            let number: i64 = input.parse().map_err(|_| "not a number".to_owned())?;
            Ok((number * 2).to_string())
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("One", |cx: OrchestrationContext, input: String| async move {
            cx.schedule_activity("Double", input).await
        })
        .build();
    let runtime =
        Runtime::start_with_store(store.clone(), activities, orchestrations).await;
    let client = Client::new(store);
    let begin = Instant::now();
    for first in (0..COUNT).step_by(UNDER_WAY) {
        let names: Vec<_> = (first..first + UNDER_WAY).map(|n| format!("i{n}")).collect();
        for name in &names {
            client.start_orchestration(name, "One", "4").await?;
        }
        for name in &names {
            client
                .wait_for_orchestration(name, Duration::from_secs(60))
                .await?;
        }
    }
    let rate = COUNT as f64 / begin.elapsed().as_secs_f64();
    println!("duroxide with SQLite: orchestrations a second, of one activity each: {rate:.0}");
    runtime.shutdown(None).await;
    Ok(())
}
