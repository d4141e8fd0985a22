//! Events that are known, bounded in number.

use std::collections::{BTreeMap, VecDeque};

use twinbench_plot::Severity;

use crate::wire::EventRow;

/// Events that are kept.
const MOST: usize = 20_000;
/// Marks that are kept: alerts, faults and restarts last longer than what is ordinary.
const MOST_MARKS: usize = 2_000;

/// Events in the order in which they happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events {
    ring: VecDeque<EventRow>,
    places: BTreeMap<u64, u64>,
    marks: VecDeque<EventRow>,
    /// How many have left at the front.
    gone: u64,
}

/// How grave an event is.
pub(crate) fn severity(event: &EventRow) -> Severity {
    match event.lane.as_str() {
        "alert" => Severity::Alert,
        "fault" => Severity::Warning,
        _ => Severity::Info,
    }
}

/// Whether an event is marked in charts and on the timeline.
fn is_mark(event: &EventRow) -> bool {
    matches!(event.lane.as_str(), "alert" | "fault")
}

impl Events {
    /// Takes in events; those that are known already are left out.
    pub(crate) fn add(&mut self, news: Vec<EventRow>) {
        for event in news {
            if self.places.contains_key(&event.id) {
                continue;
            }
            if self.ring.len() == MOST
                && let Some(old) = self.ring.pop_front()
            {
                self.places.remove(&old.id);
                self.gone += 1;
            }
            if is_mark(&event) {
                if self.marks.len() == MOST_MARKS {
                    self.marks.pop_front();
                }
                let at = self
                    .marks
                    .partition_point(|mark| (mark.at, mark.id) <= (event.at, event.id));
                self.marks.insert(at, event.clone());
            }
            let last = self.ring.back().map(|last| (last.at, last.id));
            if last.is_none_or(|last| last <= (event.at, event.id)) {
                self.places
                    .insert(event.id, self.gone + self.ring.len() as u64);
                self.ring.push_back(event);
            } else {
                // Older ones come when somebody asks for the past.
                let at = self
                    .ring
                    .partition_point(|there| (there.at, there.id) <= (event.at, event.id));
                self.ring.insert(at, event);
                self.number();
            }
        }
    }

    fn number(&mut self) {
        let places = self
            .ring
            .iter()
            .zip(self.gone..)
            .map(|(event, at)| (event.id, at));
        self.places = places.collect();
    }

    /// All that are kept, the oldest first.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &EventRow> {
        self.ring.iter()
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Alerts and faults, the oldest first.
    pub(crate) fn marks(&self) -> impl DoubleEndedIterator<Item = &EventRow> {
        self.marks.iter()
    }

    /// An event by its number.
    pub(crate) fn get(&self, id: u64) -> Option<&EventRow> {
        let place = self.places.get(&id)?.checked_sub(self.gone)?;
        self.ring.get(usize::try_from(place).ok()?)
    }

    /// The alert after a time, or the last one before it.
    pub(crate) fn alert(&self, from: u64, next: bool) -> Option<u64> {
        let mut alerts = self.marks.iter().filter(|event| event.lane == "alert");
        if next {
            alerts.find(|event| event.at > from).map(|event| event.id)
        } else {
            alerts.rfind(|event| event.at < from).map(|event| event.id)
        }
    }

    /// Numbers of all events that caused one, or that it caused, itself included.
    pub(crate) fn chain(&self, id: u64) -> std::collections::BTreeSet<u64> {
        let mut chain = std::collections::BTreeSet::from([id]);
        let mut todo = vec![id];
        while let Some(at) = todo.pop() {
            for cause in self
                .get(at)
                .map(|event| event.causes.as_slice())
                .unwrap_or_default()
            {
                if chain.insert(*cause) {
                    todo.push(*cause);
                }
            }
        }
        // Effects come after their causes, so one pass finds them all.
        let mut caused = std::collections::BTreeSet::from([id]);
        for event in self.all() {
            if event.causes.iter().any(|cause| caused.contains(cause)) {
                caused.insert(event.id);
            }
        }
        chain.extend(caused);
        chain
    }

    /// Forgets all, as after a jump to another time.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64, at: u64, lane: &str, causes: &[u64]) -> EventRow {
        EventRow {
            id,
            at,
            lane: lane.into(),
            causes: causes.to_vec(),
            ..EventRow::default()
        }
    }

    #[test]
    fn a_chain_goes_both_ways_and_not_sideways() {
        let mut events = Events::default();
        events.add(vec![
            event(1, 10, "uart", &[]),
            event(2, 11, "message", &[1]),
            event(3, 11, "message", &[]),
            event(4, 12, "function", &[2, 3]),
            event(5, 13, "entity", &[4]),
        ]);
        let chain = |id| events.chain(id).into_iter().collect::<Vec<_>>();
        assert_eq!(chain(2), [1, 2, 4, 5]);
        assert_eq!(chain(5), [1, 2, 3, 4, 5]);
        assert_eq!(chain(9), [9]);
    }

    #[test]
    fn late_and_doubled_events_find_their_place() {
        let mut events = Events::default();
        events.add(vec![event(2, 20, "uart", &[]), event(3, 30, "alert", &[])]);
        events.add(vec![event(1, 10, "alert", &[]), event(3, 30, "alert", &[])]);
        assert_eq!(
            events.all().map(|event| event.id).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_eq!(events.get(2).map(|event| event.at), Some(20));
        assert_eq!(
            (events.alert(10, true), events.alert(30, false)),
            (Some(3), Some(1))
        );
        assert_eq!(
            (events.alert(30, true), events.alert(10, false)),
            (None, None)
        );
        assert_eq!(severity(&event(0, 0, "fault", &[])), Severity::Warning);
    }

    #[test]
    fn the_number_is_bounded() {
        let mut events = Events::default();
        events.add(
            (0..MOST as u64 + 500)
                .map(|n| event(n, n, "alert", &[]))
                .collect(),
        );
        assert_eq!(events.len(), MOST);
        assert_eq!(events.marks().count(), MOST_MARKS);
        assert!(events.get(499).is_none());
        assert_eq!(events.get(500).map(|event| event.id), Some(500));
        events.clear();
        assert_eq!(events.len(), 0);
    }
}
