//! Taking in what the bench says.

use leptos::prelude::*;
use serde_json::Value;
use twinbench_model::api::DeviceInfo;

use super::{LiveStoreFields as _, delta::merge_rows};
use crate::{
    app::App,
    wire::{BenchStatus, Change, ConsoleTail, DeviceRow, EventRow, Frame, Pinned, Samples, Status},
};

/// How much of the old rate stays in the new one, so that it does not flicker.
const SMOOTH: f64 = 0.8;

/// The events in an answer: a list, or an object with lists.
pub(crate) fn events_in(answer: &Value) -> Vec<EventRow> {
    match answer {
        Value::Array(list) => {
            let read = |event: &Value| serde_json::from_value(event.clone()).ok();
            list.iter().filter_map(read).collect()
        }
        Value::Object(map) => {
            let own = serde_json::from_value::<EventRow>(answer.clone()).ok();
            own.into_iter()
                .chain(map.values().flat_map(events_in))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Where the bench stands; one that is told less of has a clock that goes.
pub(crate) fn status_in(answer: Value) -> Result<Status, serde_json::Error> {
    if answer.get("paused").is_some() {
        return serde_json::from_value(answer);
    }
    let bench: BenchStatus = serde_json::from_value(answer)?;
    Ok(Status {
        bench,
        paused: false,
        speed: 1.0,
        recording: false,
    })
}

/// Notes where the bench stands, and how fast messages come. `wall` is in milliseconds.
pub(crate) fn status(app: App, new: Status, wall: f64) {
    let before = app.counted.get_value();
    let messages = new.bench.messages;
    if wall - before.0 >= 900.0 {
        let rate = messages.saturating_sub(before.1) as f64 / (wall - before.0) * 1_000.0;
        if before.0 > 0.0 {
            app.live.rate().update(|old| {
                *old = if *old == 0.0 {
                    rate
                } else {
                    *old * SMOOTH + rate * (1.0 - SMOOTH)
                }
            });
        }
        app.counted.set_value((wall, messages));
    }
    app.shown.set(new.bench.virtual_nanos);
    app.live.status().set(Some(new));
}

/// Takes in a frame.
pub(crate) fn take(app: App, frame: Frame) {
    if frame.at > 0 {
        app.shown.set(frame.at);
    }
    for change in frame.changes {
        match change {
            Change::Status(new) => status(app, new, js_sys::Date::now()),
            Change::Devices(rows) => app.live.devices().update(|known| {
                merge_rows(known, rows);
            }),
            Change::Events(events) => {
                crate::notify::alerts(app, &events, frame.at);
                app.live.events().update(|known| known.add(events));
            }
            Change::Channels(channels) => app.live.channels().update(|known| {
                known.retain(|there| channels.iter().all(|new| new.name != there.name));
                known.extend(channels);
                known.sort_by(|one, other| one.name.cmp(&other.name));
            }),
            Change::Console { device, port, tail } => {
                let key = (device, port);
                // One that nobody has opened is asked for when somebody does.
                if app
                    .live
                    .consoles()
                    .with_untracked(|all| all.contains_key(&key))
                {
                    console(app, &key, tail);
                }
            }
            Change::Workflows(count) => app.live.workflows().set(count),
        }
    }
}

/// Takes in lines of a console: those that are new.
pub(crate) fn console(app: App, key: &(String, String), tail: ConsoleTail) {
    app.live.consoles().update(|all| {
        let console = all.entry(key.clone()).or_default();
        let known = console.offset.saturating_sub(tail.from);
        let news = tail
            .lines
            .into_iter()
            .skip(usize::try_from(known).unwrap_or(usize::MAX));
        console.add(news.map(|line| (line.at, line.text)));
        console.offset = console.offset.max(tail.next);
    });
}

/// Takes in a binary frame of readings.
pub(crate) fn samples(app: App, bytes: &[u8]) {
    let blocks = Samples::read(bytes);
    app.channels.update_value(|channels| {
        for block in blocks {
            for point in block.points {
                channels.push(&block.channel, point.into());
            }
        }
    });
    app.samples.update(|count| *count = count.wrapping_add(1));
}

/// The list in an answer: itself, or the first list in an object.
pub(crate) fn list_of(answer: &Value) -> Vec<Value> {
    match answer {
        Value::Array(list) => list.clone(),
        Value::Object(map) => map
            .values()
            .find_map(Value::as_array)
            .cloned()
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// A device as the front-end layer tells of it.
pub(crate) fn row_of(device: DeviceInfo) -> DeviceRow {
    DeviceRow {
        id: device.device_id,
        state: "running".into(),
        pinned: device.last_telemetry.map(|reading| Pinned {
            channel: "temperature".into(),
            value: reading.temperature,
            unit: "\u{b0}C".into(),
            spark: Vec::new(),
        }),
        ..DeviceRow::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_found_in_any_answer() {
        let event = |id: u64| {
            serde_json::to_value(EventRow {
                id,
                ..EventRow::default()
            })
            .unwrap()
        };
        assert_eq!(events_in(&json!([event(1), 7])).len(), 1);
        let chain =
            json!({"event": event(2), "causes": [event(1)], "effects": [event(3), event(4)]});
        let mut ids: Vec<_> = events_in(&chain)
            .into_iter()
            .map(|event| event.id)
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4]);
        assert!(events_in(&Value::Null).is_empty());
    }

    #[test]
    fn a_bench_that_tells_less_is_understood() {
        let told = json!({"bench": "b", "virtualNanos": 5, "utc": "", "devices": 1, "messages": 2, "alerts": 0});
        let status = status_in(told).unwrap();
        assert_eq!(
            (status.bench.virtual_nanos, status.paused, status.speed),
            (5, false, 1.0)
        );
        assert_eq!(list_of(&json!({"n": 1, "rows": [1, 2]})).len(), 2);
    }
}
