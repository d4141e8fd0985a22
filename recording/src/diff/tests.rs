//! What is found, and what is not.

use super::*;
use std::convert::Infallible;
use twinbench_model::{Event, Room};

use crate::Sequencer;

fn event(millis: u64, room: Room, kind: &'static str, source: &str, text: &str) -> Event {
    let time = VirtualTime::from_millis(millis);
    if kind == "uart" {
        let bytes = text.as_bytes().to_vec().into();
        return Event::bytes(time, room, kind, source.into(), bytes);
    }
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    Event::json(time, room, kind, source.into(), &value)
}

/// A journey: a line, a message and an operation every second, for two devices.
fn journey(seconds: u64, mut change: impl FnMut(&mut Vec<Event>)) -> Vec<Entry> {
    let mut events = Vec::new();
    for n in 0..seconds {
        let at = n * 1000;
        for device in ["dev-1", "dev-2"] {
            let reading = 20.0 + n as f64;
            events.push(event(
                at,
                Room::Machine,
                "uart",
                device,
                &format!("t = {reading}\r\n"),
            ));
            let body = format!(r#"{{"body":{{"temperature":{reading}}}}}"#);
            events.push(event(at + 20, Room::Hub, "d2c", device, &body));
            let entity = format!("@standarddeviceentity@{device}");
            let facts = format!(r#"{{"operation":"TelemetryReceived","input":{reading}}}"#);
            events.push(event(at + 20, Room::Entities, "entity", &entity, &facts));
        }
    }
    change(&mut events);
    Sequencer::new().step(events).unwrap()
}

fn found(left: &[Entry], right: &[Entry], rules: &[&str]) -> Diff {
    let mut options = Options {
        context: 2,
        ..Options::default()
    };
    for rule in rules {
        options.tolerances.add(rule).unwrap();
    }
    let ok = |entries: &[Entry]| {
        let entries = entries.to_vec();
        entries.into_iter().map(Ok::<_, Infallible>)
    };
    diff(ok(left), ok(right), &options).unwrap()
}

/// From here on the sensor of the second device reads a degree more.
fn warmer(events: &mut [Event]) {
    for at in (0..events.len()).filter(|at| *at >= 6 * 5 + 3 && at % 6 >= 3) {
        let event = &events[at];
        let reading = 20.0 + (at / 6) as f64;
        let text = match &event.payload {
            twinbench_model::Payload::Json(text) => text.to_string(),
            twinbench_model::Payload::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        let text = text.replace(&format!("{reading}"), &format!("{}", reading + 1.0));
        let millis = event.time.as_nanos() / 1_000_000;
        events[at] = self::event(millis, event.room, event.kind, &event.source, &text);
    }
}

#[test]
fn equal_streams_have_no_divergence() {
    let stream = journey(30, |_| {});
    let diff = found(&stream, &stream, &[]);
    assert_eq!(diff.divergences, []);
    assert_eq!((diff.events, diff.channels), ([180, 180], 6));
    assert!(
        diff.to_string()
            .starts_with("no divergence: 180 and 180 events in 6 channels")
    );
}

#[test]
fn the_first_divergence_is_followed_through_the_journey() {
    let (left, right) = (journey(30, |_| {}), journey(30, |events| warmer(events)));
    let diff = found(&left, &right, &[]);
    let chain: Vec<_> = diff
        .causes
        .iter()
        .map(|n| {
            (
                diff.divergences[*n].channel.as_str(),
                diff.divergences[*n].time,
            )
        })
        .collect();
    assert_eq!(
        chain,
        [
            ("uart/dev-2", VirtualTime::from_millis(5_000)),
            ("d2c/dev-2", VirtualTime::from_millis(5_020)),
            (
                "entity/@standarddeviceentity@dev-2",
                VirtualTime::from_millis(5_020)
            ),
        ]
    );
    let message = &diff.divergences[1];
    assert_eq!(
        message.what,
        What::Field {
            path: "body.temperature".into(),
            left: Some("25".into()),
            right: Some("26".into())
        }
    );
    assert_eq!(message.rest, [25, 25]);
    assert!(
        diff.divergences[0]
            .before
            .iter()
            .all(|it| it.channel.contains("dev-2"))
    );
    let text = diff.to_string();
    assert!(
        text.contains("→ 00:00:05.020 d2c/dev-2: body.temperature: 25 ≠ 26"),
        "{text}"
    );
    let json = serde_json::to_value(&diff).unwrap();
    assert_eq!(json["divergences"][1]["what"], "field");
    assert_eq!(json["divergences"][1]["path"], "body.temperature");
}

#[test]
fn tolerances_hide_what_they_allow_and_nothing_else() {
    let (left, right) = (journey(30, |_| {}), journey(30, |events| warmer(events)));
    let all = ["d2c/*:temperature=1", "entity/*=5%", "uart/*=ignore"];
    assert_eq!(found(&left, &right, &all).divergences, []);
    let diff = found(
        &left,
        &right,
        &["d2c/*:temperature=0.9", "entity/*=ignore", "uart/*=ignore"],
    );
    assert_eq!(diff.divergences.len(), 1);
}

#[test]
fn what_is_missing_late_or_moved_is_told_apart() {
    let left = journey(30, |_| {});
    // The third message of the first device is lost.
    let lost = journey(30, |events| drop(events.remove(6 * 2 + 1)));
    let diff = found(&left, &lost, &[]);
    assert_eq!(diff.divergences.len(), 1);
    assert_eq!(
        diff.divergences[0].what,
        What::Missing { from: Side::Right }
    );
    assert_eq!(diff.divergences[0].time, VirtualTime::from_millis(2_020));
    assert_eq!(
        found(&lost, &left, &[]).divergences[0].what,
        What::Missing { from: Side::Left }
    );
    // The last one is lost: only the end shows it.
    let short = journey(30, |events| drop(events.remove(6 * 29 + 1)));
    let diff = found(&left, &short, &[]);
    assert_eq!(diff.divergences[0].left.as_ref().unwrap().number, 29);
    // One comes later.
    let late = journey(30, |events| {
        events[13].time = VirtualTime::from_millis(2_025);
    });
    let diff = found(&left, &late, &[]);
    assert_eq!(diff.divergences[0].what, What::Time { later: 5_000_000 });
    assert_eq!(found(&left, &late, &["d2c/*=5ms"]).divergences, []);
}

#[test]
fn lines_are_compared_however_they_were_cut() {
    let pieces = |cuts: &[&str]| {
        let events = cuts.iter().enumerate();
        let events = events.map(|(n, text)| event(n as u64 / 3, Room::Machine, "uart", "d", text));
        Sequencer::new().step(events.collect()).unwrap()
    };
    let whole = pieces(&["one\ntwo\nthree"]);
    let cut = pieces(&["o", "ne\ntw", "o\nthree"]);
    assert_eq!(found(&whole, &cut, &[]).divergences, []);
    let other = pieces(&["one\n", "tw0\nth", "ree"]);
    let diff = found(&whole, &other, &[]);
    assert_eq!(diff.divergences[0].what, What::Bytes { from: 2 });
    assert_eq!(diff.divergences[0].left.as_ref().unwrap().text, "two");
}

#[test]
fn secrets_are_not_shown() {
    let stream = |end: &str| {
        let text = format!("password sr=a&sig=secret%2B{end}&se=1 {end}\n");
        let event = event(1, Room::Machine, "uart", "d", &text);
        Sequencer::new().step(vec![event]).unwrap()
    };
    let diff = found(&stream("1"), &stream("2"), &[]);
    let told = format!("{diff} {}", serde_json::to_string(&diff).unwrap());
    assert!(!told.contains("secret"), "{told}");
}

/// A million events where one side lacks a whole device: what waits is bounded.
#[test]
fn what_waits_is_bounded() {
    let options = Options::default();
    let mut lanes = lanes::Lanes::new(&options);
    let entry = journey(1, |_| {}).remove(0);
    for n in 0..200_000 {
        lanes.one(
            Side::Left,
            Entry {
                sequence: n,
                ..entry.clone()
            },
        );
    }
    let (channels, divergences) = lanes.finish();
    assert_eq!((channels, divergences.len()), (1, 1));
    assert_eq!(divergences[0].rest, [200_000, 0]);
}
