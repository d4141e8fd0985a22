//! Short words that come and go.

use leptos::prelude::*;

use crate::{app::App, parts::Ic, words as w};

/// The toasts, newest last.
#[component]
pub(crate) fn Toasts() -> impl IntoView {
    let app = expect_context::<App>();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For
                each=move || app.toasts.get()
                key=|toast| toast.id
                children=move |toast| {
                    let id = toast.id;
                    let next = (!toast.next.is_empty()).then(|| view! { <p class="dim">{toast.next}</p> });
                    view! {
                        <div class=format!("toast {}", toast.class)>
                            <div class="grow">
                                <p>{toast.what}</p>
                                {next}
                            </div>
                            <button
                                class="plain icon"
                                aria-label=w::CLOSE
                                on:click=move |_| app.toasts.update(|toasts| toasts.retain(|toast| toast.id != id))
                            >
                                <Ic icon=icondata_lu::LuX />
                            </button>
                        </div>
                    }
                }
            />
        </div>
    }
}
