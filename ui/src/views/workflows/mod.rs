//! Orchestrations: list, Gantt, sequence, history; what they called.

mod gantt;
mod history;
mod sequence;

use std::sync::Arc;

use leptos::prelude::*;
use serde_json::{Value, json};

use super::read::{Asked, number, part, text};
use crate::{
    app::{App, Pick},
    format,
    parts::{Column, Empty, Field, Grid, JsonEdit, Loading, Split, Sure, Tabs, Tree, TroubleBox},
    route::{Route, encode},
    words as w,
};

const COLUMNS: [Column; 5] = [
    Column::fixed(""),
    Column::fixed(w::NAME),
    Column::fixed(w::INSTANCE),
    Column::fixed(w::CREATED),
    Column::fixed(w::DURATION),
];
const CALLS: [Column; 5] = [
    Column::fixed(w::TIME),
    Column::fixed(w::CONNECTOR),
    Column::fixed(w::TARGET),
    Column::fixed(w::STATUS),
    Column::fixed(w::CONTENT),
];

/// The id of an instance.
pub(crate) fn id_of(instance: &Value) -> String {
    text(instance, &["id", "instance", "instance_id", "instanceId"])
}

/// The runtime status, in lower case.
pub(crate) fn status_of(instance: &Value) -> String {
    text(
        instance,
        &["status", "state", "runtime_status", "runtimeStatus"],
    )
    .to_lowercase()
}

/// Begin and end in nanoseconds of virtual time.
pub(crate) fn span_of(instance: &Value) -> (Option<u64>, Option<u64>) {
    (
        number(
            instance,
            &["created_at", "created", "started_at", "at", "start"],
        ),
        number(
            instance,
            &[
                "completed_at",
                "completed",
                "ended_at",
                "ended",
                "end",
                "updated_at",
                "updated",
            ],
        ),
    )
}

/// Whether something can be done to an instance in a state, as the engine sees it.
fn can(what: &str, status: &str) -> bool {
    let over = matches!(status, "completed" | "failed" | "terminated" | "canceled");
    match what {
        "suspend" => matches!(status, "running" | "pending"),
        "resume" => status == "suspended",
        "rewind" => status == "failed",
        "restart" | "purge" => over,
        _ => !over,
    }
}

/// The colour class of a status.
fn class_of(status: &str) -> &'static str {
    match status {
        "running" | "pending" => "dot info",
        "completed" => "dot ok",
        "failed" | "terminated" | "canceled" => "dot bad",
        "suspended" => "dot warn",
        _ => "dot",
    }
}

/// The view.
#[component]
pub(crate) fn Workflows(open: Option<String>) -> impl IntoView {
    let app = expect_context::<App>();
    let list = Asked::new(app, "/bench/workflows", 4);
    let tab = RwSignal::new("list");
    let wanted = RwSignal::new(String::new());
    let rows = Memo::new(move |_| {
        let wanted = wanted.get().to_lowercase();
        let fits = |instance: &Value| {
            let all = format!(
                "{} {} {}",
                id_of(instance),
                text(instance, &["name"]),
                status_of(instance)
            );
            all.to_lowercase().contains(&wanted)
        };
        let mut rows: Vec<Value> = list.rows().into_iter().filter(fits).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(span_of(row).0));
        Arc::new(rows)
    });
    let tabs = Signal::derive(|| {
        vec![
            ("list", w::LIST),
            ("gantt", w::GANTT),
            ("outbox", w::OUTBOX),
        ]
    });
    let opened = open.clone();
    let selected = Memo::new(move |_| {
        let rows = rows.read();
        match &opened {
            Some(open) => rows.iter().position(|row| id_of(row) == *open),
            None => (!rows.is_empty()).then_some(0),
        }
    });
    let go = move |row: usize| {
        if let Some(instance) = rows.with_untracked(|rows| rows.get(row).cloned()) {
            app.go(&Route::Workflows(Some(id_of(&instance))));
        }
    };
    let cells = move |row: usize| {
        let instance = Memo::new(move |_| rows.read().get(row).cloned().unwrap_or_default());
        let status = move || status_of(&instance.read());
        let created = move || {
            span_of(&instance.read())
                .0
                .map(|at| app.time(at))
                .unwrap_or_default()
        };
        let lasted = move || match span_of(&instance.read()) {
            (Some(from), Some(to)) => format::span(to.saturating_sub(from)),
            _ => String::new(),
        };
        view! {
            <span class=move || class_of(&status()) title=status></span>
            <span>{move || text(&instance.read(), &["name"])}</span>
            <span class="mono dim">{move || id_of(&instance.read())}</span>
            <span class="mono">{created}</span>
            <span class="number">{lasted}</span>
        }
        .into_any()
    };
    let state = list.state();
    let first = view! {
        <Tabs label=w::WORKFLOWS tabs=tabs open=tab />
        {move || match (tab.get(), state.get()) {
            ("outbox", _) => view! { <Outbox /> }.into_any(),
            (_, None) => view! { <Loading what=w::CONNECTING /> }.into_any(),
            (_, Some(Some(trouble))) => view! { <TroubleBox trouble again=move |()| list.again() /> }.into_any(),
            (_, Some(None)) if rows.read().is_empty() => view! {
                <Empty what=w::NO_WORKFLOWS how=w::NO_WORKFLOWS_HOW><a class="button" href=Route::Scenarios(None).hash()>{w::SCENARIOS}</a></Empty>
            }.into_any(),
            ("gantt", Some(None)) => view! { <gantt::Gantt rows=rows /> }.into_any(),
            (_, Some(None)) => view! {
                <div class="head"><input type="search" class="grow" data-filter="" placeholder=w::SEARCH_WORKFLOWS aria-label=w::SEARCH_WORKFLOWS on:input=move |event| wanted.set(event_target_value(&event)) /></div>
                <Grid label=w::WORKFLOWS columns=&COLUMNS widths="14px minmax(150px, 1.4fr) minmax(80px, 1fr) 96px 72px" rows=Signal::derive(move || rows.read().len()) selected=selected select=go open=go cells=cells />
            }.into_any(),
        }}
    }
    .into_any();
    // Nobody begins with an empty page: the newest stands there until another is picked.
    let shown = Memo::new(move |_| open.clone().or_else(|| rows.read().first().map(id_of)));
    let second = (move || match shown.get() {
        Some(id) => view! { <Instance id /> }.into_any(),
        None => view! { <Empty what=w::WORKFLOWS how=w::PICK_WORKFLOW /> }.into_any(),
    })
    .into_any();
    view! {
        <div class="head"><h1>{w::WORKFLOWS}</h1></div>
        <Split name="workflows" size=560.0 first=first second=second />
    }
}

/// One orchestration.
#[component]
fn Instance(id: String) -> impl IntoView {
    let app = expect_context::<App>();
    let path = format!("/bench/workflows/{}", encode(&id));
    let asked = Asked::new(app, path.clone(), 3);
    let state = asked.state();
    let tab = RwSignal::new("history");
    let tabs = Signal::derive(|| {
        vec![
            ("history", w::HISTORY),
            ("sequence", w::SEQUENCE),
            ("facts", w::DETAIL),
            ("raise", w::RAISE),
        ]
    });
    let act = {
        let path = path.clone();
        let id = StoredValue::new(id.clone());
        move |what: &'static str| {
            let path = format!("{path}/{what}");
            Callback::new(move |()| {
                let id = id.get_value();
                app.act_then(path.clone(), json!({}), move |answer| {
                    app.say("ok", w::WORKFLOW_DONE, "");
                    // What is restarted runs as another instance.
                    let now = text(&answer, &["instance"]);
                    if what == "restart" && !now.is_empty() && now != id {
                        app.go(&Route::Workflows(Some(now)));
                    } else {
                        asked.again();
                    }
                });
            })
        }
    };
    let value = Memo::new(move |_| asked.value().unwrap_or_default());
    let history = Memo::new(move |_| match part(&value.read(), &["history"]) {
        Value::Array(list) => list.iter().map(flat).collect(),
        _ => Vec::new(),
    });
    let event_name = RwSignal::new(String::new());
    let payload = RwSignal::new("{}".to_owned());
    let raise = {
        let path = format!("{path}/raise");
        move |input: Value| {
            let body = json!({ "name": event_name.get_untracked(), "event": event_name.get_untracked(), "input": input });
            app.act_then(path.clone(), body, move |_| {
                app.say("ok", w::WORKFLOW_DONE, "");
                asked.again();
            });
        }
    };
    let status = move || status_of(&value.read());
    let now = Memo::new(move |_| status_of(&value.read()));
    let (suspend, resume, terminate, rewind, restart, purge) = (
        act("suspend"),
        act("resume"),
        act("terminate"),
        act("rewind"),
        act("restart"),
        act("purge"),
    );
    move || match state.get() {
        None => view! { <Loading what=w::CONNECTING /> }.into_any(),
        Some(Some(trouble)) => {
            view! { <TroubleBox trouble again=move |()| asked.again() /> }.into_any()
        }
        Some(None) => {
            let raise = raise.clone();
            view! {
                <div class="head">
                    <h1 class="mono" data-test="instance">{id.clone()}</h1>
                    <span class="tag" data-test="instance-status">{status}</span>
                    <span class="grow"></span>
                    // Only what can be done to one in this state.
                    {move || {
                        let status = now.get();
                        let button = |label: &'static str, act: Callback<()>| view! { <button on:click=move |_| act.run(())>{label}</button> };
                        view! {
                            {can("suspend", &status).then(|| button(w::SUSPEND, suspend))}
                            {can("resume", &status).then(|| button(w::RESUME, resume))}
                            {can("rewind", &status).then(|| button(w::REWIND, rewind))}
                            {can("restart", &status).then(|| button(w::RESTART, restart))}
                            {can("terminate", &status).then(|| view! { <Sure label=w::TERMINATE act=terminate /> })}
                            {can("purge", &status).then(|| view! { <Sure label=w::PURGE act=purge /> })}
                        }
                    }}
                </div>
                <Tabs label=w::INSTANCE tabs=tabs open=tab />
                {move || {
                    let raise = raise.clone();
                    match tab.get() {
                        "sequence" => view! { <sequence::Sequence history=history /> }.into_any(),
                        "facts" => view! { <div class="pad scroll"><Tree value=facts(&value.read()) /></div> }.into_any(),
                        "raise" => view! {
                            <div class="pad stack fill">
                                <Field label=w::EVENT_NAME>
                                    <input data-test="event-name" prop:value=move || event_name.get() on:input=move |event| event_name.set(event_target_value(&event)) />
                                </Field>
                                <JsonEdit text=payload label=w::PAYLOAD save=raise action=w::RAISE />
                            </div>
                        }.into_any(),
                        _ => view! { <history::History history=history /> }.into_any(),
                    }
                }}
            }
            .into_any()
        }
    }
}

/// A row with the fields of its kind, or of its detail, beside its own.
pub(crate) fn flat(row: &Value) -> Value {
    let Value::Object(row) = row else {
        return row.clone();
    };
    let mut out = row.clone();
    if let Some(Value::Object(kind)) = row.get("kind")
        && let Some((name, inside)) = kind.iter().next()
    {
        out.insert("kind".into(), name.clone().into());
        if let Value::Object(inside) = inside {
            out.extend(inside.clone());
        }
    }
    if let Some(Value::Object(detail)) = row.get("detail") {
        let new = detail.iter().filter(|(name, _)| !row.contains_key(*name));
        out.extend(new.map(|(name, value)| (name.clone(), value.clone())));
    }
    Value::Object(out)
}

/// What is known of an instance besides its history.
fn facts(instance: &Value) -> Value {
    let mut facts = instance.clone();
    if let Value::Object(map) = &mut facts {
        map.remove("history");
    }
    facts
}

/// Calls that connectors would have made.
#[component]
fn Outbox() -> impl IntoView {
    let app = expect_context::<App>();
    let asked = Asked::new(app, "/bench/outbox", 4);
    let picked = RwSignal::new(None::<usize>);
    let rows = Memo::new(move |_| asked.rows().iter().map(flat).collect::<Vec<_>>());
    let cells = move |row: usize| {
        let call = Memo::new(move |_| rows.read().get(row).cloned().unwrap_or_default());
        let at = move || number(&call.read(), &["at", "time"]);
        view! {
            <span class="mono">{move || at().map(|at| app.time(at)).unwrap_or_default()}</span>
            <span>{move || text(&call.read(), &["connector", "kind", "lane"])}</span>
            <span class="mono">{move || text(&call.read(), &["target", "to", "url", "recipient", "device"])}</span>
            <span>{move || text(&call.read(), &["status", "outcome"])}</span>
            <span class="dim">{move || text(&call.read(), &["title", "subject", "text", "body", "content"])}</span>
        }
        .into_any()
    };
    let select = move |row: usize| {
        picked.set(Some(row));
        let event = rows.with_untracked(|rows| {
            rows.get(row)
                .and_then(|call| number(call, &["event", "event_id", "id"]))
        });
        if let Some(id) = event {
            app.pick.set(Pick::Event(id));
        }
    };
    let state = asked.state();
    move || {
        match state.get() {
        None => view! { <Loading what=w::CONNECTING /> }.into_any(),
        Some(Some(trouble)) => view! { <TroubleBox trouble again=move |()| asked.again() /> }.into_any(),
        Some(None) if rows.read().is_empty() => view! { <Empty what=w::NO_OUTBOX how=w::NO_OUTBOX_HOW /> }.into_any(),
        Some(None) => view! {
            <Grid label=w::OUTBOX columns=&CALLS widths="110px 90px minmax(100px, 1fr) 80px minmax(100px, 1fr)" rows=Signal::derive(move || rows.read().len()) selected=picked select=select open=select cells=cells />
            {move || picked.get().and_then(|row| rows.read().get(row).cloned()).map(|call| view! {
                <div class="pad scroll" style:max-height="45%" style:border-top="1px solid var(--line)"><Tree value=call /></div>
            })}
        }
        .into_any(),
    }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_done_is_offered() {
        let offered = |status: &str| {
            let all = [
                "suspend",
                "resume",
                "rewind",
                "restart",
                "terminate",
                "purge",
            ];
            let kept = all.into_iter().filter(|what| can(what, status));
            kept.collect::<Vec<_>>()
        };
        assert_eq!(offered("running"), ["suspend", "terminate"]);
        assert_eq!(offered("suspended"), ["resume", "terminate"]);
        assert_eq!(offered("completed"), ["restart", "purge"]);
        assert_eq!(offered("failed"), ["rewind", "restart", "purge"]);
    }

    #[test]
    fn a_row_has_the_fields_of_its_kind() {
        let row =
            json!({"at": 1, "id": 0, "kind": {"TaskScheduled": {"name": "SendSms", "input": 7}}});
        let flat = flat(&row);
        assert_eq!(
            (
                text(&flat, &["kind"]).as_str(),
                text(&flat, &["name"]).as_str()
            ),
            ("TaskScheduled", "SendSms")
        );
        let call = json!({"title": "t", "detail": {"title": "other", "connector": "Sms"}});
        assert_eq!(
            (
                text(&super::flat(&call), &["connector"]),
                text(&super::flat(&call), &["title"])
            ),
            ("Sms".into(), "t".into())
        );
    }
}
