//! Recordings: open, compare, export.

use leptos::{prelude::*, task::spawn_local};
use serde_json::Value;

use super::read::{Asked, number, part, text};
use crate::{
    api,
    app::App,
    format,
    keys::Command,
    parts::{Empty, Loading, TroubleBox},
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
    let difference = RwSignal::new(None::<(String, String, Value)>);
    let compare = move |_| {
        let both = ticked.get_untracked();
        if let [one, other] = both.as_slice() {
            let path = format!(
                "/bench/recordings/compare?a={}&b={}",
                encode(one),
                encode(other)
            );
            let (one, other) = (one.clone(), other.clone());
            spawn_local(async move {
                match api::get::<Value>(&app.place(), &path).await {
                    Ok(found) => difference.set(Some((one, other, found))),
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
                <td><a class="button" data-test="open-recording" href=Route::Recording(opened, None).hash()>{w::OPEN}</a></td>
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
            {move || difference.get().map(|(one, other, found)| view! { <Difference one other found /> })}
        </div>
    }
}

/// What differs, in words, on one side: the value of a field, or that there is nothing.
fn side(divergence: &Value, side: &str) -> String {
    let missing = || w::MISSING_HERE.to_owned();
    if let Some(values) = divergence.get("values") {
        let value = values.get(usize::from(side == "right"));
        return value
            .and_then(Value::as_str)
            .map_or_else(missing, str::to_owned);
    }
    let seen = divergence.get(side).filter(|seen| !seen.is_null());
    seen.map_or_else(missing, |seen| text(seen, &["text"]))
}

/// What kind of difference it is.
fn kind_of(divergence: &Value) -> String {
    match text(divergence, &["what"]).as_str() {
        "field" => text(divergence, &["path"]),
        "missing" => w::MISSING_HERE.to_owned(),
        "time" => w::OTHER_TIME.to_owned(),
        other => other.to_owned(),
    }
}

/// What the comparison of two recordings found: the first divergence, both sides beside each other,
/// and its way through the journey.
#[component]
fn Difference(one: String, other: String, found: Value) -> impl IntoView {
    let divergences = part(&found, &["divergences"]);
    let divergences = divergences.as_array().cloned().unwrap_or_default();
    let causes = part(&found, &["causes"]);
    let way: Vec<Value> = causes
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|at| {
            divergences
                .get(usize::try_from(at.as_u64()?).ok()?)
                .cloned()
        })
        .collect();
    let events = part(&found, &["events"]).to_string();
    let Some(first) = way.first().or(divergences.first()).cloned() else {
        return view! {
            <section class="pad stack" data-test="difference">
                <h2>{w::FIRST_DIFFERENCE}</h2>
                <p class="ok">{w::NO_DIFFERENCE} " " <span class="dim">{events} " " {w::EVENTS_COMPARED}</span></p>
            </section>
        }
        .into_any();
    };
    let at = number(&first, &["time"]).unwrap_or_default();
    let open = |name: &str| {
        let hash = Route::Recording(name.to_owned(), Some(at)).hash();
        view! { <a class="button" data-test="open-at" href=hash>{w::OPEN_AT} " " <span class="mono">{name.to_owned()}</span></a> }
    };
    let column = |name: &str, which: &'static str| {
        view! {
            <div class="card stack">
                <h3 class="mono">{name.to_owned()}</h3>
                <pre class="differs" data-side=which>{side(&first, which)}</pre>
                {first.get("values").is_some().then(|| view! { <pre class="dim entry">{text(&part(&first, &[which]), &["text"])}</pre> })}
                {open(name)}
            </div>
        }
    };
    let step = |divergence: &Value| {
        view! {
            <li>
                <span class="mono dim">{format::clock(number(divergence, &["time"]).unwrap_or_default())}</span>
                " " <strong class="mono">{text(divergence, &["channel"])}</strong>
                " " <span>{kind_of(divergence)}</span>
            </li>
        }
    };
    view! {
        <section class="pad stack" data-test="difference">
            <h2>{w::FIRST_DIFFERENCE}</h2>
            <p class="row wrap">
                <span class="tag bad mono" data-test="difference-at">{format::clock(at)}</span>
                <strong class="mono">{text(&first, &["channel"])}</strong>
                <span class="mono">{kind_of(&first)}</span>
                <span class="dim">{format!("{} / {} {}; {events} {}", divergences.len(), number(&found, &["channels"]).unwrap_or_default(), w::CHANNELS_DIFFER, w::EVENTS_COMPARED)}</span>
            </p>
            <div class="columns sides">{column(&one, "left")}{column(&other, "right")}</div>
            {(way.len() > 1).then(|| view! {
                <h3>{w::WAY}</h3>
                <ol class="way">{way.iter().take(20).map(step).collect_view()}</ol>
            })}
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_sides_of_a_difference_are_told() {
        let field = json!({"what": "field", "path": "body.t", "values": ["21", null], "left": {"text": "{}"}});
        assert_eq!(
            (side(&field, "left"), side(&field, "right"), kind_of(&field)),
            ("21".into(), w::MISSING_HERE.into(), "body.t".into())
        );
        let gone =
            json!({"what": "missing", "from": "right", "left": {"text": "{}"}, "right": null});
        assert_eq!(
            (side(&gone, "left"), side(&gone, "right")),
            ("{}".into(), w::MISSING_HERE.into())
        );
    }
}
