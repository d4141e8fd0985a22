//! The top bar: bench, transport, clock, health, palette.

use icondata_lu as lu;
use leptos::prelude::*;
use serde_json::json;

use crate::{
    app::App,
    format::{self, TimeForm},
    keys::Command,
    parts::Ic,
    state::LiveStoreFields as _,
    words as w,
};

/// The speeds on offer.
const SPEEDS: [(&str, &str); 7] = [
    ("0.1", "\u{d7}0.1"),
    ("0.5", "\u{d7}0.5"),
    ("1", "\u{d7}1"),
    ("2", "\u{d7}2"),
    ("10", "\u{d7}10"),
    ("100", "\u{d7}100"),
    ("1000", "\u{d7}1000"),
];

/// The bar.
#[component]
pub(crate) fn TopBar() -> impl IntoView {
    let app = expect_context::<App>();
    let status = app.live.status();
    let name = Memo::new(move |_| {
        status
            .read()
            .as_ref()
            .map(|status| status.bench.bench.clone())
    });
    let paused = Memo::new(move |_| app.paused());
    let recording = Memo::new(move |_| {
        status
            .read()
            .as_ref()
            .is_some_and(|status| status.recording)
    });
    let alerts = Memo::new(move |_| {
        status
            .read()
            .as_ref()
            .map_or(0, |status| status.bench.alerts)
    });
    let devices = Memo::new(move |_| {
        status
            .read()
            .as_ref()
            .map_or(0, |status| status.bench.devices)
    });
    let speed = Memo::new(move |_| status.read().as_ref().map_or(1.0, |status| status.speed));
    let clock = move || {
        app.tick.track();
        let at = app.shown.get();
        match app.times.get() {
            TimeForm::Virtual | TimeForm::Relative => format::clock(at),
            TimeForm::Wall => app.time(at),
        }
    };
    let until = RwSignal::new(String::new());
    let run_until = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match until
            .get_untracked()
            .trim()
            .parse::<twinbench_model::VirtualDuration>()
        {
            Ok(span) => {
                app.time_do(json!({ "do": "until", "at": span.as_nanos() }));
                until.set(String::new());
            }
            Err(error) => app.say("bad", w::NO_TIME, error.to_string()),
        }
    };
    let go = move |command: Command| move |_| app.run(command.clone());
    let theme = move || match app.theme.get() {
        crate::app::Theme::System => lu::LuSunMoon,
        crate::app::Theme::Light => lu::LuSun,
        crate::app::Theme::Dark => lu::LuMoon,
    };
    view! {
        <header class="top">
            <a class="brand" href="#/" title=w::START>
                <img src="icon.svg" width="22" height="22" alt="" />
                <span data-test="bench">{move || name.get().unwrap_or_else(|| w::TITLE.to_owned())}</span>
            </a>
            <button
                class="rec"
                data-test="record"
                title=w::KEY_RECORD
                aria-pressed=move || recording.get().to_string()
                on:click=go(Command::Record)
            >
                <Ic icon=lu::LuRadio />
                {move || if recording.get() { w::REC } else { w::NO_REC }}
            </button>
            <div class="transport" role="group" aria-label=w::TRANSPORT>
                <button class="plain icon" title=w::KEY_ALERT_BEFORE aria-label=w::KEY_ALERT_BEFORE on:click=go(Command::Alert { next: false })>
                    <Ic icon=lu::LuSkipBack />
                </button>
                <button class="plain icon" title=w::KEY_STEP_BACK aria-label=w::KEY_STEP_BACK on:click=go(Command::StepBack)>
                    <Ic icon=lu::LuRewind />
                </button>
                <button class="icon" data-test="play" title=w::KEY_PLAY aria-label=move || if paused.get() { w::PLAY } else { w::PAUSE } on:click=go(Command::PlayPause)>
                    {move || if paused.get() { view! { <Ic icon=lu::LuPlay /> } } else { view! { <Ic icon=lu::LuPause /> } }}
                </button>
                <button class="plain icon" data-test="step" title=w::KEY_STEP aria-label=w::KEY_STEP on:click=go(Command::Step)>
                    <Ic icon=lu::LuStepForward />
                </button>
                <button class="plain icon" data-test="step-event" title=w::STEP_EVENT aria-label=w::STEP_EVENT on:click=go(Command::StepEvent)>
                    <Ic icon=lu::LuFastForward />
                </button>
                <button class="plain icon" title=w::KEY_ALERT_NEXT aria-label=w::KEY_ALERT_NEXT on:click=go(Command::Alert { next: true })>
                    <Ic icon=lu::LuSkipForward />
                </button>
            </div>
            <select
                data-test="speed"
                aria-label=w::SPEED
                title=w::SPEED
                on:change=move |event| {
                    let speed: f64 = event_target_value(&event).parse().unwrap_or(1.0);
                    app.time_do(json!({ "do": "speed", "speed": speed }));
                }
            >
                {SPEEDS
                    .iter()
                    .map(|(value, label)| {
                        let number: f64 = value.parse().unwrap_or(1.0);
                        view! {
                            <option value=*value selected=move || (speed.get() - number).abs() < 1e-9>
                                {*label}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
            <button class="plain clock" data-test="clock" title=w::TIME_FORMS on:click=go(Command::Times)>
                {clock}
                <span class="dim">{move || match app.times.get() { TimeForm::Wall => w::UTC, _ => "" }}</span>
            </button>
            <form on:submit=run_until>
                <input
                    data-test="until"
                    size="9"
                    placeholder=w::RUN_UNTIL
                    aria-label=w::RUN_UNTIL
                    title=w::RUN_UNTIL_HINT
                    prop:value=move || until.get()
                    on:input=move |event| until.set(event_target_value(&event))
                />
            </form>
            <span class="facts">
                <a href="#/fleet" class="dim">{move || format::count(devices.get(), w::DEVICE)}</a>
                <span title=w::RATE>{move || { app.tick.track(); format!("{} msg/s", format::short(app.live.rate().get())) }}</span>
                <button class="plain" class:bad=move || { alerts.get() > 0 } title=w::KEY_ALERT_BEFORE on:click=go(Command::Alert { next: false })>
                    <Ic icon=lu::LuTriangleAlert />
                    {move || format::whole(alerts.get())}
                </button>
                <button class="plain icon" title=w::THEME aria-label=w::THEME data-test="theme" on:click=go(Command::Theme)>
                    {move || view! { <Ic icon=theme() /> }}
                </button>
                <button class="plain icon" title=w::KEY_PALETTE aria-label=w::KEY_PALETTE on:click=go(Command::Palette)>
                    <Ic icon=lu::LuSearch />
                </button>
                <button class="plain icon" title=w::KEY_HELP aria-label=w::KEY_HELP on:click=go(Command::Help)>
                    <Ic icon=lu::LuKeyboard />
                </button>
            </span>
        </header>
    }
}
