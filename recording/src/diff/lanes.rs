//! One lane per channel: entries of the two sides meet in it, in their order.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use twinbench_model::{VirtualDuration, VirtualTime};

use super::{
    Divergence, Options, Seen, Side, What, compare::compare, show::seen, tolerance::Allowance,
};
use crate::Entry;

/// How long an entry waits for its like, beyond what its channel allows.
const PATIENCE: VirtualDuration = VirtualDuration::from_secs(10);
/// How many entries wait: bounds memory where much is missing at one instant.
const WAITING: usize = 50_000;

type Key = (Cow<'static, str>, Arc<str>);

/// All lanes.
pub(super) struct Lanes<'a> {
    options: &'a Options,
    index: HashMap<Key, usize>,
    all: Vec<Lane>,
    /// What waits in some lane, oldest first, with its lane, its side and its number there.
    waiting: VecDeque<(VirtualTime, usize, Side, u64)>,
    /// The last common entries by subject.
    common: HashMap<Box<str>, VecDeque<Entry>>,
    divergences: Vec<(usize, Divergence)>,
}

#[derive(Default)]
struct Lane {
    allowed: Allowance,
    sides: [VecDeque<Entry>; 2],
    /// Entries that have met, or were taken off, on each side.
    gone: [u64; 2],
    diverged: Option<usize>,
}

const fn number(side: Side) -> usize {
    match side {
        Side::Left => 0,
        Side::Right => 1,
    }
}

const fn other(side: Side) -> Side {
    match side {
        Side::Left => Side::Right,
        Side::Right => Side::Left,
    }
}

impl<'a> Lanes<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self {
            options,
            index: HashMap::new(),
            all: Vec::new(),
            waiting: VecDeque::new(),
            common: HashMap::new(),
            divergences: Vec::new(),
        }
    }

    /// Two entries of one time, one from each side.
    pub(super) fn both(&mut self, left: Entry, right: Entry) {
        if left == right {
            let lane = self.lane(&left);
            let it = &self.all[lane];
            if it.diverged.is_none() && it.sides.iter().all(VecDeque::is_empty) {
                self.all[lane].gone[0] += 1;
                self.all[lane].gone[1] += 1;
                if !it_is_ignored(&self.all[lane]) {
                    self.met(left);
                }
                return;
            }
        }
        self.one(Side::Left, left);
        self.one(Side::Right, right);
    }

    /// An entry of one side; both sides come in order of their times.
    pub(super) fn one(&mut self, side: Side, entry: Entry) {
        self.give_up_before(entry.time);
        let lane = self.lane(&entry);
        let (own, its) = (number(side), number(other(side)));
        let it = &mut self.all[lane];
        if it_is_ignored(it) {
            return;
        }
        if let Some(divergence) = it.diverged {
            if let Some((_, divergence)) = self.divergences.get_mut(divergence) {
                divergence.rest[own] += 1;
            }
            return;
        }
        let Some(first) = it.sides[its].pop_front() else {
            let place = it.gone[own] + it.sides[own].len() as u64;
            self.waiting.push_back((entry.time, lane, side, place));
            it.sides[own].push_back(entry);
            if self.waiting.len() > WAITING {
                self.give_up_oldest();
            }
            return;
        };
        it.gone[0] += 1;
        it.gone[1] += 1;
        let (left, right) = match side {
            Side::Left => (entry, first),
            Side::Right => (first, entry),
        };
        match compare(&left, &right, &it.allowed) {
            None => self.met(left),
            Some(what) => self.part(lane, what, Some(&left), Some(&right)),
        }
    }

    /// Ends the comparison: channels, and where they part.
    pub(super) fn finish(mut self) -> (u64, Vec<Divergence>) {
        while !self.waiting.is_empty() {
            self.give_up_oldest();
        }
        let divergences = self.divergences.into_iter().map(|(_, it)| it);
        (self.all.len() as u64, divergences.collect())
    }

    fn lane(&mut self, entry: &Entry) -> usize {
        // The key's parts are cheap to clone: one is static or short, the other is shared.
        let key = (entry.kind.clone(), Arc::clone(&entry.source));
        if let Some(lane) = self.index.get(&key) {
            return *lane;
        }
        self.all.push(Lane {
            allowed: self.options.tolerances.of(&entry.channel()),
            ..Lane::default()
        });
        self.index.insert(key, self.all.len() - 1);
        self.all.len() - 1
    }

    fn met(&mut self, entry: Entry) {
        if self.options.context == 0 {
            return;
        }
        let subject = entry.subject();
        let ring = if let Some(ring) = self.common.get_mut(subject) {
            ring
        } else {
            self.common.entry(subject.into()).or_default()
        };
        if ring.len() >= self.options.context {
            ring.pop_front();
        }
        ring.push_back(entry);
    }

    fn give_up_before(&mut self, now: VirtualTime) {
        while let Some((time, lane, ..)) = self.waiting.front() {
            let patience = PATIENCE.max(self.all[*lane].allowed.time);
            if time.saturating_add(patience) >= now {
                break;
            }
            self.give_up_oldest();
        }
    }

    /// What waited longest, if it still waits, has no like.
    fn give_up_oldest(&mut self) {
        let Some((_, lane, side, place)) = self.waiting.pop_front() else {
            return;
        };
        let own = number(side);
        let it = &mut self.all[lane];
        if it.diverged.is_some() || it.gone[own] != place {
            return;
        }
        let Some(entry) = it.sides[own].pop_front() else {
            return;
        };
        it.gone[own] += 1;
        let what = What::Missing { from: other(side) };
        match side {
            Side::Left => self.part(lane, what, Some(&entry), None),
            Side::Right => self.part(lane, what, None, Some(&entry)),
        }
    }

    fn part(&mut self, lane: usize, what: What, left: Option<&Entry>, right: Option<&Entry>) {
        let Some(first) = left.or(right) else {
            return;
        };
        let subject = first.subject().to_owned();
        let before = self.common.get(subject.as_str());
        // What is missing is known only when others came after it.
        let before = before.into_iter().flatten();
        let before = before.filter(|it| it.time <= first.time);
        let before: Vec<Seen> = before.map(|it| seen(it, 0)).collect();
        let from = match what {
            What::Bytes { from } => from,
            _ => 0,
        };
        let time = [left, right].into_iter().flatten().map(|it| it.time);
        let it = &mut self.all[lane];
        // What waits behind it is not compared any more.
        let behind = it.sides.each_mut().map(std::mem::take);
        let here = [left, right].map(|it| u64::from(it.is_some()));
        it.diverged = Some(self.divergences.len());
        let divergence = Divergence {
            channel: first.channel(),
            subject,
            time: time.min().unwrap_or_default(),
            what,
            left: left.map(|it| seen(it, from)),
            right: right.map(|it| seen(it, from)),
            before,
            rest: [
                here[0] + behind[0].len() as u64,
                here[1] + behind[1].len() as u64,
            ],
        };
        self.divergences.push((lane, divergence));
    }
}

const fn it_is_ignored(lane: &Lane) -> bool {
    lane.allowed.ignored
}
