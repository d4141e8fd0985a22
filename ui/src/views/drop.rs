//! A file that is dropped on the window: a firmware, or a recording.

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen_futures::JsFuture;

use super::{
    read::text,
    start::{dropped, is_recording, open},
};
use crate::{api, app::App, route::Route, words as w};

/// Shows where to drop while a file is over the window, and makes a bench of it.
#[component]
pub(crate) fn DropZone() -> impl IntoView {
    let app = expect_context::<App>();
    let over = RwSignal::new(0_i32);
    let files = |event: &leptos::ev::DragEvent| {
        let data = event.data_transfer();
        data.is_some_and(|data| data.types().includes(&"Files".into(), 0))
    };
    let listeners = [
        window_event_listener_untyped("dragenter", move |event| {
            if files(&drag(&event)) {
                over.update(|count| *count += 1);
            }
        }),
        window_event_listener_untyped("dragleave", move |event| {
            if files(&drag(&event)) {
                over.update(|count| *count = (*count - 1).max(0));
            }
        }),
        window_event_listener_untyped("dragover", move |event| {
            if files(&drag(&event)) {
                event.prevent_default();
            }
        }),
        window_event_listener_untyped("drop", move |event| {
            let event = drag(&event);
            over.set(0);
            if !files(&event) {
                return;
            }
            event.prevent_default();
            let file = event
                .data_transfer()
                .and_then(|data| data.files())
                .and_then(|files| files.get(0));
            if let Some(file) = file {
                spawn_local(take(app, file));
            }
        }),
    ];
    on_cleanup(move || listeners.into_iter().for_each(WindowListenerHandle::remove));
    move || (over.get() > 0).then(|| view! { <div class="drop" role="status">{w::DROP_HERE}</div> })
}

fn drag(event: &web_sys::Event) -> leptos::ev::DragEvent {
    use wasm_bindgen::JsCast as _;
    event.clone().unchecked_into()
}

async fn take(app: App, file: web_sys::File) {
    let name = file.name();
    let Ok(buffer) = JsFuture::from(file.array_buffer()).await else {
        return;
    };
    let bytes = js_sys::Uint8Array::new(&buffer).to_vec();
    if is_recording(&bytes) {
        app.say("", format!("{} {name}", w::OPENING), "");
        match api::post_bytes(&app.place(), "/bench/recordings/import", &bytes).await {
            Ok(taken) => app.go(&Route::Recording(text(&taken, &["name"]), None)),
            Err(trouble) => app.trouble(&trouble),
        }
        return;
    }
    let Some(bench) = dropped(&name, &bytes) else {
        app.say("bad", w::DROP_NOT_ELF, w::DROP_NOT_ELF_HOW);
        return;
    };
    let mut body = bench;
    body["elf"] = crate::board::to_base64(&bytes).into();
    app.say("", format!("{} {name}", w::STARTING), "");
    match api::post(&app.place(), "/bench/new", &body).await {
        Ok(made) => open(app, text(&made, &["file"])),
        Err(trouble) => app.trouble(&trouble),
    }
}
