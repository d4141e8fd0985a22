//! Devices as lists and pictures show them.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use twinbench_machine::generator::Generator;
use twinbench_model::{
    VirtualTime,
    api::page::{DeviceRow, Display, Led, Pinned, Sensor},
};

use super::channels::unit;
use crate::{
    file::{Backend, wiring},
    session::Session,
};

/// How long an alert stands out, in nanoseconds: ten minutes.
const ALERT: u64 = 600_000_000_000;

/// One device.
#[derive(Debug, Default)]
pub(in super::super) struct Shown {
    pub(in super::super) row: DeviceRow,
    pub(in super::super) leds: BTreeMap<String, bool>,
    pub(in super::super) buttons: Vec<String>,
    pub(in super::super) sensors: Vec<Sensor>,
    display: Option<Bytes>,
    alerted: Option<VirtualTime>,
    /// Number of the last change.
    pub(in super::super) changed: u64,
}

impl Shown {
    /// What its display shows.
    pub(in super::super) fn picture(&self) -> Option<Display> {
        let frame = self.display.as_ref()?;
        // SSD1306: eight pages of 128 columns.
        Some(Display {
            width: 128,
            height: u32::try_from(frame.len() / 128 * 8).unwrap_or(0),
            rows: STANDARD.encode(frame),
        })
    }

    /// Its LEDs with their colours.
    pub(in super::super) fn lights(&self) -> Vec<Led> {
        self.leds
            .iter()
            .map(|(name, on)| Led {
                name: name.clone(),
                color: color(name).map(str::to_owned),
                level: f64::from(u8::from(*on)),
            })
            .collect()
    }
}

/// The colour of an LED by its name (AZ3166 schematic V1.0: Wi-Fi green, Azure blue, user yellow).
fn color(name: &str) -> Option<&'static str> {
    let has = |part: &str| name.contains(part);
    Some(match () {
        () if has("red") => "red",
        () if has("green") || has("wifi") => "green",
        () if has("blue") || has("azure") => "blue",
        () if has("orange") => "orange",
        () if has("user") => "yellow",
        () => return None,
    })
}

/// The quantities that the board's sensors measure, with the range of a slider (the sensors'
/// ranges: HTS221, LPS22HB, LIS2MDL, LSM6DSL data sheets, tables of mechanical characteristics).
const MEASURED: [(&str, f64, f64); 12] = [
    ("temperature", -40.0, 120.0),
    ("humidity", 0.0, 100.0),
    ("pressure", 260.0, 1_260.0),
    ("magnetometer-x", -49_152.0, 49_152.0),
    ("magnetometer-y", -49_152.0, 49_152.0),
    ("magnetometer-z", -49_152.0, 49_152.0),
    ("accelerometer-x", -2_000.0, 2_000.0),
    ("accelerometer-y", -2_000.0, 2_000.0),
    ("accelerometer-z", -2_000.0, 2_000.0),
    ("gyroscope-x", -2_000_000.0, 2_000_000.0),
    ("gyroscope-y", -2_000_000.0, 2_000_000.0),
    ("gyroscope-z", -2_000_000.0, 2_000_000.0),
];

/// All devices.
#[derive(Debug, Default)]
pub(in super::super) struct Boards {
    all: BTreeMap<String, Shown>,
    changes: u64,
}

impl Boards {
    /// The devices of a session's bench file.
    pub(super) fn of(session: &Session) -> Self {
        let mut boards = Self::default();
        let folder = session.path().parent().unwrap_or(Path::new(""));
        for (id, device) in session.file().devices() {
            let board = device.board.as_ref().map(|it| it.get_ref().clone());
            let emulated = device.backend == Backend::Emulator;
            let file = board.as_deref().and_then(|name| wiring(folder, name).ok());
            let generator = |quantity: &str| {
                let found = device
                    .sensors
                    .iter()
                    .find(|(name, _)| name.get_ref() == quantity);
                let name = |generator: &Generator| match generator {
                    Generator::Constant(_) => "constant",
                    Generator::Random(_) => "random",
                    Generator::Periodic(_) => "periodic",
                    Generator::Steps(_) => "steps",
                    Generator::Csv(_) => "file",
                    Generator::Recording(_) => "recording",
                };
                // A sensor that nothing was said of is at rest: it measures the same all the time.
                Some(
                    found
                        .map_or("constant", |(_, generator)| name(generator))
                        .to_owned(),
                )
            };
            let sensors = MEASURED.iter().filter(|(quantity, ..)| {
                emulated || *quantity == "temperature" || *quantity == "humidity"
            });
            let sensors = sensors.map(|(quantity, min, max)| Sensor {
                quantity: (*quantity).to_owned(),
                value: 0.0,
                min: *min,
                max: *max,
                unit: unit(quantity).to_owned(),
                generator: generator(quantity),
            });
            let row = DeviceRow {
                id: id.to_string(),
                board,
                backend: format!("{:?}", device.backend).to_lowercase(),
                firmware: device
                    .firmware
                    .as_ref()
                    .map(|it| it.get_ref().display().to_string()),
                state: if device.backend == Backend::Simulated && !device.connected {
                    "running"
                } else {
                    "unconnected"
                }
                .to_owned(),
                ..DeviceRow::default()
            };
            let shown = Shown {
                row,
                leds: file
                    .iter()
                    .flat_map(|it| it.led.keys().map(|led| (led.clone(), false)))
                    .collect(),
                buttons: file
                    .iter()
                    .flat_map(|it| it.button.keys().cloned())
                    .collect(),
                sensors: if device.backend == Backend::External {
                    Vec::new()
                } else {
                    sensors.collect()
                },
                ..Shown::default()
            };
            boards.all.insert(id.to_string(), shown);
        }
        boards
    }

    /// All, in order of their ids.
    pub(in super::super) fn all(&self) -> impl Iterator<Item = &Shown> {
        self.all.values()
    }

    /// A device.
    pub(in super::super) fn get(&self, id: &str) -> Option<&Shown> {
        self.all.get(id)
    }

    /// Number of the last change of any device.
    pub(in super::super) fn changes(&self) -> u64 {
        self.changes
    }

    fn change(&mut self, id: &str, what: impl FnOnce(&mut Shown)) {
        if let Some(shown) = self.all.get_mut(id) {
            what(shown);
            self.changes += 1;
            shown.changed = self.changes;
        }
    }

    pub(super) fn pin(&mut self, id: &str, name: &str, high: bool) {
        self.change(id, |shown| {
            if let Some(led) = shown.leds.get_mut(name) {
                *led = high;
            }
        });
    }

    pub(super) fn display(&mut self, id: &str, frame: &Bytes) {
        self.change(id, |shown| shown.display = Some(frame.clone()));
    }

    pub(super) fn message(&mut self, id: &str, at: VirtualTime) {
        self.change(id, |shown| {
            shown.row.last_message_at = Some(at.as_nanos());
            "running".clone_into(&mut shown.row.state);
            let old = |then: VirtualTime| at.as_nanos() > then.as_nanos().saturating_add(ALERT);
            if shown.alerted.is_some_and(old) {
                shown.row.alert = None;
            }
        });
    }

    pub(super) fn pinned(&mut self, id: &str, pinned: Pinned) {
        self.change(id, |shown| shown.row.pinned = Some(pinned));
    }

    pub(super) fn alert(&mut self, id: &str, at: VirtualTime, text: &str) {
        self.change(id, |shown| {
            shown.alerted = Some(at);
            shown.row.alert = Some(text.to_owned());
        });
    }

    pub(super) fn sensor(&mut self, id: &str, quantity: &str, value: f64) {
        self.change(id, |shown| {
            let sensor = shown.sensors.iter_mut().find(|it| it.quantity == quantity);
            if let Some(sensor) = sensor {
                sensor.value = value;
                sensor.generator = None;
            }
        });
    }

    pub(super) fn connection(&mut self, id: &str, up: bool) {
        self.change(id, |shown| {
            let state = if up { "running" } else { "unconnected" };
            state.clone_into(&mut shown.row.state);
        });
    }

    pub(super) fn twin(&mut self, id: &str, facts: &Value) {
        let Some(Value::Object(tags)) = facts.get("tags") else {
            return;
        };
        self.change(id, |shown| {
            for (name, value) in tags {
                let begin = format!("{name}=");
                shown.row.tags.retain(|tag| !tag.starts_with(&begin));
                if !value.is_null() {
                    let value = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    shown.row.tags.push(format!("{begin}{value}"));
                }
            }
            shown.row.tags.sort();
        });
    }
}
