//! The connection, the reset line and the firmware.

use leptos::prelude::*;
use serde_json::{Value, json};

use super::Ctx;
use crate::{
    parts::{Field, Sure},
    words as w,
};

/// The controls.
#[component]
pub(crate) fn Connection(ctx: Ctx) -> impl IntoView {
    let seconds = RwSignal::new("30".to_owned());
    let firmware = RwSignal::new(ctx.detail.with_untracked(|detail| {
        detail
            .as_ref()
            .and_then(|detail| detail.row.firmware.clone())
            .unwrap_or_default()
    }));
    let span = move || {
        let secs: f64 = seconds.get_untracked().parse().unwrap_or(30.0);
        (secs.max(0.0) * 1e9) as u64
    };
    let act = move |body: Value, done: &'static str| move |_| ctx.act(body.clone(), done);
    let fault = move |kind: &'static str| {
        move |_| {
            ctx.act(
                json!({ "fault": { "kind": kind, "for_ns": span() } }),
                w::FAULT_SET,
            );
        }
    };
    view! {
        <div class="columns">
            <div>
                <div class="card stack">
                    <h2>{w::CONNECTION}</h2>
                    <div class="row wrap">
                        <button data-test="disconnect" on:click=act(json!({ "disconnect": {} }), w::DISCONNECTED)>{w::DISCONNECT}</button>
                        <button on:click=act(json!({ "wifi": { "up": false } }), w::WIFI_DOWN_DONE)>{w::WIFI_DOWN}</button>
                        <button on:click=act(json!({ "wifi": { "up": true } }), w::WIFI_UP_DONE)>{w::WIFI_UP}</button>
                    </div>
                    <div class="row wrap">
                        <Field label=w::FAULT_SECONDS>
                            <input type="number" min="1" prop:value=move || seconds.get() on:input=move |event| seconds.set(event_target_value(&event)) />
                        </Field>
                        <button on:click=fault("offline")>{w::FAULT_DROP}</button>
                        <button on:click=fault("slow")>{w::FAULT_SLOW}</button>
                        <button on:click=fault("loss")>{w::FAULT_LOSS}</button>
                    </div>
                </div>
            </div>
            <div>
                <div class="card stack">
                    <h2>{w::MACHINE}</h2>
                    <Sure label=w::RESET act=Callback::new(move |()| ctx.act(json!({ "reset": {} }), w::RESET_DONE)) />
                    <Field label=w::FIRMWARE_FILE>
                        <input class="mono" data-test="firmware" prop:value=move || firmware.get() on:input=move |event| firmware.set(event_target_value(&event)) />
                    </Field>
                    <button on:click=move |_| ctx.act(json!({ "firmware": { "path": firmware.get_untracked() } }), w::FIRMWARE_LOADED)>{w::LOAD_FIRMWARE}</button>
                </div>
            </div>
        </div>
    }
}
