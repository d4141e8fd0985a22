//! A labelled input.

use leptos::prelude::*;

/// A label over its input.
#[component]
pub(crate) fn Field(label: &'static str, children: Children) -> impl IntoView {
    view! {
        <label class="field">
            <span>{label}</span>
            {children()}
        </label>
    }
}
