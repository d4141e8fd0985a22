//! Frames that do not come from the bench: what a program in the same window hands to the page, in
//! the form of `/bench/live`. The measurements feed it so, with as much as they like.

use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::{app::App, state, wire::Frame};

/// The event: its detail is a text frame, a binary frame, or a list of channel names to keep.
const EVENT: &str = "twinbench-feed";

/// Listens for as long as the page lives.
pub(crate) fn listen(app: App) {
    let handle = window_event_listener_untyped(EVENT, move |event| {
        let event: &web_sys::CustomEvent = event.unchecked_ref();
        take(app, &event.detail());
    });
    std::mem::forget(handle);
}

fn take(app: App, detail: &JsValue) {
    if let Some(text) = detail.as_string() {
        // What is no frame is not one of the bench's either.
        if let Ok(frame) = serde_json::from_str::<Frame>(&text) {
            state::take(app, frame);
        }
    } else if let Some(buffer) = detail.dyn_ref::<js_sys::ArrayBuffer>() {
        state::samples(app, &js_sys::Uint8Array::new(buffer).to_vec());
    } else if let Some(names) = detail.dyn_ref::<js_sys::Array>() {
        for name in names.iter().filter_map(|name| name.as_string()) {
            app.open_channel(&name);
        }
    }
}
