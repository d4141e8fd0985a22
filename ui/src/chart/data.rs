//! The readings that charts draw: the newest as they come, older ones as they are asked for.

use std::collections::BTreeMap;

use twinbench_plot::{Point, Track};

/// Readings of a channel that are kept; at 50 Hz more than an hour.
const MOST: usize = 262_144;

/// What a channel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// Numbers.
    #[default]
    Number,
    /// States.
    State,
    /// Alerts, which are states to be alarmed about.
    Alert,
}

/// One channel's readings.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    /// The unit.
    pub(crate) unit: String,
    /// Numbers or states.
    pub(crate) kind: Kind,
    live: Track,
    past: Vec<Point>,
    asked: Option<(f64, f64)>,
}

impl Channel {
    /// The readings of a range, thinned to so many columns.
    pub(crate) fn view(&self, from: f64, to: f64, columns: usize) -> Vec<Point> {
        let mut points = Vec::new();
        let begin = self
            .live
            .points()
            .first()
            .map_or(f64::INFINITY, |point| point.secs);
        if from < begin {
            let start = self
                .past
                .partition_point(|point| point.secs < from)
                .saturating_sub(1);
            let end = self
                .past
                .partition_point(|point| point.secs < begin.min(to));
            points.extend(self.past.get(start..end).unwrap_or_default());
        }
        points.extend(self.live.view(from, to, columns));
        points
    }

    /// The last reading at or before a second.
    pub(crate) fn at(&self, secs: f64) -> Option<f64> {
        let live = self.live.at(secs);
        let past = || {
            let end = self.past.partition_point(|point| point.secs <= secs);
            self.past.get(end.checked_sub(1)?).copied()
        };
        live.or_else(past).map(|point| point.value)
    }

    /// Whether readings of a range must be asked for: what is older than the first that came by
    /// itself, unless it was asked for already, as finely.
    pub(crate) fn lacks(&self, from: f64, to: f64) -> bool {
        let begin = self
            .live
            .points()
            .first()
            .map_or(f64::INFINITY, |point| point.secs);
        if from >= begin {
            return false;
        }
        self.asked.is_none_or(|(asked_from, asked_to)| {
            let covered = asked_from <= from && asked_to >= to.min(begin);
            let coarse = asked_to - asked_from > (to - from) * 3.0;
            !covered || coarse
        })
    }

    /// The usual time between two readings, in seconds, of the newest ones.
    pub(crate) fn period(&self) -> Option<f64> {
        let points = self.live.points();
        let last = points.get(points.len().checked_sub(17)?..)?;
        let mut steps: Vec<f64> = last
            .windows(2)
            .map(|pair| pair[1].secs - pair[0].secs)
            .collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied()
    }

    /// The newest reading.
    pub(crate) fn last(&self) -> Option<Point> {
        self.live.last().or_else(|| self.past.last().copied())
    }
}

/// All channels that somebody looks at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Channels {
    by_name: BTreeMap<String, Channel>,
}

impl Channels {
    /// A channel that is looked at.
    pub(crate) fn get(&self, name: &str) -> Option<&Channel> {
        self.by_name.get(name)
    }

    /// Begins to keep a channel.
    pub(crate) fn open(&mut self, name: &str, unit: &str, kind: Kind) -> &mut Channel {
        let channel = self
            .by_name
            .entry(name.to_owned())
            .or_insert_with(|| Channel {
                unit: String::new(),
                kind,
                live: Track::new(MOST),
                past: Vec::new(),
                asked: None,
            });
        if !unit.is_empty() {
            unit.clone_into(&mut channel.unit);
        }
        channel.kind = kind;
        channel
    }

    /// Takes in a reading that came by itself.
    pub(crate) fn push(&mut self, name: &str, point: Point) {
        if let Some(channel) = self.by_name.get_mut(name) {
            channel.live.push(point);
        }
    }

    /// Notes that a range was asked for.
    pub(crate) fn asked(&mut self, name: &str, from: f64, to: f64) {
        if let Some(channel) = self.by_name.get_mut(name) {
            channel.asked = Some((from, to));
        }
    }

    /// Takes in an answer: rows of seconds, lowest, highest and last value.
    pub(crate) fn answer(&mut self, name: &str, rows: &[[f64; 4]]) {
        if let Some(channel) = self.by_name.get_mut(name) {
            channel.past = rows.iter().flat_map(unfold).collect();
        }
    }

    /// Forgets all readings, as after a jump to another time.
    pub(crate) fn clear(&mut self) {
        for channel in self.by_name.values_mut() {
            channel.live.clear();
            channel.past.clear();
            channel.asked = None;
        }
    }
}

/// A column of an answer as points: lowest, highest, last.
fn unfold(row: &[f64; 4]) -> impl Iterator<Item = Point> + use<> {
    let [secs, low, high, last] = *row;
    let alone = low.total_cmp(&high).is_eq();
    let points = if alone || !low.is_finite() {
        [Some(last), None, None]
    } else {
        [Some(low), Some(high), Some(last)]
    };
    points
        .into_iter()
        .flatten()
        .map(move |value| Point { secs, value })
}

/// The rows of a binary answer: little-endian, four numbers of 64 bits each.
pub(crate) fn rows(bytes: &[u8]) -> Vec<[f64; 4]> {
    let number = |part: &[u8]| part.try_into().map_or(f64::NAN, f64::from_le_bytes);
    let row = |row: &[u8]| {
        let at = |n: usize| number(row.get(n * 8..n * 8 + 8).unwrap_or_default());
        [at(0), at(1), at(2), at(3)]
    };
    bytes.chunks_exact(32).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_and_present_make_one_line() {
        let mut channels = Channels::default();
        channels.open("t", "\u{b0}C", Kind::Number);
        channels.answer(
            "t",
            &[
                [0.0, 1.0, 3.0, 2.0],
                [10.0, 4.0, 4.0, 4.0],
                [20.0, 9.0, 9.0, 9.0],
            ],
        );
        for n in 15..30 {
            channels.push("t", (f64::from(n), f64::from(n)).into());
        }
        channels.push("other", (1.0, 1.0).into());
        let channel = channels.get("t").unwrap();
        let view = channel.view(0.0, 30.0, 100);
        let secs: Vec<_> = view.iter().map(|point| point.secs).collect();
        assert_eq!(&secs[..5], [0.0, 0.0, 0.0, 10.0, 15.0]);
        assert_eq!(view.len(), 4 + 15);
        assert_eq!(channel.at(12.0), Some(4.0));
        assert_eq!(channel.at(16.5), Some(16.0));
        assert!((channel.period().unwrap_or_default()) < 1.01 || channel.period().is_none());
    }

    #[test]
    fn asks_only_for_what_it_lacks() {
        let mut channels = Channels::default();
        channels.open("t", "", Kind::Number);
        assert!(channels.get("t").unwrap().lacks(0.0, 60.0));
        channels.asked("t", 0.0, 60.0);
        assert!(!channels.get("t").unwrap().lacks(0.0, 60.0));
        assert!(channels.get("t").unwrap().lacks(5.0, 10.0), "finer");
        channels.push("t", (50.0, 1.0).into());
        assert!(!channels.get("t").unwrap().lacks(55.0, 70.0));
        channels.clear();
        assert!(channels.get("t").unwrap().lacks(55.0, 70.0));
    }

    #[test]
    fn rows_of_an_answer() {
        let bytes: Vec<u8> = [1.0f64, 2.0, 3.0, 2.5]
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect();
        assert_eq!(rows(&bytes), [[1.0, 2.0, 3.0, 2.5]]);
        assert!(rows(&bytes[..31]).is_empty());
    }
}
