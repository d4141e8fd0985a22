//! `/bench/live`: what changed, over one WebSocket.
//!
//! Every reader has places in what is kept and is told what is newer, at most twenty times a
//! second and never faster than it takes it in. Nothing waits for a reader, and nothing is kept for
//! one: who falls behind what is kept is told to ask anew.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::any,
};
use serde::Deserialize;
use twinbench_model::api::page::{Change, Frame, Samples};

use super::channels;
use crate::serve::{key, routes::Shared, view};

/// Between two frames.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a reader may take for its first frame, and for taking in one of ours.
const PATIENCE: Duration = Duration::from_secs(20);
/// Events of one frame; the others come with the next.
const MOST_EVENTS: usize = 2_000;
/// Readings of a channel in one frame.
const MOST_READINGS: usize = 2_000;
/// With more channels than this, a reader gets those that it asks for.
const ALL_CHANNELS: usize = 256;
/// Longest frame of a reader.
const LONGEST: usize = 64 * 1024;

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/bench/live", any(open))
}

async fn open(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(LONGEST)
        .on_upgrade(|socket| async move {
            // A reader that goes is no error.
            let _ = serve(shared, socket).await;
        })
}

/// What a reader says.
#[derive(Deserialize)]
struct Word {
    key: Option<String>,
    channels: Option<Vec<String>>,
}

fn read(message: &Message) -> Option<Word> {
    match message {
        Message::Text(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// Where a reader is in what is kept.
#[derive(Default)]
struct Places {
    seq: u64,
    events: u64,
    changes: u64,
    workflows: u64,
    gaps: u64,
    status: String,
    channels: usize,
    readings: BTreeMap<usize, u64>,
    consoles: BTreeMap<(String, String), u64>,
    wanted: Option<Vec<String>>,
}

async fn serve(shared: Shared, mut socket: WebSocket) -> Option<()> {
    let first = tokio::time::timeout(PATIENCE, socket.recv())
        .await
        .ok()??
        .ok()?;
    let word = read(&first)?;
    let given = word.key.unwrap_or_default();
    if !key::matches(&given, &shared.key) {
        let refusal = serde_json::json!({"error": "the key is missing or wrong", "hint": "`twinbench key` shows it"});
        let _ = socket.send(Message::Text(refusal.to_string().into())).await;
        return None;
    }
    let mut places = {
        let view = view::lock(&shared.view);
        Places {
            events: view.journey.next(),
            changes: view.boards.changes(),
            workflows: view.workflows,
            gaps: view.gaps,
            channels: view.channels.all().len(),
            readings: channels::ends(&view),
            consoles: view
                .consoles
                .ends()
                .map(|(device, port, next)| ((device.to_owned(), port.to_owned()), next))
                .collect(),
            wanted: word.channels,
            ..Places::default()
        }
    };
    loop {
        let (frame, samples) = {
            let view = view::lock(&shared.view);
            (places.frame(&view), places.samples(&view))
        };
        if !frame.changes.is_empty() || frame.resync {
            let text = serde_json::to_string(&frame).ok()?;
            say(&mut socket, Message::Text(text.into())).await?;
        }
        if !samples.is_empty() {
            say(&mut socket, Message::Binary(samples.into())).await?;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            heard = socket.recv() => {
                let message = heard?.ok()?;
                if let Some(Word { channels: Some(wanted), .. }) = read(&message) {
                    places.wanted = Some(wanted);
                }
            }
        }
    }
}

async fn say(socket: &mut WebSocket, message: Message) -> Option<()> {
    tokio::time::timeout(PATIENCE, socket.send(message))
        .await
        .ok()?
        .ok()
}

impl Places {
    /// What changed since the last frame.
    fn frame(&mut self, view: &view::View) -> Frame {
        let mut changes = Vec::new();
        let behind = self.events < view.journey.first() || self.gaps != view.gaps;
        if behind {
            self.gaps = view.gaps;
            self.events = view.journey.next();
        }
        if let Some(status) = &view.status {
            let text = serde_json::to_string(status).unwrap_or_default();
            if text != self.status {
                self.status = text;
                changes.push(Change::Status(status.clone()));
            }
        }
        if view.boards.changes() != self.changes {
            let rows = view.boards.all().filter(|it| it.changed > self.changes);
            changes.push(Change::Devices(rows.map(|it| it.row.clone()).collect()));
            self.changes = view.boards.changes();
        }
        let all = view.channels.all();
        if all.len() > self.channels {
            let new = all.iter().skip(self.channels).map(|it| it.info.clone());
            changes.push(Change::Channels(new.collect()));
            self.channels = all.len();
        }
        let events = view.journey.since(self.events, MOST_EVENTS);
        if !events.is_empty() {
            self.events += events.len() as u64;
            changes.push(Change::Events(events));
        }
        for (device, port, next) in view.consoles.ends() {
            let place = (device.to_owned(), port.to_owned());
            let from = self.consoles.get(&place).copied().unwrap_or(0);
            if next > from {
                changes.push(Change::Console {
                    device: device.to_owned(),
                    port: port.to_owned(),
                    tail: view.consoles.tail(device, port, from),
                });
                self.consoles.insert(place, next);
            }
        }
        if view.workflows != self.workflows {
            self.workflows = view.workflows;
            changes.push(Change::Workflows(view.workflows));
        }
        if !changes.is_empty() || behind {
            self.seq += 1;
        }
        Frame {
            seq: self.seq,
            at: view.now.as_nanos(),
            changes,
            resync: behind,
        }
    }

    /// Readings since the last frame.
    fn samples(&mut self, view: &view::View) -> Vec<u8> {
        let all = view.channels.all();
        let mut frame = Vec::new();
        for (place, channel) in all.iter().enumerate() {
            let next = channel.next();
            let from = self.readings.insert(place, next).unwrap_or(0);
            let wanted = match &self.wanted {
                Some(names) => names.contains(&channel.info.name),
                None => all.len() <= ALL_CHANNELS,
            };
            if next == from || !wanted {
                continue;
            }
            let from = from.max(next.saturating_sub(MOST_READINGS as u64));
            Samples {
                channel: channel.info.name.clone(),
                points: channel.since(from).collect(),
            }
            .write(&mut frame);
        }
        frame
    }
}
