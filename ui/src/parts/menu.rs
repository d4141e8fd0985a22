//! A button that unfolds a few choices.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use super::Ic;

/// The button and its choices, which are buttons with the role `menuitem`.
#[component]
pub(crate) fn Menu(
    /// What it is for.
    label: &'static str,
    /// Its picture.
    icon: icondata_core::Icon,
    /// The choices.
    children: Children,
) -> impl IntoView {
    let open = RwSignal::new(false);
    // Whoever goes elsewhere closes it.
    let left = move |event: leptos::ev::FocusEvent| {
        let inside = event
            .current_target()
            .and_then(|menu| menu.dyn_into::<web_sys::Element>().ok())
            .zip(event.related_target())
            .is_some_and(|(menu, next)| menu.contains(next.dyn_ref()));
        if !inside {
            open.set(false);
        }
    };
    view! {
        <div
            class="menu"
            on:focusout=left
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    open.set(false);
                }
            }
        >
            <button
                class="plain icon"
                title=label
                aria-label=label
                aria-haspopup="menu"
                aria-expanded=move || open.get().to_string()
                on:click=move |_| open.update(|open| *open = !*open)
            >
                <Ic icon=icon />
            </button>
            <div class="items" role="menu" hidden=move || !open.get() on:click=move |_| open.set(false)>
                {children()}
            </div>
        </div>
    }
}
