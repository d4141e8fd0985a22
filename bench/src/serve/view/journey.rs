//! What happened, newest events, each with what caused it.
//!
//! Rooms do not know of each other, so causes are found by what events share: a line and a message
//! of one device, a message and the function of its partition, a function and the operation that it
//! signalled at the same instant, an operation and the workflow that it started, a workflow and the
//! call of a connector that names it, a call and the message to the device.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use twinbench_model::{
    Event, Payload, VirtualTime,
    api::page::{EventChain, EventRow},
};

use super::{facts, short};

/// Events that are kept.
const MOST: usize = 20_000;
/// Places that are remembered before those of events long gone are forgotten.
const MOST_PLACES: usize = 60_000;
/// A line of a console belongs to a message of the same device that comes within a second.
const LINE: u64 = 1_000_000_000;
/// What a device does within this time after something came from the cloud is its answer.
const ANSWER: u64 = 500_000_000;

#[derive(Debug)]
enum Source {
    Recorded(Event),
    Told {
        at: VirtualTime,
        device: String,
        detail: Value,
    },
}

#[derive(Debug)]
struct Entry {
    source: Source,
    lane: &'static str,
    title: String,
    causes: Vec<u64>,
}

/// What somebody asks for.
#[derive(Debug, Default, Clone)]
pub(in super::super) struct Asked {
    pub(in super::super) from: Option<u64>,
    pub(in super::super) to: Option<u64>,
    pub(in super::super) lane: Option<String>,
    pub(in super::super) device: Option<String>,
    pub(in super::super) limit: usize,
}

/// The newest events.
#[derive(Debug, Default)]
pub(in super::super) struct Journey {
    ring: VecDeque<Entry>,
    first: u64,
    places: BTreeMap<(&'static str, String), (u64, VirtualTime)>,
    waiting: BTreeMap<u64, Vec<u64>>,
}

impl Entry {
    fn at(&self) -> VirtualTime {
        match &self.source {
            Source::Recorded(event) => event.time,
            Source::Told { at, .. } => *at,
        }
    }

    fn device(&self) -> &str {
        match &self.source {
            // An entity stands for the device that its key names.
            Source::Recorded(event) => {
                let source = event.source.rsplit('@').next().unwrap_or_default();
                source.split('/').next().unwrap_or_default()
            }
            Source::Told { device, .. } => device,
        }
    }

    fn row(&self, id: u64) -> EventRow {
        let detail = match &self.source {
            Source::Recorded(event) => match &event.payload {
                Payload::Json(_) => facts(event),
                Payload::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
            },
            Source::Told { detail, .. } => detail.clone(),
        };
        EventRow {
            id,
            at: self.at().as_nanos(),
            lane: self.lane.to_owned(),
            device: self.device().to_owned(),
            title: self.title.clone(),
            detail,
            causes: self.causes.clone(),
        }
    }
}

impl Journey {
    /// The number that the next event will have.
    pub(in super::super) fn next(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    /// The number of the first event that is kept.
    pub(in super::super) fn first(&self) -> u64 {
        self.first
    }

    fn entry(&self, id: u64) -> Option<&Entry> {
        let place = usize::try_from(id.checked_sub(self.first)?).ok()?;
        self.ring.get(place)
    }

    /// Events with their numbers, the newest first.
    fn newest(&self) -> impl Iterator<Item = (&Entry, u64)> {
        let numbers = self.first..self.next();
        self.ring.iter().rev().zip(numbers.rev())
    }

    /// Events from a number on.
    pub(in super::super) fn since(&self, from: u64, most: usize) -> Vec<EventRow> {
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let begin = self.first + skip.min(self.ring.len()) as u64;
        self.ring
            .iter()
            .skip(skip)
            .take(most)
            .zip(begin..)
            .map(|(entry, id)| entry.row(id))
            .collect()
    }

    /// The newest events that fit, oldest first.
    pub(in super::super) fn find(&self, asked: &Asked) -> Vec<EventRow> {
        let fits = |entry: &Entry| {
            let at = entry.at().as_nanos();
            asked.from.is_none_or(|from| at >= from)
                && asked.to.is_none_or(|to| at <= to)
                && asked.lane.as_ref().is_none_or(|lane| lane == entry.lane)
                && asked
                    .device
                    .as_ref()
                    .is_none_or(|device| device == entry.device())
        };
        let mut found: Vec<_> = self
            .newest()
            .filter(|(entry, _)| fits(entry))
            .take(asked.limit)
            .map(|(entry, id)| entry.row(id))
            .collect();
        found.reverse();
        found
    }

    /// The newest events of these kinds in the recording, oldest first.
    pub(in super::super) fn of_kind(
        &self,
        kind: &str,
        source: Option<&str>,
        most: usize,
    ) -> Vec<EventRow> {
        let fits = |entry: &Entry| match &entry.source {
            Source::Recorded(event) => {
                event.kind == kind && source.is_none_or(|it| *event.source == *it)
            }
            Source::Told { .. } => false,
        };
        let mut found: Vec<_> = self
            .newest()
            .filter(|(entry, _)| fits(entry))
            .take(most)
            .map(|(entry, id)| entry.row(id))
            .collect();
        found.reverse();
        found
    }

    /// An event with everything that led to it and that it led to.
    pub(in super::super) fn chain(&self, id: u64) -> Option<EventChain> {
        let event = self.entry(id)?.row(id);
        let mut causes = std::collections::BTreeSet::new();
        let mut todo = event.causes.clone();
        while let Some(cause) = todo.pop() {
            if let Some(entry) = self.entry(cause)
                && causes.insert(cause)
            {
                todo.extend(&entry.causes);
            }
        }
        // Effects have greater numbers than their causes, so one pass finds all.
        let mut effects = std::collections::BTreeSet::new();
        for (entry, number) in self.ring.iter().zip(self.first..) {
            let caused = |cause: &u64| *cause == id || effects.contains(cause);
            if number > id && entry.causes.iter().any(caused) {
                effects.insert(number);
            }
        }
        let rows = |ids: std::collections::BTreeSet<u64>| {
            let row = |id: &u64| Some(self.entry(*id)?.row(*id));
            ids.iter().filter_map(row).collect()
        };
        Some(EventChain {
            event,
            causes: rows(causes),
            effects: rows(effects),
        })
    }

    fn push(&mut self, entry: Entry) -> u64 {
        if self.ring.len() == MOST {
            self.ring.pop_front();
            self.first += 1;
        }
        let id = self.next();
        self.ring.push_back(entry);
        id
    }

    fn remember(&mut self, kind: &'static str, name: &str, id: u64, at: VirtualTime) {
        if self.places.len() >= MOST_PLACES {
            let first = self.first;
            self.places.retain(|_, (id, _)| *id >= first);
        }
        self.places.insert((kind, name.to_owned()), (id, at));
    }

    /// The last event of a kind and name, when it was at most so long ago.
    fn last(&self, kind: &'static str, name: &str, now: VirtualTime, most: u64) -> Option<u64> {
        let (id, at) = self.places.get(&(kind, name.to_owned()))?;
        let ago = now.as_nanos().checked_sub(at.as_nanos())?;
        (ago <= most && *id >= self.first).then_some(*id)
    }

    /// A whole line of a console.
    pub(super) fn uart(&mut self, at: VirtualTime, device: &str, port: &str, line: &str) {
        if line.is_empty() {
            return;
        }
        let cause = self.last("to", device, at, ANSWER);
        let title = short(line);
        let detail = serde_json::json!({"port": port, "text": line});
        let device = device.to_owned();
        let id = self.push(Entry {
            source: Source::Told {
                at,
                device: device.clone(),
                detail,
            },
            lane: "uart",
            title,
            causes: cause.into_iter().collect(),
        });
        self.remember("uart", &device, id, at);
    }

    /// A message from a device.
    pub(super) fn message(&mut self, event: Event, partition: u64, title: String) {
        let cause = self.last("uart", &event.source, event.time, LINE);
        let id = self.push(Entry {
            source: Source::Recorded(event),
            lane: "message",
            title,
            causes: cause.into_iter().collect(),
        });
        let waiting = self.waiting.entry(partition).or_default();
        waiting.push(id);
        // A function that never takes them would let them gather.
        if waiting.len() > MOST {
            waiting.clear();
        }
    }

    /// An alert that a call of a connector was; gives its time.
    pub(super) fn alert(&mut self, call: u64, device: &str, text: &str) -> VirtualTime {
        let at = self.entry(call).map_or(VirtualTime::ZERO, Entry::at);
        self.push(Entry {
            source: Source::Told {
                at,
                device: device.to_owned(),
                detail: serde_json::json!({"text": text}),
            },
            lane: "alert",
            title: text.to_owned(),
            causes: vec![call],
        });
        at
    }

    /// Any other event; gives its number.
    pub(super) fn other(&mut self, event: Event, workflows: &mut u64) -> u64 {
        let facts = facts(&event);
        let (now, source) = (event.time, event.source.to_string());
        let text = |name: &str| facts[name].as_str().unwrap_or_default();
        let what = text("event");
        let mut keep: Vec<(&'static str, String)> = Vec::new();
        let (lane, title, causes): (_, String, Vec<u64>) = match event.kind {
            "function" => {
                let partition = facts["partition"].as_u64().unwrap_or_default();
                let count = facts["messages"].as_u64().unwrap_or_default();
                keep.push(("function", String::new()));
                let name = text("function");
                let title = format!(
                    "{name}: {count} message{}",
                    if count == 1 { "" } else { "s" }
                );
                let causes = self.waiting.remove(&partition).unwrap_or_default();
                ("function", title, causes)
            }
            "entity" => {
                let key = source.rsplit('@').next().unwrap_or_default().to_owned();
                let cause = self
                    .last("function", "", now, 0)
                    .or_else(|| self.last("turn", "", now, 0));
                keep.push(("entity", key));
                keep.push(("entity", String::new()));
                (
                    "entity",
                    text("operation").to_owned(),
                    cause.into_iter().collect(),
                )
            }
            "workflow" => {
                *workflows += 1;
                let begun = || {
                    let device = facts["input"]["DeviceId"].as_str().unwrap_or_default();
                    self.last("entity", device, now, 0)
                        .or_else(|| self.last("entity", "", now, 0))
                };
                let cause = self.last("workflow", &source, now, u64::MAX).or_else(begun);
                if what == "activityScheduled" {
                    keep.push(("scheduled", source.clone()));
                }
                keep.push(("workflow", source.clone()));
                keep.push(("turn", String::new()));
                let name = text("name");
                let title = if name.is_empty() {
                    words(what)
                } else {
                    format!("{name} {}", words(what))
                };
                ("workflow", title, cause.into_iter().collect())
            }
            "connector" => {
                let instance = text("key").split(':').next().unwrap_or_default();
                let cause = self
                    .last("scheduled", instance, now, u64::MAX)
                    .or_else(|| self.last("workflow", instance, now, u64::MAX));
                keep.push(("connector", text("device").to_owned()));
                let title = format!("{}: {}", text("connector"), text("text"));
                ("connector", short(&title), cause.into_iter().collect())
            }
            "c2d" => {
                let name = format!("{source}#{}", facts["message"]);
                let cause = self
                    .last("c2d", &name, now, u64::MAX)
                    .or_else(|| self.last("connector", &source, now, 0));
                keep.push(("c2d", name));
                if what == "delivered" {
                    keep.push(("to", source.clone()));
                }
                let body = facts["body"].as_str().unwrap_or_default();
                let title = format!("to the device, {}: {body}", words(what));
                let title = title.trim_end_matches([':', ' ']).to_owned();
                ("message", short(&title), cause.into_iter().collect())
            }
            "twin" => {
                let reported = facts.get("reported").is_some();
                let cause = if reported {
                    self.last("desired", &source, now, 2 * LINE)
                        .or_else(|| self.last("to", &source, now, LINE))
                } else {
                    keep.push(("desired", source.clone()));
                    keep.push(("to", source.clone()));
                    None
                };
                let part = if reported { "reported" } else { "desired" };
                let title = format!("{part}: {}", facts.get(part).unwrap_or(&Value::Null));
                ("twin", short(&title), cause.into_iter().collect())
            }
            "method" => {
                let number = ["request", "rid", "invocation", "id"];
                let number = number.iter().find_map(|name| facts.get(*name));
                let name = format!("{source}#{}", number.unwrap_or(&Value::Null));
                let cause = self.last("method", &name, now, u64::MAX);
                keep.push(("method", name));
                keep.push(("to", source.clone()));
                let method = ["name", "method"].iter().find_map(|it| facts[*it].as_str());
                let status = facts.get("status").map(|it| format!(" → {it}"));
                let title = format!(
                    "{} {}{}",
                    method.unwrap_or_default(),
                    words(what),
                    status.unwrap_or_default()
                );
                (
                    "method",
                    title.trim().to_owned(),
                    cause.into_iter().collect(),
                )
            }
            "connection" | "upload" | "dps" | "registry" => (
                "message",
                format!("{} {}", event.kind, words(what)),
                Vec::new(),
            ),
            "fault" | "throttle" | "crash" => ("fault", short(&fault(&facts)), Vec::new()),
            "stimulus" => {
                keep.push(("to", source.clone()));
                ("uart", short(&given(&facts)), Vec::new())
            }
            "note" => ("uart", short(text("text")), Vec::new()),
            kind => ("uart", short(&format!("{kind}: {facts}")), Vec::new()),
        };
        let source = match &facts {
            // The recording numbers faults; people look for them at their devices.
            Value::Object(it) if event.kind == "fault" && !it.contains_key("kind") => {
                Source::Told {
                    at: now,
                    device: fault_of(&facts)["device"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                    detail: facts,
                }
            }
            _ => Source::Recorded(event),
        };
        let id = self.push(Entry {
            source,
            lane,
            title,
            causes,
        });
        for (kind, name) in keep {
            self.remember(kind, &name, id, now);
        }
        id
    }
}

/// What a fault is, of the event of its begin or its end.
fn fault_of(facts: &Value) -> &Value {
    ["begins", "ends"]
        .iter()
        .find_map(|it| facts.get(*it))
        .unwrap_or(&Value::Null)
}

/// A fault in words: `latency 1s begins`.
fn fault(facts: &Value) -> String {
    let fault = fault_of(facts);
    let when = if facts.get("begins").is_some() {
        "begins"
    } else {
        "ends"
    };
    let named = ["kind", "fault", "event"]
        .iter()
        .find_map(|it| facts[*it].as_str());
    match (fault, &fault["kind"], named) {
        (_, Value::String(kind), _) => format!("{kind} {when}"),
        (_, Value::Object(kind), _) if let Some((kind, by)) = kind.iter().next() => {
            format!(
                "{kind} {} {when}",
                by.as_str().map_or_else(|| by.to_string(), str::to_owned)
            )
        }
        (Value::String(text), ..) => format!("{text} {when}"),
        (_, _, Some(name)) => words(name),
        _ => facts.to_string(),
    }
}

/// `activityScheduled` as words.
fn words(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// What was given to a machine, in words.
fn given(facts: &Value) -> String {
    if let Some(button) = facts.get("button") {
        let name = button["name"].as_str().unwrap_or_default();
        let how = if button["pressed"] == true {
            "pressed"
        } else {
            "released"
        };
        return format!("button {name} {how}");
    }
    if let Some(sensor) = facts.get("sensor") {
        let name = sensor["quantity"].as_str().unwrap_or_default();
        return format!("{name} set to {}", sensor["value"]);
    }
    facts.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use twinbench_model::Room;

    use super::*;

    fn event(at: u64, kind: &'static str, source: &str, facts: &Value) -> Event {
        Event::json(
            VirtualTime::from_millis(at),
            Room::Bench,
            kind,
            source.into(),
            facts,
        )
    }

    fn lanes(rows: &[EventRow]) -> Vec<&str> {
        rows.iter().map(|row| row.lane.as_str()).collect()
    }

    /// A telemetry that raises an alert.
    fn journey() -> Journey {
        let mut journey = Journey::default();
        let mut count = 0;
        journey.uart(
            VirtualTime::from_millis(990),
            "d",
            "console",
            "telemetry: 33",
        );
        journey.uart(VirtualTime::from_millis(995), "e", "console", "other");
        journey.message(
            event(1_000, "d2c", "d", &json!({"partition": 2})),
            2,
            "33".into(),
        );
        for (kind, source, facts) in [
            (
                "function",
                "F/2",
                json!({"function": "F", "partition": 2, "messages": 1}),
            ),
            ("entity", "@e@d", json!({"operation": "TelemetryReceived"})),
            (
                "workflow",
                "w1",
                json!({"event": "started", "name": "Send", "input": {"DeviceId": "d"}}),
            ),
            (
                "workflow",
                "w1",
                json!({"event": "activityScheduled", "name": "C2D"}),
            ),
            ("workflow", "w1", json!({"event": "completed"})),
        ] {
            journey.other(event(1_000, kind, source, &facts), &mut count);
        }
        let call = json!({"key": "w1:0:0", "connector": "C2D", "device": "d", "text": "hot"});
        let call = journey.other(event(1_000, "connector", "d", &call), &mut count);
        journey.alert(call, "d", "33 > 32");
        for what in ["enqueued", "delivered"] {
            let facts = json!({"event": what, "message": 7});
            journey.other(event(1_000, "c2d", "d", &facts), &mut count);
        }
        journey.uart(
            VirtualTime::from_millis(1_050),
            "d",
            "console",
            "message: hot",
        );
        assert_eq!(count, 3);
        journey
    }

    #[test]
    fn an_alert_is_traced_to_its_line_and_the_line_to_its_answer() {
        let journey = journey();
        let alert = journey.find(&Asked {
            lane: Some("alert".into()),
            limit: 9,
            ..Asked::default()
        });
        let chain = journey.chain(alert[0].id).unwrap();
        assert_eq!(
            lanes(&chain.causes),
            [
                "uart",
                "message",
                "function",
                "entity",
                "workflow",
                "workflow",
                "connector"
            ]
        );
        assert_eq!(chain.causes[0].title, "telemetry: 33");
        let first = journey.chain(0).unwrap();
        assert_eq!(first.effects.last().unwrap().title, "message: hot");
        assert!(!first.effects.iter().any(|row| row.title == "other"));
    }

    #[test]
    fn what_is_asked_for_is_filtered_and_bounded() {
        let mut journey = journey();
        let asked = Asked {
            device: Some("e".into()),
            limit: 5,
            ..Asked::default()
        };
        assert_eq!(lanes(&journey.find(&asked)), ["uart"]);
        for n in 0..(MOST as u64 + 5) {
            journey.uart(VirtualTime::from_secs(n), "x", "console", "line");
        }
        assert_eq!(journey.ring.len(), MOST);
        assert!(journey.chain(0).is_none());
        assert_eq!(journey.since(journey.next() - 2, 10).len(), 2);
        let all = Asked {
            limit: 3,
            ..Asked::default()
        };
        assert_eq!(
            journey.find(&all).last().map(|row| row.id),
            Some(journey.next() - 1)
        );
    }

    #[test]
    fn names_become_words() {
        assert_eq!(words("activityScheduled"), "activity scheduled");
        assert_eq!(
            given(&json!({"button": {"name": "a", "pressed": true}})),
            "button a pressed"
        );
    }
}
