//! Putting the events of a step into the canonical order.

use std::{collections::BTreeMap, sync::Arc};

use twinbench_model::{Event, VirtualTime};

use crate::Entry;

/// Sorts the events of each step and numbers them per channel.
///
/// Within a step the order is (time, room, source), and events that agree in all three keep the
/// order in which their room emitted them. So threads may deliver the sources of a step in any
/// order. Steps follow one another in time.
#[derive(Debug, Clone, Default)]
pub struct Sequencer {
    latest: VirtualTime,
    next: BTreeMap<(&'static str, Arc<str>), u64>,
}

/// An event that is older than what an earlier step already put into the stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "keep the event order: {channel} at {time} comes after a step that reached {latest}; emit an event in the step of its time"
)]
pub struct BackInTime {
    /// The event's channel.
    pub channel: String,
    /// The event's time.
    pub time: VirtualTime,
    /// The time that the stream has reached.
    pub latest: VirtualTime,
}

impl Sequencer {
    /// A sequencer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time of the newest event so far.
    pub const fn latest(&self) -> VirtualTime {
        self.latest
    }

    /// Sorts and numbers the events of one step.
    ///
    /// # Errors
    /// When an event is older than the newest one of an earlier step. No event of this step is
    /// then taken.
    pub fn step(&mut self, mut events: Vec<Event>) -> Result<Vec<Entry>, BackInTime> {
        events.sort_by(|a, b| {
            (a.time, a.room)
                .cmp(&(b.time, b.room))
                .then_with(|| a.source.cmp(&b.source))
        });
        if let Some(first) = events.first().filter(|event| event.time < self.latest) {
            return Err(BackInTime {
                channel: first.channel(),
                time: first.time,
                latest: self.latest,
            });
        }
        if let Some(last) = events.last() {
            self.latest = last.time;
        }
        let number = |event: Event| {
            let channel = (event.kind, Arc::clone(&event.source));
            let next = self.next.entry(channel).or_default();
            let sequence = *next;
            *next += 1;
            Entry::new(event, sequence)
        };
        Ok(events.into_iter().map(number).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinbench_model::Room;

    fn event(millis: u64, room: Room, kind: &'static str, source: &str, fact: u32) -> Event {
        let time = VirtualTime::from_millis(millis);
        Event::json(time, room, kind, source.into(), &fact)
    }

    #[test]
    fn sorts_stably_and_numbers_per_channel() {
        let mut sequencer = Sequencer::new();
        let entries = sequencer
            .step(vec![
                event(2, Room::Machine, "uart", "b", 1),
                event(1, Room::Hub, "d2c", "a", 2),
                event(1, Room::Machine, "uart", "b", 3),
                event(1, Room::Machine, "uart", "a", 4),
                event(1, Room::Machine, "uart", "b", 5),
            ])
            .unwrap();
        let facts: Vec<_> = entries.iter().map(ToString::to_string).collect();
        assert_eq!(
            facts,
            [
                "00:00:00.001 machine    uart/a #0 4",
                "00:00:00.001 machine    uart/b #0 3",
                "00:00:00.001 machine    uart/b #1 5",
                "00:00:00.001 hub        d2c/a #0 2",
                "00:00:00.002 machine    uart/b #2 1",
            ]
        );
        let next = sequencer.step(vec![event(2, Room::Machine, "uart", "b", 6)]);
        assert_eq!(next.unwrap()[0].sequence, 3);
    }

    #[test]
    fn refuses_a_step_back_in_time_and_keeps_its_state() {
        let mut sequencer = Sequencer::new();
        sequencer
            .step(vec![event(5, Room::Hub, "d2c", "a", 1)])
            .unwrap();
        let late = vec![
            event(4, Room::Hub, "d2c", "a", 2),
            event(6, Room::Hub, "d2c", "a", 3),
        ];
        let error = sequencer.step(late).unwrap_err();
        assert_eq!(error.latest, VirtualTime::from_millis(5));
        assert!(
            error.to_string().contains("d2c/a at 00:00:00.004"),
            "{error}"
        );
        let next = sequencer
            .step(vec![event(5, Room::Hub, "d2c", "a", 4)])
            .unwrap();
        assert_eq!(next[0].sequence, 1);
        assert!(sequencer.step(Vec::new()).unwrap().is_empty());
        assert_eq!(sequencer.latest(), VirtualTime::from_millis(5));
    }
}
