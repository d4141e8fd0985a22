//! Readings of every channel: numbers in messages, levels of pins, alerts.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use twinbench_model::{
    VirtualTime,
    api::page::{ChannelInfo, Pinned},
};

/// Readings that are kept of a channel as long as there are few …
const MOST: usize = 65_536;
/// … and at least, however many there are.
const LEAST: usize = 256;
/// Readings that are kept of all channels together.
const MOST_OF_ALL: usize = 8_000_000;
/// Channels that are kept; what comes later is not shown.
const MOST_CHANNELS: usize = 100_000;
/// Readings in the picture of a list's row.
const SPARK: usize = 40;
/// Values of one message that become channels.
const MOST_VALUES: usize = 64;

#[derive(Debug)]
pub(in super::super) struct Channel {
    pub(in super::super) info: ChannelInfo,
    points: VecDeque<(f64, f64)>,
    /// Number of the first reading that is kept.
    first: u64,
}

impl Channel {
    /// The number that the next reading will have.
    pub(in super::super) fn next(&self) -> u64 {
        self.first + self.points.len() as u64
    }

    /// Readings from a number on.
    pub(in super::super) fn since(&self, from: u64) -> impl Iterator<Item = (f64, f64)> {
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.points.iter().skip(skip).copied()
    }

    /// Rows of a range: second, least, greatest and last value, at most so many.
    pub(in super::super) fn columns(&self, from: f64, to: f64, columns: usize) -> Vec<[f64; 4]> {
        let begin = self.points.partition_point(|point| point.0 < from);
        let end = self.points.partition_point(|point| point.0 <= to);
        let count = end.saturating_sub(begin);
        let range = self.points.range(begin..begin + count);
        if count <= columns {
            return range
                .map(|&(at, value)| [at, value, value, value])
                .collect();
        }
        let width = (to - from) / columns.max(1) as f64;
        let mut rows: Vec<[f64; 4]> = Vec::with_capacity(columns);
        let mut column = f64::NEG_INFINITY;
        for &(at, value) in range {
            // The last point stands on the right edge: it belongs to the last column.
            let this = ((at - from) / width).floor().min(columns as f64 - 1.0);
            match rows.last_mut() {
                Some(row) if this <= column => {
                    row[1] = row[1].min(value);
                    row[2] = row[2].max(value);
                    row[3] = value;
                }
                _ => {
                    column = this;
                    rows.push([at, value, value, value]);
                }
            }
        }
        rows
    }
}

/// All channels, in the order in which they came up.
#[derive(Debug, Default)]
pub(in super::super) struct Channels {
    all: Vec<Channel>,
    places: BTreeMap<String, usize>,
    pinned: BTreeMap<String, usize>,
}

impl Channels {
    /// The channels.
    pub(in super::super) fn all(&self) -> &[Channel] {
        &self.all
    }

    /// A channel by its name.
    pub(in super::super) fn get(&self, name: &str) -> Option<&Channel> {
        self.all.get(*self.places.get(name)?)
    }

    /// Names of a device's channels.
    pub(in super::super) fn of(&self, device: &str) -> Vec<String> {
        let prefix = format!("{device}/");
        self.places
            .range(prefix.clone()..)
            .take_while(|(name, _)| name.starts_with(&prefix))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The newest reading of a channel.
    pub(in super::super) fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.points.back().map(|point| point.1)
    }

    /// What a device's row shows.
    pub(super) fn pinned(&self, device: &str) -> Option<Pinned> {
        let channel = self.all.get(*self.pinned.get(device)?)?;
        let skip = channel.points.len().saturating_sub(SPARK);
        Some(Pinned {
            channel: channel.info.name.clone(),
            value: channel.points.back()?.1,
            unit: channel.info.unit.clone(),
            spark: channel
                .points
                .iter()
                .skip(skip)
                .map(|point| point.1 as f32)
                .collect(),
        })
    }

    fn push(&mut self, device: &str, name: &str, kind: &str, at: VirtualTime, value: f64) {
        let full = format!("{device}/{name}");
        let place = match self.places.get(&full) {
            Some(place) => *place,
            None if self.all.len() == MOST_CHANNELS => return,
            None => {
                let place = self.all.len();
                if kind == "number" {
                    // A temperature stands for a device before anything else does.
                    let warm = name.to_lowercase().ends_with("temperature");
                    if warm || !self.pinned.contains_key(device) {
                        self.pinned.insert(device.to_owned(), place);
                    }
                }
                self.all.push(Channel {
                    info: ChannelInfo {
                        name: full.clone(),
                        device: device.to_owned(),
                        unit: if kind == "number" { unit(name) } else { "" }.to_owned(),
                        kind: kind.to_owned(),
                    },
                    points: VecDeque::new(),
                    first: 0,
                });
                self.places.insert(full, place);
                place
            }
        };
        let most = (MOST_OF_ALL / self.all.len()).clamp(LEAST, MOST);
        let channel = &mut self.all[place];
        while channel.points.len() >= most {
            channel.points.pop_front();
            channel.first += 1;
        }
        channel
            .points
            .push_back((at.as_nanos() as f64 / 1e9, value));
    }

    /// Takes a level or state.
    pub(super) fn state(&mut self, device: &str, name: &str, at: VirtualTime, value: f64) {
        self.push(device, name, "state", at, value);
    }

    /// Takes an alert.
    pub(super) fn alert(&mut self, device: &str, at: VirtualTime) {
        self.push(device, "alert", "alert", at, 1.0);
    }

    /// Takes the numbers of a message's body.
    pub(super) fn message(&mut self, device: &str, at: VirtualTime, body: &Value) {
        let mut found = Vec::new();
        numbers(body, &mut String::new(), &mut found);
        for (name, kind, value) in found {
            self.push(device, &name, kind, at, value);
        }
    }
}

/// Numbers and truths in a value, with their paths.
fn numbers(value: &Value, path: &mut String, out: &mut Vec<(String, &'static str, f64)>) {
    if out.len() == MOST_VALUES {
        return;
    }
    match value {
        Value::Number(number) => {
            if let Some(number) = number.as_f64() {
                out.push((path.clone(), "number", number));
            }
        }
        Value::Bool(truth) => out.push((path.clone(), "state", f64::from(u8::from(*truth)))),
        Value::Object(fields) => {
            for (name, field) in fields {
                let length = path.len();
                // What wraps the readings has no place in their name.
                if !(path.is_empty() && name.eq_ignore_ascii_case("data") && field.is_object()) {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                numbers(field, path, out);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// The unit of a quantity by its name, as the board's application and ours send it.
pub(in super::super) fn unit(name: &str) -> &'static str {
    let name = name.rsplit('.').next().unwrap_or(name).to_lowercase();
    match name.trim_end_matches(['x', 'y', 'z', '-', '_']) {
        "temperature" => "°C",
        // The last letter of these two looks like an axis.
        "humidit" => "%",
        "pressure" => "hPa",
        "magnetometer" | "magneticfield" | "magnetic" => "mG",
        "accelerometer" | "acceleration" => "mg",
        "gyroscope" | "rate" => "mdps",
        "voltage" | "batter" => "V",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_becomes_channels_with_units() {
        let mut channels = Channels::default();
        let at = VirtualTime::from_millis(1_500);
        let body = json!({"Data": {"Temperature": 21.5, "Humidity": 40}, "on": true, "n": {"a": {"b": 2}}, "t": "x"});
        channels.message("d", at, &body);
        assert_eq!(
            channels.of("d"),
            ["d/Humidity", "d/Temperature", "d/n.a.b", "d/on"]
        );
        let info = &channels.get("d/Temperature").unwrap().info;
        assert_eq!((info.unit.as_str(), info.kind.as_str()), ("°C", "number"));
        assert_eq!(channels.get("d/on").unwrap().info.kind, "state");
        let pinned = channels.pinned("d").unwrap();
        assert_eq!(pinned.channel, "d/Temperature");
        assert_eq!(channels.last("d/Humidity"), Some(40.0));
        assert_eq!(unit("magnetometerX"), "mG");
        assert_eq!((unit("Humidity"), unit("battery")), ("%", "V"));
    }

    #[test]
    fn columns_keep_the_extremes() {
        let mut channels = Channels::default();
        for n in 0..1_000u64 {
            let value = if n == 500 { 99.0 } else { (n % 7) as f64 };
            channels.push("d", "v", "number", VirtualTime::from_secs(n), value);
        }
        let channel = channels.get("d/v").unwrap();
        let rows = channel.columns(0.0, 999.0, 50);
        assert!(rows.len() <= 50, "{}", rows.len());
        assert!(rows.iter().any(|row| row[2].total_cmp(&99.0).is_eq()));
        assert!(rows.iter().all(|row| row[1].total_cmp(&0.0).is_eq()));
        assert_eq!(channel.columns(10.0, 12.0, 50).len(), 3);
        assert!(channel.columns(5.0, 1.0, 50).is_empty());
        assert_eq!(channel.since(998).count(), 2);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut channels = Channels::default();
        for n in 0..(MOST as u64 + 10) {
            channels.push("d", "v", "number", VirtualTime::from_secs(n), 1.0);
        }
        let channel = channels.get("d/v").unwrap();
        assert_eq!(channel.points.len(), MOST);
        assert_eq!((channel.first, channel.next()), (10, MOST as u64 + 10));
    }
}
