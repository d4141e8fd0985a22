//! A device's page: board, sensors, charts, console, twin, methods, messages, inside.

mod connection;
mod console;
mod inspect;
mod messages;
mod methods;
mod sensors;
mod twin;

use std::collections::BTreeMap;

use leptos::{prelude::*, task::spawn_local};
use serde_json::json;

use crate::{
    api::{self, Trouble},
    app::{App, Pick},
    board::{self, Board},
    chart::{Desk, DeskBar, Panes},
    format,
    parts::{Loading, Split, Tab, Tabs, TroubleBox},
    route::{Route, encode},
    state::{Find as _, LiveStoreFields as _},
    wire::DeviceDetail,
    words as w,
};

/// What the parts of the page share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ctx {
    pub(crate) app: App,
    id: StoredValue<String>,
    pub(crate) detail: RwSignal<Option<DeviceDetail>>,
}

impl Ctx {
    /// The device's id.
    pub(crate) fn id(self) -> String {
        self.id.get_value()
    }

    /// A path of the device's API.
    pub(crate) fn path(self, rest: &str) -> String {
        format!("/bench/devices/{}{rest}", encode(&self.id()))
    }

    /// Asks the device's machine to do something.
    pub(crate) fn act(self, body: serde_json::Value, done: &'static str) {
        self.app.act_then(self.path("/do"), body, move |_| {
            if !done.is_empty() {
                self.app.say("ok", done, "");
            }
            self.refresh();
        });
    }

    /// Asks for the device anew.
    pub(crate) fn refresh(self) {
        spawn_local(async move {
            if let Ok(detail) = ask(self).await {
                self.detail.try_set(Some(detail));
            }
        });
    }
}

async fn ask(ctx: Ctx) -> Result<DeviceDetail, Trouble> {
    api::get(&ctx.app.place(), &ctx.path("")).await
}

/// The page.
#[component]
pub(crate) fn Device(id: String) -> impl IntoView {
    let app = expect_context::<App>();
    let ctx = Ctx {
        app,
        id: StoredValue::new(id.clone()),
        detail: RwSignal::new(None),
    };
    let trouble = RwSignal::new(None::<Trouble>);
    app.pick.set(Pick::Nothing);
    let again = move || {
        spawn_local(async move {
            match ask(ctx).await {
                Ok(detail) => {
                    ctx.detail.try_set(Some(detail));
                    trouble.try_set(None);
                }
                Err(cause) => {
                    trouble.try_set(Some(cause));
                }
            }
        });
    };
    again();
    // What lives on the board is asked for as often as somebody can see it; news of the device
    // come by themselves.
    Effect::new(move |before: Option<u64>| {
        let tick = app.tick.get();
        if before.is_some() && (!app.paused_untracked() || tick.is_multiple_of(8)) {
            ctx.refresh();
        }
        tick
    });
    let known = Memo::new(move |_| ctx.detail.read().is_some());
    move || {
        if known.get() {
            return view! { <Known ctx /> }.into_any();
        }
        if let Some(trouble) = trouble.get() {
            return view! { <TroubleBox trouble again=move |()| again() /> }.into_any();
        }
        view! { <Loading what=w::CONNECTING /> }.into_any()
    }
}

/// The page of a device that is known.
#[component]
fn Known(ctx: Ctx) -> impl IntoView {
    let app = ctx.app;
    let id = ctx.id();
    let row = {
        let id = id.clone();
        Memo::new(move |_| app.live.device(&id).unwrap_or_default())
    };
    let board = Memo::new(move |_| row.read().board.clone().unwrap_or_default());
    let leds = Memo::new(move |_| {
        let detail = ctx.detail.read();
        let leds = detail.iter().flat_map(|detail| &detail.leds);
        leds.map(|led| (led.name.clone(), led.level))
            .collect::<BTreeMap<_, _>>()
    });
    let picture = Memo::new(move |_| {
        let detail = ctx.detail.read();
        let display = detail.as_ref().and_then(|detail| detail.display.as_ref())?;
        Some(board::path_of(
            &display.rows,
            display.width as usize,
            display.height as usize,
        ))
    });
    let press = move |(name, pressed): (&'static str, bool)| {
        ctx.act(
            json!({ "button": { "name": name, "pressed": pressed } }),
            "",
        );
    };
    let tabs: Signal<Vec<Tab>> = Signal::derive(move || {
        let mut tabs: Vec<Tab> = vec![("charts", w::CHARTS)];
        let detail = ctx.detail.read();
        if detail
            .as_ref()
            .is_some_and(|detail| !detail.consoles.is_empty())
        {
            tabs.push(("console", w::CONSOLE));
        }
        tabs.extend([
            ("twin", w::TWIN),
            ("methods", w::METHODS),
            ("messages", w::MESSAGES),
            ("inspect", w::INSPECT),
            ("connection", w::CONNECTION),
        ]);
        tabs
    });
    let open = RwSignal::new("charts");
    let opened = Memo::new(move |_| open.get());
    let desk = charts(ctx);
    let consoles = Memo::new(move |_| {
        ctx.detail
            .read()
            .as_ref()
            .map(|detail| detail.consoles.clone())
            .unwrap_or_default()
    });
    view! {
        <div class="head">
            <a href=Route::Fleet.hash()>{w::FLEET}</a>
            <span class="dim">"/"</span>
            <h1 class="mono" data-test="device">{id.clone()}</h1>
            <span class=move || format!("dot {}", super::fleet::state_class(&row.read()))></span>
            <span data-test="state">{move || super::fleet::state_name(&row.read()).to_owned()}</span>
            <span class="tag">{move || row.read().backend.clone()}</span>
            {move || row.read().firmware.clone().map(|firmware| view! { <span class="tag mono">{firmware}</span> })}
            {move || row.read().alert.clone().map(|alert| view! { <span class="tag bad">{alert}</span> })}
            <span class="grow"></span>
            <span class="dim">{w::LAST_MESSAGE} " "</span>
            <span class="mono">{move || row.read().last_message_at.map_or_else(|| w::NEVER.to_owned(), |at| app.time(at))}</span>
        </div>
        <div class="device">
            <div class="left">
                {move || (board.get() == "az3166").then(|| view! {
                    <Board leds=leds picture=Signal::derive(move || picture.get().unwrap_or_default()) press=press />
                })}
                {move || (board.get() != "az3166").then(|| view! { <OtherLeds ctx /> })}
                <sensors::Sensors ctx />
                <PinnedValue ctx />
            </div>
            <div class="right">
                <Tabs label=w::DEVICE_PARTS tabs=tabs open=open />
                {move || match opened.get() {
                    "console" => view! { <console::Consoles ctx names=consoles.get_untracked() /> }.into_any(),
                    "twin" => view! { <twin::Twin ctx /> }.into_any(),
                    "methods" => view! { <methods::Methods ctx /> }.into_any(),
                    "messages" => view! { <messages::Messages ctx /> }.into_any(),
                    "inspect" => view! { <inspect::Inspect ctx /> }.into_any(),
                    "connection" => view! { <connection::Connection ctx /> }.into_any(),
                    _ => {
                        let first = view! {
                            <div class="head"><DeskBar desk /></div>
                            <Panes desk />
                        }
                        .into_any();
                        let names = consoles.get_untracked();
                        if names.is_empty() {
                            first
                        } else {
                            let second = view! { <console::Consoles ctx names /> }.into_any();
                            view! { <Split name="device" size=420.0 down=true first=first second=second /> }.into_any()
                        }
                    }
                }}
            </div>
        </div>
    }
}

/// Panes for the device's channels: one for each unit, at most three.
fn charts(ctx: Ctx) -> Desk {
    let app = ctx.app;
    let desk = Desk::new(Vec::new(), app.now_secs());
    super::charts::obey(app, desk);
    let id = ctx.id();
    let names = Memo::new(move |_| {
        let list = app.live.channels().read();
        let own = list.iter().filter(|info| info.device == id);
        own.map(|info| (info.name.clone(), info.unit.clone(), info.kind.clone()))
            .collect::<Vec<_>>()
    });
    Effect::new(move || {
        let names = names.get();
        if names.is_empty() || !desk.panes.read_untracked().is_empty() {
            return;
        }
        let mut panes = first_panes(&names);
        panes.truncate(2);
        for channels in panes {
            for name in &channels {
                app.open_channel(name);
            }
            desk.open(channels);
        }
    });
    desk
}

/// Panes that a page begins with: the climate with its alerts first, then what remains by unit.
/// `names` are channels with unit and kind.
pub(crate) fn first_panes(names: &[(String, String, String)]) -> Vec<Vec<String>> {
    let quantity = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
    let climate = ["temperature", "humidity"];
    let mut first: Vec<String> = Vec::new();
    let mut rest: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, unit, kind) in names {
        match kind.as_str() {
            "number" if climate.contains(&quantity(name).as_str()) => first.push(name.clone()),
            "number" => match rest.iter_mut().find(|(there, _)| there == unit) {
                Some((_, channels)) => channels.push(name.clone()),
                None => rest.push((unit, vec![name.clone()])),
            },
            "alert" => first.push(name.clone()),
            // LEDs blink: whoever wants their lane drags it in.
            _ => {}
        }
    }
    let mut panes: Vec<Vec<String>> = Vec::new();
    if !first.is_empty() {
        panes.push(first);
    }
    panes.extend(rest.into_iter().map(|(_, channels)| channels));
    panes
}

/// The LEDs of a board that has no drawing.
#[component]
fn OtherLeds(ctx: Ctx) -> impl IntoView {
    view! {
        <div class="card">
            <h2>{move || ctx.detail.read().as_ref().and_then(|detail| detail.row.board.clone()).unwrap_or_else(|| w::NO_BOARD.to_owned())}</h2>
            <div class="row wrap">
                {move || {
                    let detail = ctx.detail.read();
                    let leds = detail.iter().flat_map(|detail| detail.leds.clone());
                    leds.map(|led| {
                        let class = if led.level > 0.0 { "dot ok" } else { "dot" };
                        view! { <span class="row"><span class=class></span>{led.name}</span> }
                    })
                    .collect_view()
                }}
            </div>
        </div>
    }
}

/// Facts that fit nowhere else.
#[component]
fn PinnedValue(ctx: Ctx) -> impl IntoView {
    let pinned = move || {
        ctx.detail
            .read()
            .as_ref()
            .and_then(|detail| detail.row.pinned.clone())
    };
    move || {
        pinned().map(|pinned| {
            view! {
                <div class="card row">
                    <span class="dim">{pinned.channel}</span>
                    <span class="grow"></span>
                    <strong class="mono">{format::value(pinned.value, &pinned.unit)}</strong>
                </div>
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::first_panes;

    #[test]
    fn the_climate_comes_first() {
        let channel = |name: &str, unit: &str, kind: &str| {
            (name.to_owned(), unit.to_owned(), kind.to_owned())
        };
        let names = [
            channel("d/accelerometerX", "mg", "number"),
            channel("d/alert", "", "alert"),
            channel("d/led-user", "", "state"),
            channel("d/Temperature", "C", "number"),
            channel("d/accelerometerY", "mg", "number"),
        ];
        let panes = first_panes(&names);
        assert_eq!(
            panes,
            [
                vec!["d/alert", "d/Temperature"],
                vec!["d/accelerometerX", "d/accelerometerY"]
            ]
        );
        assert!(first_panes(&[]).is_empty());
    }
}
