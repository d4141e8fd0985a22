//! What was promised.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::{Line, PASSED_ON};

/// How often a mark is to be found in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Once,
    /// Signals of clients that may be doubled.
    OnceOrMore,
    /// Its orchestration was ended meanwhile.
    OnceOrNever,
}

/// An orchestration that a client started.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) name: &'static str,
    /// What it comes to, unless that depends on events.
    pub(super) output: Value,
    /// The marks that it writes.
    pub(super) lines: Vec<Line>,
    /// How many events it takes.
    pub(super) rounds: usize,
    /// The events that it was told of.
    pub(super) events: Vec<i64>,
    pub(super) terminated: bool,
    pub(super) suspended: bool,
}

impl Expected {
    pub(super) fn output(&self) -> Value {
        if self.rounds > 0 {
            json!(self.events[..self.rounds.min(self.events.len())])
        } else {
            self.output.clone()
        }
    }
}

/// What clients were acknowledged, and what follows from it.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// Marks and the book that each is to be found in. There are to be no others.
    pub(super) marks: BTreeMap<Line, Times>,
    /// Marks that have an order: what one sender told one book.
    pub(super) streams: BTreeMap<(String, String), Vec<i64>>,
    /// Marks that one book passes on to another.
    pub(super) passed: BTreeMap<i64, (String, String)>,
    /// Orchestrations that clients started.
    pub(super) instances: BTreeMap<String, Expected>,
    /// Pairs of marks that nothing comes between.
    pub(super) pairs: Vec<(String, i64)>,
    /// Sums of the fleeting ones, in so far as they are there.
    pub(super) sums: BTreeMap<String, Option<i64>>,
}

impl Model {
    /// A client's signal is acknowledged.
    pub(super) fn told(&mut self, key: &str, mark: i64, times: Times, ordered: bool) {
        self.marks.insert((key.to_owned(), mark), times);
        if ordered {
            self.stream("client", key, mark);
        }
    }

    pub(super) fn passes(&mut self, from: &str, to: &str, mark: i64, times: Times) {
        let route = (from.to_owned(), to.to_owned());
        self.passed.insert(mark, route);
        self.marks.insert((to.to_owned(), mark + PASSED_ON), times);
    }

    fn stream(&mut self, sender: &str, key: &str, mark: i64) {
        let stream = (sender.to_owned(), key.to_owned());
        self.streams.entry(stream).or_default().push(mark);
    }

    /// A client's start is acknowledged.
    pub(super) fn started(&mut self, id: &str, expected: Expected) {
        for line @ (key, mark) in &expected.lines {
            self.marks.insert(line.clone(), Times::Once);
            if expected.name == "Tell" {
                // Each start is a sender of its own.
                let first = expected.lines[0].1;
                self.stream(&format!("{id}/{first}"), key, *mark);
            }
        }
        if expected.name == "Lock" {
            for (key, mark) in expected.lines.iter().step_by(2) {
                self.pairs.push((key.clone(), *mark));
            }
        }
        self.instances.insert(id.to_owned(), expected);
    }

    /// A client's end is acknowledged: of what it had still to do nothing is certain.
    pub(super) fn terminated(&mut self, id: &str) {
        let Some(expected) = self.instances.get_mut(id) else {
            return;
        };
        expected.terminated = true;
        for line in &expected.lines {
            if let Some(times) = self.marks.get_mut(line) {
                *times = Times::OnceOrNever;
            }
        }
        let lines = &expected.lines;
        self.pairs
            .retain(|(_, mark)| !lines.iter().any(|line| line.1 == *mark));
    }

    /// A client told a fleeting one something; it tells them in order.
    pub(super) fn adds(&mut self, key: &str, number: Option<i64>) {
        let sum = self.sums.entry(key.to_owned()).or_default();
        match number {
            None => *sum = None,
            Some(number) if number % 5 == 0 => {}
            Some(number) => *sum = Some(sum.unwrap_or_default() + number),
        }
    }
}
