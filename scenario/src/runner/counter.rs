//! Counting events that are as expected, and keeping the one that came nearest.

use serde_json::Value;
use twinbench_model::{EntityId, Event, Payload, VirtualTime};

use super::{Failure, World};
use crate::{
    matcher::Mismatch,
    plan::{Count, EventTest, FactsTest, Source, TextTest, fits},
};

/// The most text of a port that is kept for a search across lines.
const KEPT: usize = 64 * 1024;

/// How an expectation of events stands.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    pub(super) test: EventTest,
    /// The source, once the bench has told which entity is a device's.
    source: Source,
    armed: bool,
    /// Events of the kind and source since it was armed.
    seen: u64,
    /// Those as expected.
    pub(super) hits: u64,
    /// When the last of them was.
    pub(super) last: Option<VirtualTime>,
    nearest: Option<(VirtualTime, Mismatch)>,
    text: String,
    /// Bytes of a character that is not complete yet.
    rest: Vec<u8>,
}

impl Counter {
    pub(super) fn new(test: &EventTest) -> Self {
        Self {
            source: test.source.clone(),
            test: test.clone(),
            armed: false,
            seen: 0,
            hits: 0,
            last: None,
            nearest: None,
            text: String::new(),
            rest: Vec::new(),
        }
    }

    /// Events count from now on. What was counted before is forgotten.
    pub(super) fn arm(&mut self, world: &dyn World) -> Result<(), super::WorldError> {
        if let Source::EntityOf(device) = &self.test.source {
            let id: EntityId = world.entity_of(device)?;
            self.source = Source::Exact(id.to_string());
        }
        let test = self.test.clone();
        let source = self.source.clone();
        *self = Self::new(&test);
        self.source = source;
        self.armed = true;
        Ok(())
    }

    pub(super) fn is_armed(&self) -> bool {
        self.armed
    }

    /// Takes an event; `time` counts from the scenario's begin, `facts` are its JSON, read once.
    pub(super) fn observe(&mut self, event: &Event, time: VirtualTime, facts: Option<&Value>) {
        if !self.armed || event.kind != self.test.kind {
            return;
        }
        let concerned = match &self.source {
            Source::Any => true,
            Source::Exact(name) => **name == *event.source,
            Source::Pattern(pattern) => fits(pattern, &event.source),
            Source::EntityOf(_) => false,
        };
        if !concerned {
            return;
        }
        self.seen += 1;
        match &self.test.test {
            FactsTest::Json(matcher) => match matcher.compare(facts) {
                Ok(()) => self.hit(time),
                Err(miss) => {
                    // Of equals the later one: it is what a person saw last.
                    let nearer = self
                        .nearest
                        .as_ref()
                        .is_none_or(|it| it.1.held <= miss.held);
                    if nearer {
                        self.nearest = Some((time, miss));
                    }
                }
            },
            FactsTest::Text(_) => {
                if let Payload::Bytes(bytes) = &event.payload {
                    self.add_text(bytes);
                    self.search(time);
                }
            }
        }
    }

    fn hit(&mut self, time: VirtualTime) {
        self.hits += 1;
        self.last = Some(time);
    }

    fn add_text(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        loop {
            match std::str::from_utf8(&self.rest) {
                Ok(text) => {
                    self.text.push_str(text);
                    self.rest.clear();
                    return;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    let good = String::from_utf8_lossy(&self.rest[..valid]).into_owned();
                    self.text.push_str(&good);
                    let Some(bad) = error.error_len() else {
                        self.rest.drain(..valid);
                        return;
                    };
                    self.text.push(char::REPLACEMENT_CHARACTER);
                    self.rest.drain(..valid + bad);
                }
            }
        }
    }

    /// Looks for the text in what was printed, and forgets what was found or cannot matter.
    fn search(&mut self, time: VirtualTime) {
        let FactsTest::Text(test) = self.test.test.clone() else {
            return;
        };
        match test {
            TextTest::Contains(part) => {
                while !part.is_empty()
                    && let Some(at) = self.text.find(&part)
                {
                    self.hit(time);
                    self.text.drain(..at + part.len());
                }
            }
            TextTest::Matches(regex) => {
                // Only whole lines: a match must not depend on how the bytes were cut.
                while let Some(end) = self.text.find('\n') {
                    let line: String = self.text.drain(..=end).collect();
                    if regex.is_match(line.trim_end_matches(['\n', '\r'])) {
                        self.hit(time);
                    }
                    self.keep_line(time, &line);
                }
            }
        }
        if self.text.len() > KEPT {
            let mut cut = self.text.len() - KEPT / 2;
            while !self.text.is_char_boundary(cut) {
                cut += 1;
            }
            self.text.drain(..cut);
        }
    }

    fn keep_line(&mut self, time: VirtualTime, line: &str) {
        let line = line.trim_end();
        if !line.is_empty() {
            self.nearest = Some((
                time,
                Mismatch {
                    path: "the last line".into(),
                    expected: String::new(),
                    found: format!("{line:?}"),
                    held: 0,
                },
            ));
        }
    }

    /// Whether it is decided before the time is over; `Some(false)` cannot be mended.
    pub(super) fn early(&self) -> Option<bool> {
        match self.test.count {
            Count::AtLeast(n) => (self.hits >= n).then_some(true),
            Count::Exactly(n) => (self.hits > n).then_some(false),
        }
    }

    /// Whether it is right when the time is over.
    pub(super) fn at_end(&self) -> bool {
        match self.test.count {
            Count::AtLeast(n) => self.hits >= n,
            Count::Exactly(n) => self.hits == n,
        }
    }

    /// Why it failed.
    pub(super) fn failure(&self, expected: String) -> Failure {
        let label = &self.test.label;
        let found = match (&self.test.test, self.seen, self.hits) {
            (_, 0, _) => format!("no {label}"),
            (FactsTest::Text(_), _, 0) => {
                let tail: String = self.text.trim_end().chars().rev().take(80).collect();
                let tail: String = tail.chars().rev().collect();
                if tail.is_empty() {
                    format!("other {label}")
                } else {
                    format!("other {label}, at last {tail:?}")
                }
            }
            (_, seen, 0) => format!("{seen} × {label}, none of them so"),
            (_, _, hits) => {
                let last = self
                    .last
                    .map_or_else(String::new, |at| format!(", the last at {at}"));
                format!("{hits} of them{last}")
            }
        };
        let nearest = self.nearest.as_ref().filter(|_| self.hits == 0);
        let nearest = nearest.map(|(time, miss)| {
            if miss.expected.is_empty() {
                format!("at {time} {} was {}", miss.path, miss.found)
            } else {
                format!("at {time} {miss}")
            }
        });
        Failure {
            expected,
            found,
            nearest,
        }
    }
}
