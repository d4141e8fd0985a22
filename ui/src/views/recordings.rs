//! Recordings: open, compare, export.

use leptos::{prelude::*, task::spawn_local};
use serde_json::{Value, json};

use super::read::{Asked, number, text};
use crate::{
    api,
    app::{App, Pick},
    format,
    keys::Command,
    parts::{Empty, Loading, Note, Tree, TroubleBox},
    route::{Route, encode},
    words as w,
};

fn name_of(recording: &Value) -> String {
    text(recording, &["name", "id", "path", "file"])
}

/// The view.
#[component]
pub(crate) fn Recordings() -> impl IntoView {
    let app = expect_context::<App>();
    let list = Asked::new(app, "/bench/recordings", 8);
    let ticked = RwSignal::new(Vec::<String>::new());
    let difference = RwSignal::new(None::<Value>);
    let note = RwSignal::new(None);
    let compare = move |_| {
        let both = ticked.get_untracked();
        if let [one, other] = both.as_slice() {
            let path = format!(
                "/bench/recordings/compare?a={}&b={}",
                encode(one),
                encode(other)
            );
            spawn_local(async move {
                match api::get::<Value>(&app.place(), &path).await {
                    Ok(found) => difference.set(Some(found)),
                    Err(trouble) => app.trouble(&trouble),
                }
            });
        }
    };
    let row = move |recording: Value| {
        let name = name_of(&recording);
        let (opened, told) = (name.clone(), name.clone());
        let length = number(&recording, &["length_ns", "length", "duration_ns"])
            .map(format::span)
            .unwrap_or_default();
        let size = number(&recording, &["bytes", "size"])
            .map(format::bytes)
            .unwrap_or_default();
        let devices = number(&recording, &["devices"])
            .map(|n| n.to_string())
            .unwrap_or_default();
        let alerts = number(&recording, &["alerts"])
            .map(|n| n.to_string())
            .unwrap_or_default();
        let runs = recording
            .get("running")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let tick = move |_| {
            let name = told.clone();
            ticked.update(|ticked| {
                if let Some(at) = ticked.iter().position(|there| *there == name) {
                    ticked.remove(at);
                } else {
                    ticked.push(name);
                    if ticked.len() > 2 {
                        ticked.remove(0);
                    }
                }
            });
        };
        let is_ticked = {
            let name = name.clone();
            move || ticked.read().contains(&name)
        };
        view! {
            <tr data-recording=name.clone()>
                <td><input type="checkbox" aria-label=w::COMPARE prop:checked=is_ticked on:click=tick /></td>
                <td><span class="row"><span class="mono">{name.clone()}</span>{runs.then(|| view! { <span class="tag bad">{w::REC}</span> })}</span></td>
                <td class="number">{length}</td>
                <td class="number">{devices}</td>
                <td class="number">{alerts}</td>
                <td class="number">{size}</td>
                <td>
                    <button data-test="open-recording" on:click=move |_| app.act_or_note("/bench/recordings/open", json!({ "name": opened.clone() }), w::OPENED, note)>{w::OPEN}</button>
                </td>
            </tr>
        }
    };
    let state = list.state();
    view! {
        <div class="head">
            <h1>{w::RECORDINGS}</h1>
            <button class="primary" data-test="compare" disabled=move || ticked.read().len() != 2 title=w::COMPARE_HOW on:click=compare>{w::COMPARE}</button>
            <span class="dim">{move || (ticked.read().len() != 2).then_some(w::COMPARE_HOW)}</span>
        </div>
        <div class="fill scroll">
            {move || match state.get() {
                None => view! { <Loading what=w::CONNECTING /> }.into_any(),
                Some(Some(trouble)) => view! { <TroubleBox trouble again=move |()| list.again() /> }.into_any(),
                Some(None) if list.rows().is_empty() => view! {
                    <Empty what=w::NO_RECORDINGS how=w::NO_RECORDINGS_HOW><button class="primary" on:click=move |_| app.run(Command::Record)>{w::KEY_RECORD}</button></Empty>
                }.into_any(),
                Some(None) => view! {
                    <table class="plain" aria-label=w::RECORDINGS>
                        <thead><tr><th></th><th>{w::NAME}</th><th class="number">{w::LENGTH}</th><th class="number">{w::DEVICES}</th><th class="number">{w::ALERTS}</th><th class="number">{w::SIZE}</th><th></th></tr></thead>
                        <tbody>{list.rows().into_iter().map(row).collect_view()}</tbody>
                    </table>
                }.into_any(),
            }}
            <Note trouble=note />
            {move || difference.get().map(|found| {
                let at = number(&found, &["at", "time"]).or_else(|| found.get("first").and_then(|first| number(first, &["at", "time"])));
                view! {
                    <section class="pad stack" data-test="difference">
                        <h2>{w::FIRST_DIFFERENCE}</h2>
                        {match at {
                            Some(at) => view! {
                                <p class="row">
                                    <span class="tag bad mono">{format::clock(at)}</span>
                                    <button on:click=move |_| { app.pick.set(Pick::Moment(at)); app.go(&Route::Journey); }>{w::TO_MOMENT}</button>
                                </p>
                            }.into_any(),
                            None => view! { <p class="ok">{w::NO_DIFFERENCE}</p> }.into_any(),
                        }}
                        <Tree value=found />
                    </section>
                }
            })}
        </div>
    }
}
