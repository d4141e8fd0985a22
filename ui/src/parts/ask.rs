//! A button that asks once before it does what cannot be undone.

use gloo_timers::future::TimeoutFuture;
use leptos::{prelude::*, task::spawn_local};

use crate::words as w;

/// How long it waits for the second press, in milliseconds.
const PATIENCE: u32 = 4_000;

/// The first press asks, the second within some seconds does it.
#[component]
pub(crate) fn Sure(
    /// What it does.
    label: &'static str,
    /// Does it.
    #[prop(into)]
    act: Callback<()>,
    /// Cannot be pressed.
    #[prop(into, optional)]
    disabled: Signal<bool>,
) -> impl IntoView {
    let asked = RwSignal::new(false);
    let press = move |_| {
        if asked.get_untracked() {
            asked.set(false);
            act.run(());
        } else {
            asked.set(true);
            spawn_local(async move {
                TimeoutFuture::new(PATIENCE).await;
                // The view may have gone meanwhile.
                asked.try_set(false);
            });
        }
    };
    view! {
        <button class="danger" on:click=press disabled=disabled>
            {move || if asked.get() { format!("{}: {label}", w::SURE) } else { label.to_owned() }}
        </button>
    }
}
