//! Consoles: what the firmware says, with search and send.

use leptos::{html, prelude::*};
use serde_json::json;

use super::Ctx;
use crate::{
    api,
    app::App,
    parts::{Empty, Ic},
    state::{LiveStoreFields as _, pieces},
    wire::ConsoleTail,
    words as w,
};

/// The consoles of a device, one at a time.
#[component]
pub(crate) fn Consoles(ctx: Ctx, names: Vec<String>) -> impl IntoView {
    let app = expect_context::<App>();
    let Some(first) = names.first().cloned() else {
        return view! { <Empty what=w::NO_CONSOLE how=w::NO_CONSOLE_HOW /> }.into_any();
    };
    let port = RwSignal::new(first);
    let wanted = RwSignal::new(String::new());
    let text = RwSignal::new(String::new());
    let stay = RwSignal::new(true);
    let lines = NodeRef::<html::Div>::new();
    let key = move || (ctx.id(), port.get());
    // What was said before this page listened.
    Effect::new(move || {
        let key = key();
        let from = app
            .live
            .consoles()
            .with_untracked(|all| all.get(&key).map(|console| console.offset));
        if from.is_some() {
            return;
        }
        let path = ctx.path(&format!("/console/{}?from=0", crate::route::encode(&key.1)));
        leptos::task::spawn_local(async move {
            if let Ok(answer) = api::get::<ConsoleTail>(&app.place(), &path).await {
                crate::state::console(app, &key, answer);
            }
        });
    });
    let shown = Memo::new(move |_| {
        let wanted = wanted.get();
        let mut lines = app.live.consoles().with(|all| {
            all.get(&key())
                .map(|console| console.matching(&wanted))
                .unwrap_or_default()
        });
        let surplus = lines.len().saturating_sub(1_000);
        lines.drain(..surplus);
        lines
    });
    Effect::new(move || {
        shown.track();
        if stay.get() {
            request_animation_frame(move || {
                if let Some(element) = lines.try_get_untracked().flatten() {
                    element.set_scroll_top(element.scroll_height());
                }
            });
        }
    });
    let scrolled = move |_| {
        if let Some(element) = lines.get_untracked() {
            let end = element.scroll_height() - element.client_height() - element.scroll_top() < 24;
            if stay.get_untracked() != end {
                stay.set(end);
            }
        }
    };
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let line = format!("{}\r\n", text.get_untracked());
        ctx.act(
            json!({ "uart": { "port": port.get_untracked(), "text": line } }),
            "",
        );
        text.set(String::new());
    };
    let choices = names
        .iter()
        .map(|name| view! { <option value=name.clone()>{name.clone()}</option> })
        .collect_view();
    view! {
        <div class="console" data-test="console">
            <div class="bottom-bar" style:border-top="0">
                <select aria-label=w::CONSOLE on:change=move |event| port.set(event_target_value(&event))>{choices}</select>
                <input
                    type="search"
                    data-filter=""
                    data-test="console-search"
                    placeholder=w::SEARCH_LINES
                    aria-label=w::SEARCH_LINES
                    on:input=move |event| wanted.set(event_target_value(&event))
                />
                <span class="dim" data-test="console-count">{move || format!("{} {}", shown.read().len(), w::LINES)}</span>
                <span class="grow"></span>
                {move || (!stay.get()).then(|| view! { <button on:click=move |_| stay.set(true)>{w::TO_THE_END}</button> })}
            </div>
            <div class="lines" role="log" aria-label=w::CONSOLE tabindex="0" node_ref=lines on:scroll=scrolled>
                <For
                    each=move || shown.get()
                    key=move |line| (line.number, wanted.get_untracked())
                    children=move |line| {
                        let at = line.at;
                        let text = pieces(&line.text, &wanted.get_untracked())
                            .into_iter()
                            .map(|(text, marked)| if marked { view! { <mark>{text}</mark> }.into_any() } else { text.into_any() })
                            .collect_view();
                        view! {
                            <div><span class="at">{move || app.time(at)} "  "</span>{text}</div>
                        }
                    }
                />
                {move || shown.read().is_empty().then(|| view! { <span class="dim">{w::NO_LINES}</span> })}
            </div>
            <form class="bottom-bar" on:submit=send>
                <input
                    class="grow mono"
                    data-test="console-input"
                    placeholder=w::SEND_LINE
                    aria-label=w::SEND_LINE
                    prop:value=move || text.get()
                    on:input=move |event| text.set(event_target_value(&event))
                />
                <button><Ic icon=icondata_lu::LuSend />{w::SEND}</button>
            </form>
        </div>
    }
    .into_any()
}
