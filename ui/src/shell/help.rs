//! The list of keys.

use leptos::{html, prelude::*};

use crate::{app::App, keys, words as w};

/// Opens and closes a dialog as a signal says.
pub(crate) fn follow(dialog: NodeRef<html::Dialog>, open: RwSignal<bool>) {
    Effect::new(move || {
        let open = open.get();
        if let Some(dialog) = dialog.get() {
            if open && !dialog.open() {
                // One that is open already stays so.
                let _ = dialog.show_modal();
            } else if !open && dialog.open() {
                dialog.close();
            }
        }
    });
}

/// The dialog.
#[component]
pub(crate) fn Help() -> impl IntoView {
    let app = expect_context::<App>();
    let dialog = NodeRef::<html::Dialog>::new();
    follow(dialog, app.help);
    let rows = keys::LIST.map(|(key, does)| {
        view! {
            <dt>
                <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
        }
    });
    view! {
        <dialog node_ref=dialog aria-label=w::KEYS on:close=move |_| app.help.set(false)>
            <div class="body">
                <h1>{w::KEYS}</h1>
                <dl class="keys-table">{rows}</dl>
                <footer>
                    <button class="primary" on:click=move |_| app.help.set(false)>
                        {w::CLOSE}
                    </button>
                </footer>
            </div>
        </dialog>
    }
}
