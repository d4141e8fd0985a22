//! Charts: panes, and the channels that can be dragged into them.

use icondata_lu as lu;
use leptos::prelude::*;
use twinbench_plot::color_of;

use crate::{
    app::App,
    chart::{Desk, DeskBar, Export, Panes, TimeView, forget_layout, layouts, save_layout},
    keys::Command,
    parts::{Empty, Ic, Split},
    state::LiveStoreFields as _,
    words as w,
};

/// The view.
#[component]
pub(crate) fn Charts() -> impl IntoView {
    let app = expect_context::<App>();
    let saved = layouts();
    let last = saved
        .iter()
        .find(|(name, _)| name.is_empty())
        .map(|(_, panes)| panes.clone());
    let desk = Desk::new(Vec::new(), app.now_secs());
    match last {
        Some(panes) => desk.panes.set(panes),
        None => desk.panes.set(first_panes(app)),
    }
    for name in desk
        .panes
        .get_untracked()
        .into_iter()
        .flat_map(|spec| spec.channels)
    {
        app.open_channel(&name);
    }
    // The layout that is on the screen is there again after a reload.
    Effect::new(move || save_layout("", &desk.panes.read()));
    obey(app, desk);
    let names = RwSignal::new(
        saved
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| !name.is_empty())
            .collect::<Vec<_>>(),
    );
    let naming = RwSignal::new(String::new());
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let name = naming.get_untracked().trim().to_owned();
        if name.is_empty() {
            return;
        }
        save_layout(&name, &desk.panes.read_untracked());
        names.update(|names| {
            if !names.contains(&name) {
                names.push(name);
            }
        });
        naming.set(String::new());
        app.say("ok", w::LAYOUT_SAVED, "");
    };
    let loaded = RwSignal::new(String::new());
    let load = move |event| {
        let name = event_target_value(&event);
        loaded.set(name.clone());
        if let Some((_, panes)) = layouts().into_iter().find(|(there, _)| *there == name) {
            for name in panes.iter().flat_map(|spec| &spec.channels) {
                app.open_channel(name);
            }
            desk.panes.set(panes);
        }
    };
    view! {
        <div class="head">
            <h1>{w::CHARTS}</h1>
            <DeskBar desk />
            <span class="grow"></span>
            <button data-test="new-pane" on:click=move |_| desk.open(Vec::new())>
                <Ic icon=lu::LuPlus />
                {w::NEW_PANE}
            </button>
            <select data-test="layouts" aria-label=w::LAYOUT on:change=load>
                <option value="">{w::LAYOUT}</option>
                {move || names.get().into_iter().map(|name| view! { <option value=name.clone()>{name.clone()}</option> }).collect_view()}
            </select>
            {move || (!loaded.get().is_empty()).then(|| view! {
                <button
                    class="icon"
                    title=w::FORGET_LAYOUT
                    aria-label=w::FORGET_LAYOUT
                    data-test="forget-layout"
                    on:click=move |_| {
                        let gone = loaded.get_untracked();
                        forget_layout(&gone);
                        names.update(|names| names.retain(|name| *name != gone));
                        loaded.set(String::new());
                        app.say("ok", w::LAYOUT_FORGOTTEN, "");
                    }
                >
                    <Ic icon=lu::LuTrash2 />
                </button>
            })}
            <form class="row" on:submit=save>
                <input
                    data-test="layout-name"
                    size="14"
                    placeholder=w::LAYOUT_NAME
                    aria-label=w::LAYOUT_NAME
                    prop:value=move || naming.get()
                    on:input=move |event| naming.set(event_target_value(&event))
                />
                <button data-test="save-layout"><Ic icon=lu::LuSave />{w::SAVE_LAYOUT}</button>
            </form>
        </div>
        <Split
            name="charts"
            size=220.0
            first=view! { <ChannelList desk /> }.into_any()
            second=view! {
                {move || desk.panes.read().is_empty().then(|| view! {
                    <Empty what=w::NO_PANES how=w::NO_PANES_HOW>
                        <button class="primary" on:click=move |_| desk.open(Vec::new())>{w::NEW_PANE}</button>
                    </Empty>
                })}
                <Panes desk />
            }.into_any()
        />
    }
}

/// A pane for the first device's quantities, so that nobody begins with an empty page.
pub(crate) fn first_panes(app: App) -> Vec<crate::chart::PaneSpec> {
    let list = app.live.channels().get_untracked();
    let first = list
        .iter()
        .map(|info| info.device.clone())
        .find(|device| !device.is_empty());
    let of_first = list
        .iter()
        .filter(|info| Some(&info.device) == first.as_ref());
    let names: Vec<_> = of_first
        .map(|info| (info.name.clone(), info.unit.clone(), info.kind.clone()))
        .collect();
    let spec = |(id, channels)| crate::chart::PaneSpec {
        id,
        channels,
        locked: Vec::new(),
    };
    (0..)
        .zip(super::device::first_panes(&names).into_iter().take(3))
        .map(spec)
        .collect()
}

/// Keys that mean charts.
pub(crate) fn obey(app: App, desk: Desk) {
    let seen = app
        .command
        .get_untracked()
        .map_or(0, |(count, _)| count + 1);
    Effect::new(move || match app.command.get() {
        Some((count, command)) if count >= seen => match command {
            Command::Measure => {
                desk.measuring.update(|on| *on = !*on);
                desk.marks.set(Vec::new());
            }
            Command::Export => {
                desk.export.set(Some(Export {
                    form: "png",
                    whole: false,
                }));
                desk.export.set(None);
            }
            Command::Live => desk.back(),
            _ => {}
        },
        _ => {}
    });
    // A moment that is selected elsewhere is shown here.
    Effect::new(move |before: Option<()>| {
        let pick = app.pick.get();
        if before.is_none() {
            return;
        }
        let at = match pick {
            crate::app::Pick::Moment(at) => at,
            crate::app::Pick::Event(id) => match app
                .live
                .events()
                .with_untracked(|events| events.get(id).map(|event| event.at))
            {
                Some(at) => at,
                None => return,
            },
            _ => return,
        };
        let secs = at as f64 / 1e9;
        let (from, to) = desk.view.get_untracked().range(app.now_secs());
        desk.cursor.set(Some(secs));
        if !(from..=to).contains(&secs) {
            let half = (to - from) / 2.0;
            desk.view
                .set(TimeView::between((secs - half).max(0.0), secs + half));
        }
    });
}

/// Whether a channel is the first of its device in the list, which is sorted by name.
fn first_of_device(app: App, name: &str) -> bool {
    let list = app.live.channels().read_untracked();
    let at = list.iter().position(|info| info.name == name);
    at.is_some_and(|at| at == 0 || list[at - 1].device != list[at].device)
}

/// The channels by device; they are dragged, or pressed.
#[component]
pub(crate) fn ChannelList(desk: Desk) -> impl IntoView {
    let app = expect_context::<App>();
    let wanted = RwSignal::new(String::new());
    let shown = move || {
        let wanted = wanted.get().to_lowercase();
        let list = app.live.channels().get();
        list.into_iter()
            .filter(|info| info.name.to_lowercase().contains(&wanted))
            .take(500)
            .collect::<Vec<_>>()
    };
    let none = Memo::new(move |_| app.live.channels().read().is_empty());
    view! {
        <div class="head">
            <input
                type="search"
                data-filter=""
                class="grow"
                placeholder=w::CHANNELS
                aria-label=w::CHANNELS
                on:input=move |event| wanted.set(event_target_value(&event))
            />
        </div>
        {move || none.get().then(|| view! { <p class="pad dim">{w::NO_CHANNELS} ". " {w::NO_CHANNELS_HOW}</p> })}
        <div class="channels" role="list" aria-label=w::CHANNELS title=w::CHANNELS_HINT>
            <For
                each=shown
                key=|info| info.name.clone()
                children=move |info| {
                    let color = color_of(&info.name);
                    let swatch = format!("rgb({},{},{})", color.0, color.1, color.2);
                    let (drag, press) = (info.name.clone(), info.name.clone());
                    let quantity = info.name.split_once('/').map_or(&*info.name, |(_, quantity)| quantity).to_owned();
                    let device = first_of_device(app, &info.name).then(|| view! { <h3 class="mono">{info.device.clone()}</h3> });
                    view! {
                        {device}
                        <button
                            class="channel"
                            title=info.name.clone()
                            draggable="true"
                            data-channel=info.name.clone()
                            on:dragstart=move |event| {
                                if let Some(data) = event.data_transfer() {
                                    // A drag without its name drops nothing.
                                    let _ = data.set_data("text/plain", &drag);
                                }
                            }
                            on:click=move |_| {
                                app.open_channel(&press);
                                let last = desk.panes.with_untracked(|panes| panes.last().map(|spec| spec.id));
                                match last {
                                    Some(id) => desk.add(id, &press),
                                    None => desk.open(vec![press.clone()]),
                                }
                            }
                        >
                            <span class="swatch" style:background=swatch></span>
                            <span class="grow" style:text-align="left" style:overflow="hidden" style:text-overflow="ellipsis">{quantity}</span>
                            <span class="dim">{info.unit.clone()}</span>
                        </button>
                    }
                }
            />
        </div>
    }
}
