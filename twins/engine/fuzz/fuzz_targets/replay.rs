//! A history that was never written by an orchestrator, replayed by one: it goes on, ends, or fails
//! and says what differs.
//!
//! The input is JSON: the rows of the past, and
//! the new ones.

#![no_main]

use std::sync::Arc;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use twinbench_engine::{
    Functions, HistoryEvent, Json, OrchestrationContext,
    work::{OrchestratorWork, Token},
};
use twinbench_model::{EntityId, Epoch, VirtualDuration};

fuzz_target!(|data: &[u8]| {
    let Ok((past, new)) = serde_json::from_slice::<(Vec<HistoryEvent>, Vec<HistoryEvent>)>(data)
    else {
        return;
    };
    let functions = Functions::new().orchestration(
        "a",
        |cx: OrchestrationContext, _: Json| async move {
            let Ok(entity) = EntityId::new("a", "a") else {
                return Ok(());
            };
            cx.activity::<Json>("a", &0).await?;
            cx.timer(VirtualDuration::from_secs(1)).await?;
            let section = cx.lock([entity.clone()]).await?;
            cx.call_entity::<Json>(&entity, "a", json!(0)).await?;
            drop(section);
            cx.sub_orchestration::<Json>("a", &0).await?;
            cx.external_event::<Json>("a").await?;
            cx.continue_as_new(json!(0));
            Ok(())
        },
    );
    let work = OrchestratorWork {
        token: Token(0),
        instance: "a".into(),
        execution: "a".into(),
        name: "a".to_owned(),
        version: None,
        past: Arc::new(past),
        new,
    };
    functions.orchestrate(&work, Epoch::new(Timestamp::UNIX_EPOCH));
});
