//! What the events tell of the devices' lights and displays, and which rooms had news.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use twinbench_model::{Event, Payload, Room};

use super::display;

/// The facts of a `pin` event.
#[derive(Deserialize)]
struct Pin {
    name: String,
    high: bool,
}

/// State that is only told by events.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pins: BTreeMap<(Arc<str>, String), bool>,
    displays: BTreeMap<Arc<str>, Vec<String>>,
    /// Rooms with events since the last look.
    news: Vec<Room>,
}

impl Seen {
    pub(super) fn observe(&mut self, event: &Event) {
        if !self.news.contains(&event.room) {
            self.news.push(event.room);
        }
        match (event.kind, &event.payload) {
            ("pin", Payload::Json(text)) => {
                if let Ok(pin) = serde_json::from_str::<Pin>(text) {
                    self.pins
                        .insert((Arc::clone(&event.source), pin.name), pin.high);
                }
            }
            ("display", Payload::Bytes(frame)) => {
                self.displays
                    .insert(Arc::clone(&event.source), display::lines(frame));
            }
            _ => {}
        }
    }

    /// Whether one of the rooms had an event since the last [`clean`](Self::clean).
    pub(super) fn news(&self, room: Room) -> bool {
        self.news.contains(&room)
    }

    pub(super) fn clean(&mut self) {
        self.news.clear();
    }

    /// The level of a pin, once it changed for the first time.
    pub(super) fn pin(&self, device: &str, name: &str) -> Option<bool> {
        self.pins
            .iter()
            .find(|((source, pin), _)| **source == *device && pin == name)
            .map(|(_, high)| *high)
    }

    /// Names of a device's pins that changed.
    pub(super) fn pins(&self, device: &str) -> Vec<&str> {
        let of_device = self.pins.keys().filter(|(source, _)| **source == *device);
        of_device.map(|(_, name)| name.as_str()).collect()
    }

    pub(super) fn display(&self, device: &str) -> Option<&[String]> {
        self.displays.get(device).map(Vec::as_slice)
    }
}
