//! Tabs.

use leptos::prelude::*;

/// One tab: its name in code and its words.
pub(crate) type Tab = (&'static str, &'static str);

/// A row of tabs; arrow keys move between them.
#[component]
pub(crate) fn Tabs(
    /// What a screen reader calls the row.
    label: &'static str,
    /// The tabs.
    #[prop(into)]
    tabs: Signal<Vec<Tab>>,
    /// Which one is open.
    open: RwSignal<&'static str>,
) -> impl IntoView {
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowRight" => 1,
            "ArrowLeft" => usize::MAX,
            _ => return,
        };
        let tabs = tabs.get_untracked();
        let now = tabs
            .iter()
            .position(|(name, _)| *name == open.get_untracked());
        let next = now.unwrap_or(0).wrapping_add(step).wrapping_add(tabs.len()) % tabs.len().max(1);
        if let Some((name, _)) = tabs.get(next) {
            open.set(name);
        }
    };
    view! {
        <div class="tabs" role="tablist" aria-label=label on:keydown=keys>
            {move || {
                tabs.get()
                    .into_iter()
                    .map(|(name, words)| {
                        view! {
                            <button
                                role="tab"
                                data-tab=name
                                aria-selected=move || (open.get() == name).to_string()
                                on:click=move |_| open.set(name)
                            >
                                {words}
                            </button>
                        }
                    })
                    .collect_view()
            }}
        </div>
    }
}
