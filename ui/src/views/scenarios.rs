//! Scenarios: run, see steps turn green or red, make one of the session.

use leptos::{prelude::*, task::spawn_local};
use serde_json::{Value, json};

use super::read::{Asked, number, part, text};
use crate::{
    api,
    app::{App, Pick},
    format,
    parts::{Empty, Loading, Split, TroubleBox},
    route::{Route, encode},
    state::{LiveStoreFields as _, list_of},
    wire::EventRow,
    words as w,
};

/// `passed`, `failed`, `running` or nothing, whatever words the bench has for it.
pub(crate) fn outcome(value: &Value) -> &'static str {
    let word = text(
        value,
        &["state", "result", "outcome", "last_result", "status"],
    )
    .to_lowercase();
    match word.as_str() {
        "passed" | "pass" | "ok" | "green" | "met" | "done" | "true" => "passed",
        "failed" | "fail" | "red" | "error" | "missed" | "false" => "failed",
        "running" | "waiting" | "active" => "running",
        _ => "",
    }
}

/// The view.
#[component]
pub(crate) fn Scenarios(run: Option<String>) -> impl IntoView {
    let app = expect_context::<App>();
    let list = Asked::new(app, "/bench/scenarios", 4);
    let start = move |files: Option<Vec<String>>| {
        let body = files.map_or_else(|| json!({}), |files| json!({ "files": files }));
        app.act_then("/bench/scenarios/run".to_owned(), body, move |answer| {
            let run = text(&answer, &["run", "id"]);
            app.go(&Route::Scenarios(Some(run)));
        });
    };
    let row = move |scenario: Value| {
        let file = text(&scenario, &["file", "path", "name"]);
        let name = text(&scenario, &["name", "file"]);
        let class = match outcome(&scenario) {
            "passed" => "dot ok",
            "failed" => "dot bad",
            "running" => "dot info",
            _ => "dot",
        };
        let (title, shown) = (file.clone(), file.clone());
        view! {
            <tr data-scenario=shown>
                <td style:width="24px"><span class=class title=outcome(&scenario)></span></td>
                <td title=title>{name}</td>
                <td style:text-align="right"><button on:click=move |_| start(Some(vec![file.clone()]))>{w::RUN}</button></td>
            </tr>
        }
    };
    let state = list.state();
    let first = view! {
        <div class="scroll">
            {move || match state.get() {
                None => view! { <Loading what=w::CONNECTING /> }.into_any(),
                Some(Some(trouble)) => view! { <TroubleBox trouble again=move |()| list.again() /> }.into_any(),
                Some(None) if list.rows().is_empty() => view! { <Empty what=w::NO_SCENARIOS how=w::NO_SCENARIOS_HOW /> }.into_any(),
                Some(None) => view! { <table class="plain" aria-label=w::SCENARIOS><tbody>{list.rows().into_iter().map(row).collect_view()}</tbody></table> }.into_any(),
            }}
        </div>
        <FromSession />
    }
    .into_any();
    let second = match run {
        Some(run) => view! { <Run run /> }.into_any(),
        None => view! { <Empty what=w::NO_RUN how=w::NO_RUN_HOW><button class="primary" on:click=move |_| start(None)>{w::RUN_ALL}</button></Empty> }.into_any(),
    };
    view! {
        <div class="head">
            <h1>{w::SCENARIOS}</h1>
            <button class="primary" data-test="run-all" on:click=move |_| start(None)>{w::RUN_ALL}</button>
        </div>
        <Split name="scenarios" size=420.0 first=first second=second />
    }
}

/// Steps of every scenario in a run: (scenario, steps).
pub(crate) fn steps_of(run: &Value) -> Vec<(String, Vec<Value>)> {
    let own = part(run, &["steps"]);
    if let Value::Array(steps) = own {
        return vec![(text(run, &["name", "file", "scenario"]), steps)];
    }
    let scenarios = list_of(&part(run, &["scenarios", "cases", "files"]));
    let one = |scenario: &Value| {
        (
            text(scenario, &["name", "file", "scenario"]),
            list_of(&part(scenario, &["steps"])),
        )
    };
    scenarios.iter().map(one).collect()
}

/// One run, live.
#[component]
fn Run(run: String) -> impl IntoView {
    let app = expect_context::<App>();
    let asked = Asked::new(app, format!("/bench/scenarios/runs/{}", encode(&run)), 1);
    let state = asked.state();
    let step = move |step: Value| {
        let outcome = outcome(&step);
        let dot = match outcome {
            "passed" => "dot ok",
            "failed" => "dot bad",
            "running" => "dot info",
            _ => "dot",
        };
        let at = number(&step, &["at", "time"]);
        let actual = text(&step, &["actual", "error", "problem"]);
        view! {
            <li class=outcome data-step=outcome>
                <span class=dot title=outcome></span>
                <span class="mono dim">{at.map(format::clock).unwrap_or_default()}</span>
                <div>
                    <p>{text(&step, &["title", "expected", "expect", "name", "what"])}</p>
                    {(outcome == "failed" && !actual.is_empty()).then(|| view! { <pre class="bad">{w::ACTUAL} ": " {actual}</pre> })}
                </div>
                {at.map(|at| view! {
                    <button on:click=move |_| { app.pick.set(Pick::Moment(at)); app.go(&Route::Journey); }>{w::TO_MOMENT}</button>
                })}
            </li>
        }
    };
    move || match state.get() {
        None => view! { <Loading what=w::CONNECTING /> }.into_any(),
        Some(Some(trouble)) => {
            view! { <TroubleBox trouble again=move |()| asked.again() /> }.into_any()
        }
        Some(None) => {
            let value = asked.value().unwrap_or_default();
            let overall = outcome(&value);
            view! {
                <div class="head">
                    <h1>{w::STEPS}</h1>
                    <span class=match overall { "passed" => "tag ok", "failed" => "tag bad", _ => "tag" } data-test="run-state">
                        {if overall.is_empty() { text(&value, &["state"]) } else { overall.to_owned() }}
                    </span>
                </div>
                <div class="scroll">
                    {steps_of(&value).into_iter().map(|(name, steps)| {
                        let waits = steps.is_empty() && !matches!(overall, "passed" | "failed");
                        view! {
                            <h2 class="pad">{name}</h2>
                            {waits.then(|| view! { <div class="pad stack"><div class="bar"></div><p class="hint">{w::RUN_GOES}</p></div> })}
                            <ol class="steps">{steps.into_iter().map(step).collect_view()}</ol>
                        }
                    }).collect_view()}
                </div>
            }
            .into_any()
        }
    }
}

/// Makes a scenario of events of the session.
#[component]
fn FromSession() -> impl IntoView {
    let app = expect_context::<App>();
    let ticked = RwSignal::new(std::collections::BTreeSet::<u64>::new());
    let name = RwSignal::new(String::new());
    let events = move || {
        app.live.events().with_untracked(|events| {
            let kept = events
                .all()
                .rev()
                .filter(|event| event.lane != "uart" && event.lane != "function");
            kept.take(60).cloned().collect::<Vec<_>>()
        })
    };
    let shown = RwSignal::new(events());
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let mut kept: Vec<EventRow> = shown
            .get_untracked()
            .into_iter()
            .filter(|event| ticked.read_untracked().contains(&event.id))
            .collect();
        kept.sort_by_key(|event| (event.at, event.id));
        let name = name.get_untracked().trim().to_owned();
        if name.is_empty() || kept.is_empty() {
            app.say("bad", w::FROM_SESSION, w::FROM_SESSION_HOW);
            return;
        }
        let picked: Vec<u64> = kept.iter().map(|event| event.id).collect();
        let body = json!({ "name": name, "events": picked });
        spawn_local(async move {
            match api::post(&app.place(), "/bench/scenarios", &body).await {
                Ok(_) => app.say("ok", w::SCENARIO_SAVED, ""),
                Err(trouble) => app.trouble(&trouble),
            }
        });
    };
    view! {
        <form class="stack pad" style:border-top="1px solid var(--line)" style:max-height="50%" data-test="from-session" on:submit=save>
            <div class="row">
                <h2 class="grow">{w::FROM_SESSION}</h2>
                <button type="button" on:click=move |_| shown.set(events())>{w::REFRESH}</button>
            </div>
            <p class="hint">{w::FROM_SESSION_HOW}</p>
            <div class="scroll" style:min-height="80px">
                {move || shown.get().into_iter().map(|event| {
                    let id = event.id;
                    let at = event.at;
                    view! {
                        <label class="row one-line">
                            <input type="checkbox" prop:checked=move || ticked.read().contains(&id) on:click=move |_| ticked.update(|ticked| if !ticked.remove(&id) { ticked.insert(id); }) />
                            <span class="mono dim">{move || app.time(at)}</span>
                            <span class="tag">{event.lane}</span>
                            <span class="one-line">{format::plain(&event.title)}</span>
                        </label>
                    }
                }).collect_view()}
            </div>
            <div class="row">
                <input class="grow" placeholder=w::SCENARIO_NAME aria-label=w::SCENARIO_NAME prop:value=move || name.get() on:input=move |event| name.set(event_target_value(&event)) />
                <button>{w::SAVE_SCENARIO}</button>
            </div>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_in_any_words() {
        assert_eq!(outcome(&json!({"state": "Passed"})), "passed");
        assert_eq!(outcome(&json!({"result": "failed"})), "failed");
        assert_eq!(outcome(&json!({})), "");
    }

    #[test]
    fn steps_alone_or_by_scenario() {
        assert_eq!(
            steps_of(&json!({"name": "a", "steps": [1, 2]})),
            [("a".into(), vec![json!(1), json!(2)])]
        );
        let two = steps_of(
            &json!({"scenarios": [{"name": "a", "steps": []}, {"file": "b", "steps": [1]}]}),
        );
        assert_eq!(two.len(), 2);
        assert_eq!(two[1], ("b".into(), vec![json!(1)]));
    }
}
