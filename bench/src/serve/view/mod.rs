//! What people look at, kept beside the session: the newest events with their causes, consoles,
//! readings and boards.
//!
//! A thread of its own makes it of the session's events, so that the stepping loop never waits for
//! somebody who looks; when it cannot keep up, events are left out and every page asks anew. All
//! of it is bounded.

mod boards;
mod channels;
mod consoles;
mod journey;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use serde_json::Value;
use twinbench_model::{Event, Payload, Room, VirtualTime, api::page::Status};

use crate::session::Session;
pub(super) use boards::Boards;
pub(super) use channels::Channels;
pub(super) use consoles::Consoles;
pub(super) use journey::{Asked, Journey};

/// Batches of events that may wait to be looked at.
const WAITING: usize = 64;
/// Events that may wait in one batch more, before some are left out.
const MOST_WAITING: usize = 200_000;

/// The newest of everything.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) now: VirtualTime,
    pub(super) status: Option<Status>,
    pub(super) journey: Journey,
    pub(super) boards: Boards,
    pub(super) channels: Channels,
    pub(super) consoles: Consoles,
    /// Counts up with every event of a workflow.
    pub(super) workflows: u64,
    /// Counts up when events were left out.
    pub(super) gaps: u64,
}

/// What is looked at, shared.
pub(super) type SharedView = Arc<Mutex<View>>;

/// Locks it; a thread that panicked while it held it left nothing half done that matters.
pub(super) fn lock(view: &SharedView) -> MutexGuard<'_, View> {
    view.lock().unwrap_or_else(PoisonError::into_inner)
}

struct News {
    events: Vec<Event>,
    status: Status,
    left_out: bool,
}

/// The stepping loop's end: hands over what is new.
pub(super) struct Watcher {
    pub(super) view: SharedView,
    to: SyncSender<News>,
    waiting: Vec<Event>,
    left_out: bool,
    began: bool,
}

impl Watcher {
    /// Starts the thread that looks.
    pub(super) fn start() -> std::io::Result<Self> {
        let view = SharedView::default();
        let (to, from) = sync_channel(WAITING);
        let shared = Arc::clone(&view);
        // It ends when the other end of its channel is dropped.
        std::thread::Builder::new()
            .name("view".into())
            .spawn(move || work(&shared, &from))?;
        Ok(Self {
            view,
            to,
            waiting: Vec::new(),
            left_out: false,
            began: false,
        })
    }

    /// Takes what is new in the session without handing it over yet, and gives the first event that
    /// is such as asked for.
    pub(super) fn find(
        &mut self,
        session: &mut Session,
        wanted: &mut dyn FnMut(&Event) -> bool,
    ) -> Option<Event> {
        session.watch();
        let known = self.waiting.len();
        session.take_watched(&mut self.waiting);
        let found = self.waiting[known..].iter().find(|event| wanted(event));
        found.cloned()
    }

    /// Hands over what is new in the session.
    pub(super) fn look(&mut self, session: &mut Session, paused: bool, speed: f64) {
        if !self.began {
            self.began = true;
            session.watch();
            lock(&self.view).boards = Boards::of(session);
        }
        session.take_watched(&mut self.waiting);
        let status = Status {
            bench: session.status(),
            paused,
            speed,
            recording: true,
        };
        let news = News {
            events: std::mem::take(&mut self.waiting),
            status,
            left_out: std::mem::take(&mut self.left_out),
        };
        if let Err(TrySendError::Full(news) | TrySendError::Disconnected(news)) =
            self.to.try_send(news)
        {
            self.waiting = news.events;
            self.left_out = news.left_out;
            if self.waiting.len() > MOST_WAITING {
                self.waiting.clear();
                self.left_out = true;
            }
        }
    }
}

fn work(view: &SharedView, from: &Receiver<News>) {
    while let Ok(news) = from.recv() {
        // One lock a batch; readers take it for moments only.
        let mut view = lock(view);
        view.gaps += u64::from(news.left_out);
        let mut events = news.events;
        events.sort_by_key(|event| (event.time, rank(event)));
        for event in events {
            view.take(event);
        }
        view.now = VirtualTime::from_nanos(news.status.bench.virtual_nanos);
        view.status = Some(news.status);
    }
}

/// Rooms hand their events over one after the other; here what happens at one instant stands in the
/// order in which one causes the other. Entities and workflows keep theirs: either may come first.
fn rank(event: &Event) -> u8 {
    match (event.room, event.kind) {
        (Room::Machine | Room::Bench, _) => 0,
        (Room::Hub, "c2d") => 5,
        (Room::Hub, _) => 1,
        (Room::Functions, _) => 2,
        (Room::Entities | Room::Workflows, _) => 3,
        (Room::Connectors, _) => 4,
    }
}

/// The JSON of an event, when it has one.
fn facts(event: &Event) -> Value {
    match &event.payload {
        Payload::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        Payload::Bytes(_) => Value::Null,
    }
}

impl View {
    /// Takes an event of a session, or of a recording.
    pub(super) fn take(&mut self, event: Event) {
        match (event.kind, &event.payload) {
            ("uart", Payload::Bytes(bytes)) => {
                let (device, port) = event
                    .source
                    .split_once('/')
                    .unwrap_or((&event.source, "console"));
                for line in self.consoles.take(device, port, event.time, bytes) {
                    self.journey.uart(event.time, device, port, &line);
                }
            }
            ("display", Payload::Bytes(frame)) => self.boards.display(&event.source, frame),
            ("pin", _) => {
                let facts = facts(&event);
                let name = facts["name"].as_str().unwrap_or_default();
                let high = facts["high"] == true;
                self.boards.pin(&event.source, name, high);
                // Lanes of states are for what is named; the sign of life would fill them.
                self.channels
                    .state(&event.source, name, event.time, f64::from(u8::from(high)));
            }
            // Variables that a probe reads are channels as a message's numbers are.
            ("watch", _) => {
                let facts = facts(&event);
                self.channels.message(&event.source, event.time, &facts);
            }
            ("d2c", _) => {
                let facts = facts(&event);
                self.boards.message(&event.source, event.time);
                self.channels
                    .message(&event.source, event.time, &facts["body"]);
                let body = &facts["body"];
                if let Some(pinned) = self.channels.pinned(&event.source) {
                    self.boards.pinned(&event.source, pinned);
                }
                let partition = facts["partition"].as_u64().unwrap_or_default();
                let title = short(&body.to_string());
                self.journey.message(event, partition, title);
            }
            ("connector", Payload::Json(text)) => {
                let alert = twinbench_serverless::alert_of(text);
                let call = self.journey.other(event, &mut self.workflows);
                if let Some((device, text)) = alert {
                    let now = self.journey.alert(call, &device, &text);
                    self.boards.alert(&device, now, &text);
                    self.channels.alert(&device, now);
                }
            }
            ("stimulus", _) => {
                let facts = facts(&event);
                if let Some(sensor) = facts.get("sensor") {
                    let quantity = sensor["quantity"].as_str().unwrap_or_default();
                    let value = sensor["value"].as_f64().unwrap_or_default();
                    self.boards.sensor(&event.source, quantity, value);
                }
                self.journey.other(event, &mut self.workflows);
            }
            ("twin", _) => {
                let facts = facts(&event);
                self.boards.twin(&event.source, &facts);
                self.journey.other(event, &mut self.workflows);
            }
            ("connection", _) => {
                let what = facts(&event);
                let up = what["event"] == "connected";
                self.boards.connection(&event.source, up);
                self.journey.other(event, &mut self.workflows);
            }
            _ => {
                self.journey.other(event, &mut self.workflows);
            }
        }
    }
}

/// A text cut to what fits a chip.
fn short(text: &str) -> String {
    const MOST: usize = 96;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST - 1).chain(['…']).collect()
}

/// By device and a second name.
type Named<T> = BTreeMap<String, BTreeMap<String, T>>;
