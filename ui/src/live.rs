//! The news of the bench: everything once, then deltas over one WebSocket, again after a gap.

use futures_util::{SinkExt as _, StreamExt as _};
use gloo_net::websocket::{Message, futures::WebSocket};
use gloo_timers::future::TimeoutFuture;
use leptos::{prelude::*, task::spawn_local};
use serde_json::{Value, json};

use crate::{
    api::{self, Trouble},
    app::App,
    state::{Applied, LiveStoreFields as _, follows, take},
    wire::Frame,
};

/// How long it waits after a lost connection, in milliseconds.
const AGAIN: u32 = 1_000;
/// How often the clock that is shown moves between two words of the bench, in milliseconds.
const TICK: u32 = 250;

/// How often the bench is told which channels are looked at, in milliseconds.
const WANTED: u32 = 300;
/// Up to so many channels a bench sends all.
const MANY: usize = 256;

/// Begins to listen, for as long as the page lives.
pub(crate) fn start(app: App) {
    spawn_local(async move {
        loop {
            let heard = StoredValue::new(false);
            if let Err(trouble) = listen(app, heard).await {
                // A bench without a WebSocket is asked again and again.
                if trouble != Trouble::Unreachable
                    || heard.get_value()
                    || app.live.status().read_untracked().is_none()
                    || everything(app).await.is_err()
                {
                    app.live.trouble().set(Some(trouble));
                }
            }
            TimeoutFuture::new(AGAIN).await;
        }
    });
    spawn_local(async move {
        loop {
            TimeoutFuture::new(TICK).await;
            app.tick.update(|count| *count = count.wrapping_add(1));
        }
    });
}

/// Everything that views show before the first delta.
async fn everything(app: App) -> Result<(), Trouble> {
    let place = app.place();
    let told: Value = api::get(&place, "/bench/status").await?;
    let status = crate::state::status_in(told)
        .map_err(|cause| Trouble::Unreadable(format!("/bench/status: {cause}")))?;
    let mut devices = match api::get(&place, "/bench/devices").await {
        Err(Trouble::Refused { status: 404, .. }) => older(app).await?,
        answer => answer?,
    };
    devices.sort_by(|one, other| one.id.cmp(&other.id));
    let channels = api::get(&place, "/bench/channels")
        .await
        .unwrap_or_default();
    let events: Value = api::get(&place, "/bench/events?limit=2000")
        .await
        .unwrap_or_default();
    let back = status.bench.virtual_nanos + 1_000_000_000 < app.shown.get_untracked();
    crate::state::status(app, status, js_sys::Date::now());
    app.live.devices().set(devices);
    app.live.channels().set(channels);
    app.live.events().update(|known| {
        if back {
            known.clear();
        }
        known.add(crate::state::events_in(&events));
    });
    if back {
        app.channels.update_value(crate::chart::Channels::clear);
    }
    app.live.trouble().set(None);
    Ok(())
}

/// The devices of a bench that knows only the front-end layer.
async fn older(app: App) -> Result<Vec<crate::wire::DeviceRow>, Trouble> {
    let list: Vec<twinbench_model::api::DeviceInfo> =
        api::get(&app.place(), "/api/devices").await?;
    Ok(list.into_iter().map(crate::state::row_of).collect())
}

/// One connection, until it ends.
async fn listen(app: App, heard: StoredValue<bool>) -> Result<(), Trouble> {
    everything(app).await?;
    app.live.seq().set(None);
    let place = app.place();
    let mut socket =
        WebSocket::open(&place.socket("/bench/live")).map_err(|_| Trouble::Unreachable)?;
    let hello = json!({ "key": place.key });
    let hello = Message::Text(hello.to_string());
    socket.send(hello).await.map_err(|_| Trouble::Unreachable)?;
    let (mut to, mut from) = socket.split();
    // A bench of many channels sends those that somebody looks at.
    spawn_local(async move {
        let mut told = Vec::new();
        loop {
            TimeoutFuture::new(WANTED).await;
            let wanted = app.wanted.get_untracked();
            if wanted == told || app.live.channels().with_untracked(Vec::len) <= MANY {
                continue;
            }
            let word = json!({ "channels": wanted }).to_string();
            if to.send(Message::Text(word)).await.is_err() {
                return;
            }
            told = wanted;
        }
    });
    while let Some(message) = from.next().await {
        let message = message.map_err(|_| Trouble::Unreachable)?;
        heard.set_value(true);
        match message {
            Message::Text(text) => {
                let frame: Frame = serde_json::from_str(&text)
                    .map_err(|cause| Trouble::Unreadable(format!("/bench/live: {cause}")))?;
                match follows(app.live.seq().get_untracked(), &frame) {
                    Applied::Known => {}
                    Applied::Take => {
                        app.live.seq().set(Some(frame.seq));
                        take(app, frame);
                    }
                    Applied::Resync => {
                        everything(app).await?;
                        app.live.seq().set((frame.seq > 0).then_some(frame.seq));
                    }
                }
            }
            Message::Bytes(bytes) => crate::state::samples(app, &bytes),
        }
    }
    Err(Trouble::Unreachable)
}
