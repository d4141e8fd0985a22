//! Alerts of a bench whose window nobody looks at: the system tells of them.

use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::{app::App, keep, wire::EventRow, words as w};

/// The least time between two notifications, in milliseconds: a storm of alerts is one.
const APART: f64 = 10_000.0;

/// Whether alerts that are older than now are of interest: those within this many nanoseconds.
const FRESH: u64 = 5_000_000_000;

/// Tells of the newest alert among events that came, if nobody looks at the page.
pub(crate) fn alerts(app: App, events: &[EventRow], now: u64) {
    let alerts = || {
        let fresh = |event: &&EventRow| event.lane == "alert" && event.at + FRESH >= now;
        events.iter().filter(fresh)
    };
    let Some(last) = alerts().next_back() else {
        return;
    };
    if !wanted() || looked_at() {
        return;
    }
    let time = js_sys::Date::now();
    if time - app.notified.get_value() < APART {
        return;
    }
    app.notified.set_value(time);
    show(&title(&last.device, alerts().count()), &last.title);
}

/// `Alert: devkit-01`, `Alert: devkit-01 +3`.
fn title(device: &str, count: usize) -> String {
    match count {
        0 | 1 => format!("{}: {device}", w::ALERT),
        more => format!("{}: {device} +{}", w::ALERT, more - 1),
    }
}

/// Whether a person wants to be told; the desktop window tells unless somebody says no.
pub(crate) fn wanted() -> bool {
    match keep::get("notify").as_deref() {
        Some("on") => true,
        Some(_) => false,
        None => in_shell(),
    }
}

/// Notes whether a person wants to be told; a browser asks its own question first.
pub(crate) fn want(on: bool) {
    keep::set("notify", if on { "on" } else { "off" });
    if on && !in_shell() {
        // What it answers is seen when there is something to tell.
        let _ = web_sys::Notification::request_permission();
    }
}

fn looked_at() -> bool {
    let focus = document().has_focus().unwrap_or(false);
    focus && !document().hidden()
}

/// Whether the page is in the desktop window.
fn in_shell() -> bool {
    shell().is_some()
}

fn shell() -> Option<JsValue> {
    let shell = js_sys::Reflect::get(&window(), &"__TAURI_INTERNALS__".into()).ok()?;
    shell.is_object().then_some(shell)
}

fn show(title: &str, body: &str) {
    if let Some(shell) = shell() {
        let options = serde_json::json!({ "options": { "title": title, "body": body } });
        let options = js_sys::JSON::parse(&options.to_string());
        let invoke = js_sys::Reflect::get(&shell, &"invoke".into());
        let invoke = invoke
            .ok()
            .and_then(|it| it.dyn_into::<js_sys::Function>().ok());
        if let (Ok(options), Some(invoke)) = (options, invoke) {
            // A system without notifications shows the alert on the page, as always.
            let _ = invoke.call2(&shell, &"plugin:notification|notify".into(), &options);
        }
    } else if web_sys::Notification::permission() == web_sys::NotificationPermission::Granted {
        let options = web_sys::NotificationOptions::new();
        options.set_body(body);
        // As above.
        let _ = web_sys::Notification::new_with_options(title, &options);
    }
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn a_storm_is_one_notification() {
        assert_eq!(title("a", 1), "Alert: a");
        assert_eq!(title("a", 4), "Alert: a +3");
    }
}
