//! A recording that is open: charts and journey of what was, scrubbed as a session that runs.

use icondata_lu as lu;
use leptos::{context::Provider, prelude::*, task::spawn_local};
use serde_json::Value;

use super::{
    charts::{ChannelList, first_panes, obey},
    journey::Journey,
};
use crate::{
    api::{self, Trouble},
    app::{App, Pick},
    chart::{Desk, DeskBar, Panes, TimeView},
    format,
    keys::Command,
    parts::{Ic, Loading, Split, Tabs, TroubleBox},
    route::{Route, encode},
    shell::{Inspector, Timeline},
    state::LiveStoreFields as _,
    wire::{BenchStatus, DeviceRow, RecordedChannels, Status},
    words as w,
};

/// Events of one answer; their numbers and causes hold within it.
const MOST: usize = 20_000;
/// How far to either side an answer reaches at most, in nanoseconds (an hour, as the bench has it).
const REACH: u64 = 3_600_000_000_000;
/// How often the moment moves on while a recording is played, in milliseconds.
const BEAT: u32 = 100;
/// One step, in nanoseconds.
const STEP: u64 = 1_000_000_000;

/// What an answer around a moment covers, in nanoseconds: from and to.
fn covered(at: u64, reach: u64, times: &[u64]) -> (u64, u64) {
    match (times.first(), times.last()) {
        // A full answer ends where its events end.
        (Some(first), Some(last)) if times.len() >= MOST => (*first, *last),
        _ => (at.saturating_sub(reach), at.saturating_add(reach)),
    }
}

/// The view.
#[component]
pub(crate) fn Recorded(
    /// The recording, as the list names it.
    name: String,
    /// The moment that is looked at first.
    at: Option<u64>,
) -> impl IntoView {
    let page = expect_context::<App>();
    let app = page.of_recording(name.clone());
    let state = RwSignal::new(None::<Result<RecordedChannels, Trouble>>);
    let path = format!("/bench/recordings/channels?name={}", encode(&name));
    spawn_local(async move {
        let answer = api::get::<RecordedChannels>(&app.place(), &path).await;
        if let Ok(recorded) = &answer {
            take(app, recorded);
            app.marked.set(at);
        }
        state.try_set(Some(answer));
    });
    on_cleanup(move || page.first.set_value(None));
    view! {
        <Provider value=app>
            {move || match state.get() {
                None => view! { <Loading what=w::OPENING /> }.into_any(),
                Some(Err(trouble)) => view! { <TroubleBox trouble again=move |()| page.go(&Route::Recordings) /> }.into_any(),
                Some(Ok(recorded)) => view! { <Open recorded at /> }.into_any(),
            }}
        </Provider>
    }
}

/// Puts into the store what the page shows of a bench.
fn take(app: App, recorded: &RecordedChannels) {
    let mut ids: Vec<String> = recorded
        .channels
        .iter()
        .map(|channel| channel.device.clone())
        .filter(|id| !id.is_empty())
        .collect();
    ids.sort();
    ids.dedup();
    let row = |id| DeviceRow {
        id,
        ..DeviceRow::default()
    };
    app.shown.set(recorded.length_ns);
    app.live.status().set(Some(Status {
        bench: BenchStatus {
            bench: recorded.bench.clone(),
            virtual_nanos: 0,
            utc: recorded.epoch.clone(),
            devices: ids.len() as u64,
            messages: 0,
            alerts: 0,
        },
        paused: true,
        speed: 1.0,
        recording: false,
    }));
    app.live.devices().set(ids.into_iter().map(row).collect());
    app.live.channels().set(recorded.channels.clone());
}

/// Asks for the events around a moment, in place of those that are there.
async fn events(app: App, at: u64, reach: u64) -> Result<(u64, u64), Trouble> {
    let name = app.recorded.get_value().unwrap_or_default();
    let path = format!(
        "/bench/recordings/events?name={}&at={at}&around_ns={reach}&limit={MOST}",
        encode(&name)
    );
    let answer: Value = api::get(&app.place(), &path).await?;
    let rows = crate::state::events_in(&answer);
    let times: Vec<u64> = rows.iter().map(|row| row.at).collect();
    app.live.events().update(|events| {
        events.clear();
        events.add(rows);
    });
    app.tick.update(|count| *count += 1);
    app.samples.update(|count| *count += 1);
    Ok(covered(at, reach, &times))
}

/// The recording, once it is known what it is.
#[component]
fn Open(recorded: RecordedChannels, at: Option<u64>) -> impl IntoView {
    let app = expect_context::<App>();
    let length = recorded.length_ns;
    let tab = RwSignal::new("charts");
    let playing = RwSignal::new(false);
    let desk = Desk::new(Vec::new(), app.now_secs());
    desk.panes.set(first_panes(app));
    let panes = desk.panes.get_untracked();
    for channel in panes.into_iter().flat_map(|spec| spec.channels) {
        app.open_channel(&channel);
    }
    desk.follow.set(TimeView::All);
    desk.view.set(TimeView::All);
    obey(app, desk);
    gather(app, length, at);
    let moment = move || match app.pick.get() {
        Pick::Moment(at) => at,
        Pick::Event(id) => app
            .live
            .events()
            .with(|events| events.get(id).map_or(length, |event| event.at)),
        _ => length,
    };
    let move_by = move |by: i64| {
        let now = untrack(moment);
        let next = now.saturating_add_signed(by).min(length);
        app.pick.set(Pick::Moment(next));
    };
    let play = move || {
        if playing.get_untracked() {
            playing.set(false);
            return;
        }
        if untrack(moment) >= length {
            app.pick.set(Pick::Moment(0));
        }
        playing.set(true);
        spawn_local(async move {
            loop {
                gloo_timers::future::TimeoutFuture::new(BEAT).await;
                if playing.try_get_untracked() != Some(true) {
                    return;
                }
                move_by(i64::from(BEAT) * 1_000_000);
                if untrack(moment) >= length {
                    playing.set(false);
                }
            }
        });
    };
    let first = Callback::new(move |command| {
        match command {
            Command::PlayPause => play(),
            Command::Step | Command::StepEvent => move_by(STEP.cast_signed()),
            Command::StepBack => move_by(-STEP.cast_signed()),
            Command::Alert { next } => app.to_alert(next),
            _ => return false,
        }
        true
    });
    app.first.set_value(Some(first));
    let parent = recorded.parent.as_ref().map(|parent| {
        format!(
            "{} {}",
            w::BRANCH_OF,
            super::read::text(parent, &["recording"])
        )
    });
    let tabs: Vec<crate::parts::Tab> = vec![("charts", w::CHARTS), ("journey", w::JOURNEY)];
    view! {
        <div class="head" data-test="recorded">
            <Ic icon=lu::LuFilm />
            <h1 class="mono">{recorded.name.clone()}</h1>
            <span class="dim">{recorded.bench.clone()} " \u{b7} " {format::span(length)}</span>
            {parent.map(|parent| view! { <span class="tag">{parent}</span> })}
            <span class="grow"></span>
            <button class="icon" title=w::KEY_ALERT_BEFORE aria-label=w::KEY_ALERT_BEFORE data-test="recorded-alert-before" on:click=move |_| app.to_alert(false)><Ic icon=lu::LuSkipBack /></button>
            <button class="icon" title=w::SECOND_BACK aria-label=w::SECOND_BACK data-test="recorded-back" on:click=move |_| move_by(-STEP.cast_signed())><Ic icon=lu::LuRewind /></button>
            <button
                class="icon"
                data-test="recorded-play"
                title=move || if playing.get() { w::PAUSE_RECORDING } else { w::PLAY_RECORDING }
                aria-label=move || if playing.get() { w::PAUSE_RECORDING } else { w::PLAY_RECORDING }
                aria-pressed=move || playing.get().to_string()
                on:click=move |_| play()
            >
                {move || if playing.get() { view! { <Ic icon=lu::LuPause /> } } else { view! { <Ic icon=lu::LuPlay /> } }}
            </button>
            <button class="icon" title=w::SECOND_ON aria-label=w::SECOND_ON data-test="recorded-on" on:click=move |_| move_by(STEP.cast_signed())><Ic icon=lu::LuFastForward /></button>
            <button class="icon" title=w::KEY_ALERT_NEXT aria-label=w::KEY_ALERT_NEXT data-test="recorded-alert-next" on:click=move |_| app.to_alert(true)><Ic icon=lu::LuSkipForward /></button>
            <strong class="mono" data-test="recorded-clock">{move || app.time(moment())}</strong>
            <a class="button" href=Route::Recordings.hash()>{w::CLOSE_RECORDING}</a>
        </div>
        <div class="recorded">
            <div class="fill">
                <Tabs label=w::RECORDINGS tabs open=tab />
                {move || match tab.get() {
                    "journey" => view! { <Journey /> }.into_any(),
                    _ => view! {
                        <div class="head"><DeskBar desk /></div>
                        <Split
                            name="charts"
                            size=220.0
                            first=view! { <ChannelList desk /> }.into_any()
                            second=view! { <Panes desk /> }.into_any()
                        />
                    }.into_any(),
                }}
            </div>
            <Inspector />
        </div>
        <Timeline />
    }
}

/// Asks for the events of the whole recording, and for those around a moment that is out of them.
fn gather(app: App, length: u64, at: Option<u64>) {
    let known = StoredValue::new(None::<(u64, u64)>);
    let asking = StoredValue::new(false);
    let ask = move |at: u64, reach: u64| {
        asking.set_value(true);
        spawn_local(async move {
            let found = events(app, at, reach).await;
            asking.try_set_value(false);
            match found {
                Ok(range) => {
                    known.try_set_value(Some(range));
                }
                Err(trouble) => app.trouble(&trouble),
            }
        });
    };
    let middle = at.unwrap_or(length / 2);
    let reach = middle.max(length - middle.min(length)).saturating_add(1);
    ask(middle, reach.min(REACH));
    if let Some(at) = at {
        app.pick.set(Pick::Moment(at));
    }
    Effect::new(move || {
        if let Pick::Moment(at) = app.pick.get() {
            let there = known.get_value();
            let out = there.is_some_and(|(from, to)| at < from || at > to);
            if out && !asking.get_value() {
                ask(at, REACH);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_answer_covers_what_is_in_it() {
        assert_eq!(covered(100, 30, &[90, 120]), (70, 130));
        assert_eq!(covered(10, 30, &[]), (0, 40));
        let many: Vec<u64> = (0..MOST as u64).map(|n| n + 5).collect();
        assert_eq!(covered(100, u64::MAX, &many), (5, MOST as u64 + 4));
    }
}
