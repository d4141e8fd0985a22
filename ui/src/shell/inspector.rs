//! The inspector: what is selected, with its causes and effects.

use leptos::{prelude::*, task::spawn_local};
use serde_json::Value;

use crate::{
    api,
    app::{App, Pick},
    format,
    parts::{Ic, Note, Tree},
    route::Route,
    state::{Events, Find as _, LiveStoreFields as _},
    wire::EventRow,
    words as w,
};

/// The inspector; hidden while nothing is selected.
#[component]
pub(crate) fn Inspector() -> impl IntoView {
    let app = expect_context::<App>();
    let shown = Memo::new(move |_| app.pick.get());
    move || {
        let pick = shown.get();
        let (title, body) = match pick {
            Pick::Nothing => return None,
            Pick::Device(id) => (id.clone(), view! { <DeviceFacts id /> }.into_any()),
            Pick::Event(id) => (
                format!("{} {id}", w::EVENT),
                view! { <EventFacts id /> }.into_any(),
            ),
            Pick::Moment(at) => (
                w::MOMENT.to_owned(),
                view! { <MomentFacts at /> }.into_any(),
            ),
        };
        Some(view! {
            <aside class="side" aria-label=w::INSPECTOR data-test="inspector">
                <header>
                    <h2 class="grow mono">{title}</h2>
                    <button class="plain icon" aria-label=w::CLOSE on:click=move |_| app.pick.set(Pick::Nothing)>
                        <Ic icon=icondata_lu::LuX />
                    </button>
                </header>
                {body}
            </aside>
        })
    }
}

#[component]
fn DeviceFacts(id: String) -> impl IntoView {
    let app = expect_context::<App>();
    let route = Route::Device(id.clone()).hash();
    let row = Memo::new(move |_| app.live.device(&id));
    view! {
        <section>
            {move || {
                row.get()
                    .map(|row| {
                        let last = row.last_message_at.map_or_else(|| w::NEVER.to_owned(), |at| app.time(at));
                        view! {
                            <dl class="facts-list">
                                <dt>{w::STATE}</dt>
                                <dd>{row.state.clone()}</dd>
                                <dt>{w::BACKEND}</dt>
                                <dd>{row.backend.clone()}</dd>
                                <dt>{w::BOARD}</dt>
                                <dd>{row.board.clone().unwrap_or_else(|| w::NONE.to_owned())}</dd>
                                <dt>{w::FIRMWARE}</dt>
                                <dd class="mono">{row.firmware.clone().unwrap_or_else(|| w::NONE.to_owned())}</dd>
                                <dt>{w::LAST_MESSAGE}</dt>
                                <dd class="mono">{last}</dd>
                                <dt>{w::ALERT}</dt>
                                <dd>{row.alert.clone().unwrap_or_else(|| w::NONE.to_owned())}</dd>
                            </dl>
                        }
                    })
            }}
        </section>
        <section class="row">
            <a class="button" href=route>{w::OPEN_DEVICE}</a>
            <a class="button" href=Route::Journey.hash()>{w::SHOW_JOURNEY}</a>
        </section>
    }
}

/// A line that leads to an event.
pub(crate) fn event_link(app: App, event: &EventRow) -> impl IntoView + use<> {
    let id = event.id;
    let at = event.at;
    let (lane, title) = (event.lane.clone(), format::plain(&event.title));
    view! {
        <li>
            <button class="plain" on:click=move |_| app.pick.set(Pick::Event(id))>
                <span class="mono dim">{move || app.time(at)}</span>
                <span class="tag">{lane}</span>
                <span class="one-line">{title}</span>
            </button>
        </li>
    }
}

#[component]
fn EventFacts(id: u64) -> impl IntoView {
    let app = expect_context::<App>();
    let whole = RwSignal::new(None::<Value>);
    // The bench knows chains that reach beyond what is kept here.
    spawn_local(async move {
        if app.is_recorded() {
            return;
        }
        if let Ok(found) = api::get::<Value>(&app.place(), &format!("/bench/events/{id}")).await {
            let more = crate::state::events_in(&found);
            whole.try_set(Some(found));
            app.live.events().update(|events| events.add(more));
        }
    });
    let event = Memo::new(move |_| app.live.events().with(|events| events.get(id).cloned()));
    move || {
        let Some(event) = event.get() else {
            return view! { <section class="dim">{w::EVENT_GONE}</section> }.into_any();
        };
        let at = event.at;
        let chain = app.live.events().with(|events| {
            let chain = events.chain(id);
            let part = |before: bool| {
                let ids = chain.iter().filter(move |other| **other != id);
                let found = ids.filter_map(|other| events.get(*other).cloned());
                found
                    .filter(|other| ((other.at, other.id) < (at, id)) == before)
                    .collect::<Vec<_>>()
            };
            (part(true), part(false))
        });
        let list = |events: Vec<EventRow>, none: &'static str| {
            if events.is_empty() {
                view! { <p class="dim">{none}</p> }.into_any()
            } else {
                let links = events
                    .iter()
                    .take(60)
                    .map(|event| event_link(app, event))
                    .collect_view();
                view! { <ul class="chain">{links}</ul> }.into_any()
            }
        };
        let device = event.device.clone();
        let open = (!device.is_empty()).then(|| {
            if app.is_recorded() {
                return view! { <dt>{w::DEVICE_COLUMN}</dt><dd class="mono">{device.clone()}</dd> }
                    .into_any();
            }
            let hash = Route::Device(device.clone()).hash();
            view! { <dt>{w::DEVICE_COLUMN}</dt><dd><a href=hash>{device.clone()}</a></dd> }
                .into_any()
        });
        view! {
            <section>
                <h3 class="title">{format::plain(&event.title)}</h3>
                <dl class="facts-list">
                    <dt>{w::LANE}</dt>
                    <dd>{event.lane.clone()}</dd>
                    <dt>{w::TIME}</dt>
                    <dd class="mono">{move || app.time(at)}</dd>
                    {open}
                </dl>
            </section>
            <section>
                <h3>{w::CAUSES}</h3>
                {list(chain.0, w::NO_CAUSE)}
            </section>
            <section>
                <h3>{w::EFFECTS}</h3>
                {list(chain.1, w::NO_EFFECT)}
            </section>
            <section>
                <h3>{w::DETAIL}</h3>
                <Tree value=event.detail.clone() />
            </section>
        }
        .into_any()
    }
}

#[component]
fn MomentFacts(at: u64) -> impl IntoView {
    let app = expect_context::<App>();
    let note = RwSignal::new(None);
    let before = move |events: &Events| {
        let mut near: Vec<EventRow> = events
            .all()
            .rev()
            .filter(|event| event.at <= at)
            .take(24)
            .cloned()
            .collect();
        near.reverse();
        near
    };
    let links = move || {
        // Those of a recording come when somebody goes to their moment; those of a bench are there.
        let near = if app.is_recorded() {
            app.live.events().with(before)
        } else {
            app.live.events().with_untracked(before)
        };
        near.iter()
            .map(|event| event_link(app, event))
            .collect_view()
    };
    view! {
        <section>
            <dl class="facts-list">
                <dt>{w::TIME}</dt>
                <dd class="mono">{format::clock(at)}</dd>
                <dt>{w::BEFORE_NOW}</dt>
                <dd class="mono">{move || { app.tick.track(); format::relative(at, app.shown.get()) }}</dd>
            </dl>
        </section>
        {app.is_recorded().then(|| view! { <section class="dim">{w::RECORDING_HELD}</section> })}
        <section class="row wrap" style:display=app.is_recorded().then_some("none")>
            <button
                data-test="jump"
                on:click=move |_| app.act_or_note("/bench/time", serde_json::json!({ "do": "seek", "at": at }), w::JUMPED, note)
            >
                {w::JUMP_HERE}
            </button>
            <button
                data-test="branch"
                on:click=move |_| app.act_or_note("/bench/time", serde_json::json!({ "do": "branch", "at": at }), w::BRANCHED, note)
            >
                {w::BRANCH_HERE}
            </button>
            <a class="button" href=Route::Journey.hash()>{w::SHOW_JOURNEY}</a>
            <Note trouble=note />
        </section>
        <section>
            <h3>{w::EVENTS_BEFORE}</h3>
            <ul class="chain">{links}</ul>
        </section>
    }
}
