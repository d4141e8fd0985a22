//! The digest does not depend on the order in which the sources of a step deliver their events.

use crate::common::{digest, entries};
use proptest::prelude::*;
use twinbench_model::{Event, Room, VirtualTime};
use twinbench_recording::{Content, Digest, Entry, Sequencer, first_difference};

const ROOMS: [Room; 3] = [Room::Machine, Room::Hub, Room::Bench];
const SOURCES: [&str; 3] = ["dev-1", "dev-2", "dev-10"];

/// One event of a (room, source), at a time, with a fact.
fn event((millis, room, source, fact): (u64, usize, usize, u32)) -> Event {
    let time = VirtualTime::from_millis(millis);
    Event::json(time, ROOMS[room], "k", SOURCES[source].into(), &fact)
}

/// Delivers the events of each (room, source) in order, but takes turns as `turns` says.
fn interleave(events: &[Event], turns: &[usize]) -> Vec<Event> {
    let mut lanes: Vec<Vec<Event>> = Vec::new();
    for event in events.iter().rev() {
        let same = |lane: &&mut Vec<Event>| {
            lane.first()
                .is_some_and(|e| e.room == event.room && e.source == event.source)
        };
        match lanes.iter_mut().find(same) {
            Some(lane) => lane.push(event.clone()),
            None => lanes.push(vec![event.clone()]),
        }
    }
    let mut out = Vec::new();
    for turn in turns.iter().cycle() {
        lanes.retain(|lane| !lane.is_empty());
        if lanes.is_empty() {
            break;
        }
        let lane = turn % lanes.len();
        out.extend(lanes[lane].pop());
    }
    out
}

fn stream(events: Vec<Event>) -> (Vec<Entry>, String) {
    let entries = Sequencer::new().step(events).unwrap();
    let mut digest = Digest::new();
    for entry in &entries {
        digest.update(entry);
    }
    (entries, digest.hex())
}

proptest! {
    #[test]
    fn arrival_order_within_a_step_does_not_matter(
        facts in proptest::collection::vec((0u64..4, 0usize..3, 0usize..3, any::<u32>()), 0..40),
        turns in proptest::collection::vec(0usize..9, 1..20),
    ) {
        let events: Vec<_> = facts.into_iter().map(event).collect();
        let (left, left_digest) = stream(events.clone());
        let (right, right_digest) = stream(interleave(&events, &turns));
        prop_assert_eq!(first_difference(&left, &right, 2), None);
        prop_assert_eq!(left_digest, right_digest);
    }
}

#[test]
fn what_a_source_emits_in_another_order_is_another_stream() {
    let events = vec![event((1, 0, 0, 1)), event((1, 0, 0, 2))];
    let swapped = vec![events[1].clone(), events[0].clone()];
    assert_ne!(stream(events).1, stream(swapped).1);
}

#[test]
fn every_field_counts() {
    let entry = entries(4).remove(2);
    let digest = |entry: Entry| digest(&[entry]);
    let plain = digest(entry.clone());
    let changed = [
        Entry {
            time: VirtualTime::from_nanos(1),
            ..entry.clone()
        },
        Entry {
            room: Room::Functions,
            ..entry.clone()
        },
        Entry {
            kind: "c2d".into(),
            ..entry.clone()
        },
        Entry {
            source: "dev-2".into(),
            ..entry.clone()
        },
        Entry {
            sequence: 9,
            ..entry.clone()
        },
        Entry {
            content: Content::Omitted(1),
            ..entry
        },
    ];
    for entry in changed {
        assert_ne!(digest(entry.clone()), plain, "{entry}");
    }
}
