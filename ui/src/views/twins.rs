//! Entities: list, state, operations, signals.

use std::sync::Arc;

use leptos::prelude::*;
use serde_json::{Value, json};

use super::read::{Asked, number, part, text};
use crate::{
    app::App,
    format,
    parts::{Column, Empty, Field, Grid, JsonEdit, Loading, Split, Tree, TroubleBox, changes},
    route::{Route, encode},
    words as w,
};

const COLUMNS: [Column; 3] = [
    Column::fixed(w::ENTITY),
    Column::fixed(w::NAME),
    Column::fixed(w::LAST_OPERATION),
];

/// Name and key of an entity in a list.
fn id_of(entity: &Value) -> (String, String) {
    let id = part(entity, &["id", "entity", "entityId"]);
    let own = |names: &[&str]| {
        let direct = text(entity, names);
        if direct.is_empty() {
            text(&id, names)
        } else {
            direct
        }
    };
    (own(&["name", "entityName"]), own(&["key", "entityKey"]))
}

/// The view.
#[component]
pub(crate) fn Twins(open: Option<(String, String)>) -> impl IntoView {
    let app = expect_context::<App>();
    let list = Asked::new(app, "/bench/entities", 8);
    let wanted = RwSignal::new(String::new());
    let rows = Memo::new(move |_| {
        let wanted = wanted.get().to_lowercase();
        let fits = |entity: &Value| {
            let (name, key) = id_of(entity);
            name.to_lowercase().contains(&wanted) || key.to_lowercase().contains(&wanted)
        };
        Arc::new(list.rows().into_iter().filter(fits).collect::<Vec<_>>())
    });
    let opened = open.clone();
    let selected = Memo::new(move |_| {
        let rows = rows.read();
        match &opened {
            Some(open) => rows.iter().position(|entity| id_of(entity) == *open),
            None => (!rows.is_empty()).then_some(0),
        }
    });
    let go = move |row: usize| {
        if let Some(entity) = rows.with_untracked(|rows| rows.get(row).cloned()) {
            app.go(&Route::Twins(Some(id_of(&entity))));
        }
    };
    let cells = move |row: usize| {
        let entity = Memo::new(move |_| rows.read().get(row).cloned().unwrap_or_default());
        let last = move || {
            let at = number(
                &entity.read(),
                &["last_at", "last_operation_at", "lastModified", "at"],
            );
            at.map(|at| app.time(at)).unwrap_or_default()
        };
        view! {
            <span class="mono">{move || id_of(&entity.read()).1}</span>
            <span>{move || id_of(&entity.read()).0}</span>
            <span class="mono dim">{last}</span>
        }
        .into_any()
    };
    let state = list.state();
    let first = view! {
        <div class="head">
            <input type="search" class="grow" data-filter="" data-test="entity-search" placeholder=w::SEARCH_ENTITIES aria-label=w::SEARCH_ENTITIES on:input=move |event| wanted.set(event_target_value(&event)) />
        </div>
        {move || match state.get() {
            None => view! { <Loading what=w::CONNECTING /> }.into_any(),
            Some(Some(trouble)) => view! { <TroubleBox trouble again=move |()| list.again() /> }.into_any(),
            Some(None) if rows.read().is_empty() => view! {
                <Empty what=w::NO_ENTITIES how=w::NO_ENTITIES_HOW><button on:click=move |_| list.again()>{w::REFRESH}</button></Empty>
            }.into_any(),
            Some(None) => view! {
                <Grid label=w::ENTITIES columns=&COLUMNS widths="minmax(120px, 1fr) minmax(130px, 1.2fr) 100px" rows=Signal::derive(move || rows.read().len()) selected=selected select=go open=go cells=cells />
            }.into_any(),
        }}
    }
    .into_any();
    // Nobody begins with an empty page: the first one stands there until another is picked.
    let shown = Memo::new(move |_| open.clone().or_else(|| rows.read().first().map(id_of)));
    let second = (move || match shown.get() {
        Some((name, key)) => view! { <Entity name key /> }.into_any(),
        None => view! { <Empty what=w::PICK_ENTITY how=w::PICK_ENTITY_HOW /> }.into_any(),
    })
    .into_any();
    view! {
        <div class="head"><h1>{w::TWINS}</h1></div>
        <Split name="twins" size=480.0 first=first second=second />
    }
}

/// One entity.
#[component]
fn Entity(name: String, key: String) -> impl IntoView {
    let app = expect_context::<App>();
    let path = format!("/bench/entities/{}/{}", encode(&name), encode(&key));
    let asked = Asked::new(app, path.clone(), 4);
    let operation = RwSignal::new(String::new());
    let input = RwSignal::new("null".to_owned());
    let send = move |input: Value| {
        let operation = operation.get_untracked().trim().to_owned();
        if operation.is_empty() {
            app.say("bad", w::NO_OPERATION_NAME, "");
            return;
        }
        app.act_then(
            format!("{path}/signal"),
            json!({ "operation": operation, "input": input }),
            move |_| {
                app.say("ok", w::SIGNALLED, "");
                asked.again();
            },
        );
    };
    let history = Memo::new(move |_| {
        let value = asked.value().unwrap_or_default();
        match part(&value, &["history", "operations"]) {
            Value::Array(mut list) => {
                list.reverse();
                list
            }
            _ => Vec::new(),
        }
    });
    let entity_state = Memo::new(move |_| part(&asked.value().unwrap_or_default(), &["state"]));
    // What the last operation changed is marked.
    let before = StoredValue::new(None::<Value>);
    let marked = Memo::new(move |_| {
        let now = entity_state.get();
        let recorded = history
            .read()
            .first()
            .map(|last| part(last, &["before", "state_before"]));
        let old = recorded
            .filter(|old| !old.is_null())
            .or_else(|| before.get_value());
        let found = old.map(|old| changes(&old, &now)).unwrap_or_default();
        before.set_value(Some(now));
        found
    });
    let state = asked.state();
    let title = format!("{name} / {key}");
    move || match state.get() {
        None => view! { <Loading what=w::CONNECTING /> }.into_any(),
        Some(Some(trouble)) => {
            view! { <TroubleBox trouble again=move |()| asked.again() /> }.into_any()
        }
        Some(None) => {
            let send = send.clone();
            view! {
                <div class="head"><h1 class="mono" data-test="entity">{title.clone()}</h1></div>
                <div class="columns">
                    <div data-test="entity-state">
                        <h2>{w::ENTITY_STATE}</h2>
                        {move || view! { <Tree value=entity_state.get() changed=marked.get() /> }}
                        <h2>{w::SIGNAL}</h2>
                        <Field label=w::OPERATION>
                            <input data-test="operation" prop:value=move || operation.get() on:input=move |event| operation.set(event_target_value(&event)) />
                        </Field>
                        <JsonEdit text=input label=w::INPUT save=send action=w::SEND />
                    </div>
                    <div data-test="entity-history">
                        <h2>{w::OPERATIONS}</h2>
                        {move || history.read().is_empty().then(|| view! { <p class="dim">{w::NO_OPERATIONS}</p> })}
                        {move || history.get().into_iter().take(100).map(|entry| view! { <Operation entry /> }).collect_view()}
                    </div>
                </div>
            }
            .into_any()
        }
    }
}

/// One operation, with what it changed.
#[component]
fn Operation(entry: Value) -> impl IntoView {
    let app = expect_context::<App>();
    let at = number(&entry, &["at", "time"]);
    let name = text(&entry, &["operation", "name", "title"]);
    let (before, after) = (
        part(&entry, &["before", "state_before"]),
        part(&entry, &["after", "state_after", "state"]),
    );
    let found: Vec<String> = if before.is_null() && after.is_null() {
        match part(&entry, &["changed", "changes"]) {
            Value::Array(list) => list
                .iter()
                .map(|path| {
                    path.as_str()
                        .map_or_else(|| path.to_string(), str::to_owned)
                })
                .collect(),
            _ => Vec::new(),
        }
    } else {
        changes(&before, &after).into_iter().take(12).collect()
    };
    let unknown = before.is_null() && after.is_null() && entry.get("changed").is_none();
    let note = if unknown {
        let input = part(&entry, &["input"]);
        format::plain(&input.to_string())
            .chars()
            .take(160)
            .collect()
    } else if found.is_empty() {
        w::NO_CHANGE.to_owned()
    } else {
        format!("{}: {}", w::CHANGED, found.join(", "))
    };
    view! {
        <details class="card">
            <summary class="row">
                <span class="mono dim">{move || at.map(|at| app.time(at)).unwrap_or_default()}</span>
                <strong>{name}</strong>
                <span class="dim grow one-line">{note}</span>
            </summary>
            <Tree value=entry />
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_has_name_and_key_in_either_shape() {
        let pair = ("DeviceEntity".to_owned(), "devkit-01".to_owned());
        assert_eq!(
            id_of(&json!({"name": "DeviceEntity", "key": "devkit-01"})),
            pair
        );
        assert_eq!(
            id_of(&json!({"id": {"name": "DeviceEntity", "key": "devkit-01"}})),
            pair
        );
    }
}
