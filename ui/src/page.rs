//! The whole page: the shell, and the view that the address names.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use crate::{
    app::{App, Theme},
    keep,
    keys::{Command, Keys},
    live,
    parts::{Loading, TroubleBox},
    place::Place,
    route::Route,
    shell::{Help, Inspector, Palette, Rail, Timeline, Toasts, TopBar},
    state::LiveStoreFields as _,
    views, words as w,
};

/// The page.
#[component]
pub(crate) fn Page() -> impl IntoView {
    let app = App::new(Place::find());
    provide_context(app);
    live::start(app);
    crate::feed::listen(app);
    listen(app);
    Effect::new(move || {
        let status = app.live.status().get();
        let title = status.map_or_else(
            || w::TITLE.to_owned(),
            |status| {
                let devices = crate::format::count(status.bench.devices, w::DEVICE);
                format!(
                    "{} \u{b7} {devices} \u{b7} {}",
                    status.bench.bench,
                    w::TITLE
                )
            },
        );
        document().set_title(&title);
    });
    Effect::new(move || {
        let theme = app.theme.get();
        keep::set("theme", theme.name());
        if let Some(root) = document().document_element() {
            // A page that cannot be dark is light.
            let _ = match theme {
                Theme::System => root.remove_attribute("data-theme"),
                theme => root.set_attribute("data-theme", theme.name()),
            };
        }
    });
    let stale = Memo::new(move |_| {
        app.live
            .trouble()
            .get()
            .filter(|_| app.live.status().read().is_some())
    });
    let known = Memo::new(move |_| app.live.status().read().is_some());
    let route = Memo::new(move |_| app.route.get());
    let recorded = Memo::new(move |_| matches!(app.route.get(), Route::Recording(..)));
    // From here on a person can do something: whoever measures finds the mark.
    Effect::new(move || {
        if known.get()
            && let Some(performance) = window().performance()
        {
            // A browser without marks is not measured.
            let _ = performance.mark("twinbench-ready");
        }
    });
    view! {
        <div class="shell">
            <TopBar />
            <Rail />
            <main class="main" id="main" tabindex="-1">
                {move || {
                    stale
                        .get()
                        .map(|trouble| {
                            let (what, next) = trouble.words();
                            view! { <p class="behind" role="status">{w::STALE} {what} ". " {next}</p> }
                        })
                }}
                {move || {
                    if known.get() {
                        return shown(&route.get());
                    }
                    match app.live.trouble().get() {
                        Some(trouble) => view! { <TroubleBox trouble again=move |()| reload() /> }.into_any(),
                        None => view! { <Loading what=w::CONNECTING /> }.into_any(),
                    }
                }}
            </main>
            // A recording that is open has both of its own.
            <Show when=move || !recorded.get()>
                <Inspector />
                <Timeline />
            </Show>
        </div>
        <Palette />
        <Help />
        <Toasts />
        <views::DropZone />
    }
}

fn shown(route: &Route) -> AnyView {
    match route.clone() {
        Route::Start => view! { <views::Start /> }.into_any(),
        Route::Fleet => view! { <views::Fleet /> }.into_any(),
        Route::Device(id) => view! { <views::Device id /> }.into_any(),
        Route::Charts => view! { <views::Charts /> }.into_any(),
        Route::Journey => view! { <views::Journey /> }.into_any(),
        Route::Twins(open) => view! { <views::Twins open /> }.into_any(),
        Route::Workflows(open) => view! { <views::Workflows open /> }.into_any(),
        Route::Scenarios(run) => view! { <views::Scenarios run /> }.into_any(),
        Route::Recordings => view! { <views::Recordings /> }.into_any(),
        Route::Recording(name, at) => view! { <views::Recorded name at /> }.into_any(),
        Route::Machines => view! { <views::Machines /> }.into_any(),
    }
}

/// Keys and the address, for as long as the page lives.
fn listen(app: App) {
    let keys = StoredValue::new(Keys::default());
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        let typing = typing(&event);
        let ctrl = event.ctrl_key() || event.meta_key();
        let mut state = keys.get_value();
        let command = state.press(&event.key(), ctrl, typing);
        keys.set_value(state);
        if event.key() == "Escape" && !typing {
            app.pick.set(crate::app::Pick::Nothing);
        }
        if let Some(command) = command {
            event.prevent_default();
            if command == Command::Filter {
                focus_filter();
            } else {
                app.run(command);
            }
        }
    });
    std::mem::forget(handle);
    // The desktop window's menu and tray.
    let handle = window_event_listener_untyped("twinbench-do", move |event| {
        let event: &web_sys::CustomEvent = event.unchecked_ref();
        if let Some(command) = event
            .detail()
            .as_string()
            .and_then(|word| Command::of_word(&word))
        {
            app.run(command);
        }
    });
    std::mem::forget(handle);
    let handle = window_event_listener(leptos::ev::hashchange, move |_| {
        let hash = window().location().hash().unwrap_or_default();
        let route = Route::of_hash(&hash);
        if route != app.route.get_untracked() {
            app.route.set(route);
        }
    });
    std::mem::forget(handle);
}

/// Whether a key goes into a field, or presses the button that has the focus.
fn typing(event: &leptos::ev::KeyboardEvent) -> bool {
    let Some(element) = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
    else {
        return false;
    };
    let tag = element.tag_name().to_lowercase();
    let button = tag == "button"
        || tag == "summary"
        || element.get_attribute("role").as_deref() == Some("button");
    matches!(tag.as_str(), "input" | "textarea" | "select") || (button && event.key() == " ")
}

/// The first field of the view that filters.
fn focus_filter() {
    let found = document()
        .query_selector("main [data-filter]")
        .ok()
        .flatten();
    if let Some(field) = found.and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok()) {
        // A view without a filter has nowhere to go.
        let _ = field.focus();
    }
}

/// Begins anew.
pub(crate) fn reload() {
    // A page that cannot reload keeps asking anyway.
    let _ = window().location().reload();
}
