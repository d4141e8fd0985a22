//! What stands where there is nothing to show: empty, on its way, or in trouble.

use icondata_lu as lu;
use leptos::prelude::*;

use super::Ic;
use crate::{api::Trouble, words as w};

/// What this bench cannot do, and what to do instead; nothing while there is no such note.
#[component]
pub(crate) fn Note(
    /// What the bench said.
    trouble: RwSignal<Option<Trouble>>,
) -> impl IntoView {
    move || {
        trouble.get().map(|trouble| {
            let (what, next) = trouble.words();
            view! {
                <div class="note" role="status" data-test="not-available">
                    <Ic icon=icondata_lu::LuInfo />
                    <div>
                        <strong>{what}</strong>
                        <p class="dim">{next}</p>
                    </div>
                </div>
            }
        })
    }
}

/// Nothing is there; the children offer the next step.
#[component]
pub(crate) fn Empty(
    /// What is not there.
    #[prop(into)]
    what: String,
    /// Why, and how it comes.
    #[prop(into)]
    how: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <section class="state">
            <Ic icon=lu::LuInbox />
            <h2>{what}</h2>
            <p>{how}</p>
            {children.map(|children| view! { <div class="row">{children()}</div> })}
        </section>
    }
}

/// An answer is on its way.
#[component]
pub(crate) fn Loading(
    /// For what.
    what: &'static str,
) -> impl IntoView {
    view! {
        <section class="state" aria-busy="true" role="status">
            <div class="bar"></div>
            <p>{what}</p>
        </section>
    }
}

/// Something is wrong; says what to do.
#[component]
pub(crate) fn TroubleBox(
    trouble: Trouble,
    /// Tries again.
    #[prop(into)]
    again: Callback<()>,
) -> impl IntoView {
    let (what, next) = trouble.words();
    view! {
        <section class="state error" role="alert">
            <Ic icon=lu::LuCircleAlert />
            <h2>{what}</h2>
            <p>{next}</p>
            <button on:click=move |_| again.run(())>{w::TRY_AGAIN}</button>
        </section>
    }
}
