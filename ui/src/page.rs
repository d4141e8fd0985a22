//! The whole page: top bar, and one of its faces below.

use gloo_timers::future::TimeoutFuture;
use leptos::{prelude::*, task::spawn_local};

use crate::{
    api,
    fleet::Fleet,
    place::Place,
    view::{Face, Known, clock, count},
};

/// How often the bench is asked, in milliseconds of the wall clock.
const EVERY: u32 = 1_000;

/// The page.
#[component]
pub(crate) fn Page() -> impl IntoView {
    let known = RwSignal::new(Known::default());
    spawn_local(watch(known));
    Effect::new(move || document().set_title(&known.read().title()));
    let face = Memo::new(move |_| known.read().face());
    view! {
        <Top known />
        <main>
            {move || match face.get() {
                Face::Waiting => view! { <Waiting /> }.into_any(),
                Face::Trouble => view! { <TroubleCard known /> }.into_any(),
                Face::Empty => view! { <Empty /> }.into_any(),
                Face::Fleet => view! { <Stale known /> <Fleet known /> }.into_any(),
            }}
        </main>
    }
}

/// Asks for ever, one question at a time.
async fn watch(known: RwSignal<Known>) {
    let place = Place::find();
    loop {
        let news = api::snapshot(&place).await;
        known.update(|known| known.learn(news));
        TimeoutFuture::new(EVERY).await;
    }
}

/// Bench, virtual clock, counts.
#[component]
fn Top(known: RwSignal<Known>) -> impl IntoView {
    let status = move || {
        known
            .read()
            .snapshot
            .as_ref()
            .map(|snapshot| snapshot.status.clone())
    };
    view! {
        <header class="top">
            <h1>{move || status().map_or_else(|| "Twinbench".into(), |status| status.bench)}</h1>
            {move || {
                status()
                    .map(|status| {
                        view! {
                            <span class="clock" title=format!("virtual time; {}", status.utc)>
                                {clock(status.virtual_nanos)}
                            </span>
                            <span class="facts">
                                <span>{count(status.devices, "device")}</span>
                                <span>{count(status.messages, "message")}</span>
                                <span class:alerts=move || status.alerts != 0>
                                    {count(status.alerts, "alert")}
                                </span>
                            </span>
                        }
                    })
            }}
        </header>
    }
}

/// The first answer is on its way.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <section class="card" aria-busy="true">
            <h2>"Asking the bench for its devices\u{2026}"</h2>
            <p class="waiting"></p>
            <p class="waiting"></p>
        </section>
    }
}

/// There was never an answer.
#[component]
fn TroubleCard(known: RwSignal<Known>) -> impl IntoView {
    let words = move || {
        known
            .read()
            .trouble
            .as_ref()
            .map(crate::view::Trouble::words)
            .unwrap_or_default()
    };
    view! {
        <section class="card error" role="alert">
            <h2>{move || words().0}</h2>
            <p>{move || words().1}</p>
            <button on:click=move |_| reload()>"Try again now"</button>
        </section>
    }
}

/// A bench without devices.
#[component]
fn Empty() -> impl IntoView {
    view! {
        <section class="card">
            <h2>"This bench has no devices"</h2>
            <p>"Add a " <code>"[[device]]"</code> " table to its bench file and start it again."</p>
            <button on:click=move |_| reload()>"Look again"</button>
        </section>
    }
}

/// Says that what is shown is old, and why.
#[component]
fn Stale(known: RwSignal<Known>) -> impl IntoView {
    move || {
        let words = known
            .read()
            .trouble
            .as_ref()
            .map(crate::view::Trouble::words);
        words.map(|(what, next)| view! { <p class="stale" role="status">{what} ". The list below is old. " {next}</p> })
    }
}

fn reload() {
    // A page that cannot reload keeps asking anyway.
    let _ = window().location().reload();
}
