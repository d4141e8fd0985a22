//! A button that copies a text.

use icondata_lu as lu;
use leptos::{prelude::*, task::spawn_local};

use crate::{app::App, parts::Ic, words as w};

/// The button.
#[component]
pub(crate) fn CopyButton(
    /// What it copies.
    text: String,
    /// What stands on it.
    label: &'static str,
) -> impl IntoView {
    let app = expect_context::<App>();
    let copy = move |_| {
        let promise = window().navigator().clipboard().write_text(&text);
        spawn_local(async move {
            match wasm_bindgen_futures::JsFuture::from(promise).await {
                Ok(_) => app.say("ok", w::COPIED, ""),
                Err(_) => app.say("bad", w::NOT_COPIED, w::NOT_COPIED_HOW),
            }
        });
    };
    let title = format!("{} {} {label}", w::COPY, w::FOR_SDK);
    view! {
        <button title=title.clone() aria-label=title on:click=copy>
            <Ic icon=lu::LuCopy />
            {label}
        </button>
    }
}
