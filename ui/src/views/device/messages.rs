//! Messages of the device as the hub took them.

use leptos::{prelude::*, task::spawn_local};
use serde_json::Value;

use super::Ctx;
use crate::{
    api::{self, Trouble},
    parts::{Column, Empty, Grid, Loading, Tree, TroubleBox},
    words as w,
};

const COLUMNS: [Column; 3] = [
    Column::fixed(w::TIME),
    Column::fixed(w::PROPERTIES),
    Column::fixed(w::BODY),
];

/// A value in one line.
pub(crate) fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The list with one message open.
#[component]
pub(crate) fn Messages(ctx: Ctx) -> impl IntoView {
    let app = ctx.app;
    let list = RwSignal::new(None::<Result<Vec<Value>, Trouble>>);
    let picked = RwSignal::new(None::<usize>);
    let load = move || {
        spawn_local(async move {
            let answer = api::get::<Value>(&app.place(), &ctx.path("/messages?limit=200")).await;
            list.try_set(Some(answer.map(|answer| crate::state::list_of(&answer))));
        });
    };
    load();
    let ticks = Memo::new(move |_| app.tick.get() / 8);
    Effect::new(move |before: Option<()>| {
        ticks.get();
        // What somebody reads stays.
        if before.is_some() && picked.get_untracked().is_none() {
            load();
        }
    });
    let rows = Memo::new(move |_| match &*list.read() {
        Some(Ok(rows)) => rows.clone(),
        _ => Vec::new(),
    });
    let state = Memo::new(move |_| {
        list.read()
            .as_ref()
            .map(|answer| answer.as_ref().err().cloned())
    });
    let cells = move |row: usize| {
        let message = Memo::new(move |_| rows.read().get(row).cloned().unwrap_or_default());
        let at = move || {
            message
                .read()
                .get("at")
                .and_then(Value::as_u64)
                .unwrap_or_default()
        };
        let part = move |name: &'static str| {
            move || one_line(message.read().get(name).unwrap_or(&Value::Null))
        };
        view! {
            <span class="mono">{move || app.time(at())}</span>
            <span class="mono dim">{part("properties")}</span>
            <span class="mono">{part("body")}</span>
        }
        .into_any()
    };
    move || {
        match state.get() {
        None => view! { <Loading what=w::CONNECTING /> }.into_any(),
        Some(Some(trouble)) => view! { <TroubleBox trouble again=move |()| load() /> }.into_any(),
        Some(None) if rows.with(Vec::is_empty) => view! { <Empty what=w::NO_MESSAGES how=w::NO_MESSAGES_HOW><button on:click=move |_| load()>{w::REFRESH}</button></Empty> }.into_any(),
        Some(None) => view! {
            <Grid
                label=w::MESSAGES
                columns=&COLUMNS
                widths="130px minmax(100px, 1fr) minmax(200px, 2fr)"
                rows=Signal::derive(move || rows.read().len())
                selected=picked
                select=move |row| picked.set(Some(row))
                open=move |row| picked.set(Some(row))
                cells=cells
            />
            {move || picked.get().and_then(|row| rows.read().get(row).cloned()).map(|message| view! {
                <div class="pad scroll" style:max-height="45%" style:border-top="1px solid var(--line)" data-test="message">
                    <div class="row"><h2 class="grow">{w::MESSAGE}</h2><button on:click=move |_| picked.set(None)>{w::CLOSE}</button></div>
                    <Tree value=message />
                </div>
            })}
        }
        .into_any(),
    }
    }
}
