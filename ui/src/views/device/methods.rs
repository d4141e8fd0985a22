//! Direct methods, and messages to the device.

use leptos::prelude::*;
use serde_json::{Value, json};

use super::Ctx;
use crate::{
    parts::{Field, JsonEdit, pretty},
    route::encode,
    words as w,
};

/// The two forms.
#[component]
pub(crate) fn Methods(ctx: Ctx) -> impl IntoView {
    let name = RwSignal::new(String::new());
    let patience = RwSignal::new("30".to_owned());
    let payload = RwSignal::new("{}".to_owned());
    let answer = RwSignal::new(None::<Value>);
    let busy = RwSignal::new(false);
    let call = move |payload: Value| {
        let method = name.get_untracked().trim().to_owned();
        if method.is_empty() {
            ctx.app.say("bad", w::NO_METHOD, w::NO_METHOD_HOW);
            return;
        }
        let timeout: u64 = patience.get_untracked().parse().unwrap_or(30);
        busy.set(true);
        let path = ctx.path(&format!("/methods/{}", encode(&method)));
        leptos::task::spawn_local(async move {
            let body = json!({ "payload": payload, "timeout_s": timeout });
            let told = crate::api::post(&ctx.app.place(), &path, &body).await;
            busy.try_set(false);
            match told {
                Ok(value) => {
                    answer.try_set(Some(value));
                }
                Err(trouble) => ctx.app.trouble(&trouble),
            }
        });
    };
    let text = RwSignal::new(String::new());
    let properties = RwSignal::new("{}".to_owned());
    let send = move |properties: Value| {
        let body = json!({ "text": text.get_untracked(), "properties": properties });
        ctx.app.act(ctx.path("/c2d"), body, w::C2D_SENT);
    };
    view! {
        <div class="columns">
            <div>
                <h2>{w::METHODS}</h2>
                <div class="row">
                    <Field label=w::METHOD_NAME>
                        <input data-test="method" list="methods" prop:value=move || name.get() on:input=move |event| name.set(event_target_value(&event)) />
                    </Field>
                    <datalist id="methods">
                        <option value="start"></option>
                        <option value="stop"></option>
                    </datalist>
                    <Field label=w::PATIENCE>
                        <input type="number" min="5" max="300" prop:value=move || patience.get() on:input=move |event| patience.set(event_target_value(&event)) />
                    </Field>
                </div>
                <JsonEdit text=payload label=w::PAYLOAD save=call action=w::CALL />
                {move || busy.get().then(|| view! { <p role="status" class="dim">{w::WAITING_FOR_DEVICE}</p> })}
                {move || answer.get().map(|answer| {
                    let status = answer.get("status").and_then(Value::as_i64).unwrap_or_default();
                    let class = if (200..300).contains(&status) { "tag ok" } else { "tag bad" };
                    view! {
                        <div class="card" data-test="method-answer">
                            <p class="row"><span class=class>{w::STATUS} " " {status}</span></p>
                            <pre>{pretty(answer.get("payload").unwrap_or(&Value::Null))}</pre>
                        </div>
                    }
                })}
            </div>
            <div>
                <h2>{w::C2D}</h2>
                <Field label=w::C2D_TEXT>
                    <textarea data-test="c2d" rows="4" prop:value=move || text.get() on:input=move |event| text.set(event_target_value(&event))></textarea>
                </Field>
                <JsonEdit text=properties label=w::PROPERTIES save=send action=w::SEND />
            </div>
        </div>
    }
}
