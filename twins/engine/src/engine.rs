//! The engine as its callers see it: partitions, what goes between them, and work for others.

use std::collections::BTreeMap;

use rayon::prelude::*;
use twinbench_model::{Event, VirtualTime};

use crate::{
    Builder, Functions,
    message::{Address, Message},
    options::Options,
    partition::{Offer, PARTITIONS, Partition, Place, Shared, TaskOut, home},
    work::Token,
};

/// Turns that are worth waking another thread.
pub(crate) const WORTH_A_THREAD: usize = 64;
/// Exchanges between partitions after which the caller may commit before it goes on.
const MOST_ROUNDS: usize = 10_000;
/// Turns after which it may: what goes on for ever at one instant must not keep the caller.
const MOST_TURNS: usize = 100_000;

/// The durable engine. See the [crate's description](crate).
pub struct Engine {
    pub(crate) shared: Shared,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) now: VirtualTime,
    /// Work for workers, in the order in which it was made.
    pub(crate) offered: BTreeMap<Place, Offer>,
    /// Work that workers have.
    pub(crate) out: BTreeMap<Token, (Address, Option<TaskOut>, u32)>,
    /// How often it was restored: the part of tokens that is unlike that of earlier runs.
    pub(crate) generation: u64,
    pub(crate) drained_generation: u64,
    pub(crate) given: u64,
    /// Messages of an earlier run wait among the timers although they are due.
    restored: bool,
    pub(crate) pool: Option<rayon::ThreadPool>,
}

impl Engine {
    /// What an engine is made with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(functions: Functions, options: Options) -> Self {
        let pool = (options.threads > 1)
            .then(|| {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(options.threads.min(PARTITIONS as usize))
                    .build()
                    .ok()
            })
            .flatten();
        Self {
            partitions: (0..PARTITIONS as usize)
                .map(|index| Partition::new(index, options.journal))
                .collect(),
            shared: Shared { functions, options },
            now: VirtualTime::ZERO,
            offered: BTreeMap::new(),
            out: BTreeMap::new(),
            generation: 0,
            drained_generation: 0,
            given: 0,
            restored: false,
            pool,
        }
    }

    /// The functions that are registered here.
    pub const fn functions(&self) -> &Functions {
        &self.shared.functions
    }

    /// The latest time that it was told.
    pub const fn now(&self) -> VirtualTime {
        self.now
    }

    /// Does everything there is to do at a time: timers that are due, operations, turns of
    /// orchestrators, activities that are registered here, and whatever follows from them.
    ///
    /// Where it does not come to an end, as with entities that signal each other for ever, it
    /// returns after a great many turns; [`next_timer`](Self::next_timer) says then that there is
    /// more to do at once.
    pub fn run(&mut self, now: VirtualTime) {
        self.advance(now);
        let mut turns = 0;
        for _ in 0..MOST_ROUNDS {
            let busy: usize = self.partitions.iter().map(Partition::busy).sum();
            if busy == 0 || turns >= MOST_TURNS {
                return;
            }
            let (shared, partitions) = (&self.shared, &mut self.partitions);
            turns += match &self.pool {
                Some(pool) if busy >= WORTH_A_THREAD => pool.install(|| {
                    partitions
                        .par_iter_mut()
                        .map(|partition| partition.step(shared))
                        .sum::<usize>()
                }),
                _ => partitions
                    .iter_mut()
                    .map(|partition| partition.step(shared))
                    .sum(),
            };
            self.exchange();
        }
    }

    /// Carries messages between partitions, in the order of those who send.
    pub(crate) fn exchange(&mut self) {
        // Again and again: what is refused on arrival is answered.
        loop {
            // Between two calls of the engine no rewind may be half done: no row tells of it.
            for partition in &mut self.partitions {
                partition.rewind_waiting(&self.shared);
            }
            if self
                .partitions
                .iter()
                .all(|partition| partition.outbox.is_empty())
            {
                return;
            }
            for sender in 0..self.partitions.len() {
                for message in std::mem::take(&mut self.partitions[sender].outbox) {
                    self.partitions[home(&message.to)].take_in(message);
                }
            }
        }
    }

    /// When [`run`](Self::run) has something to do without anything coming in: the present when
    /// messages wait, else the next timer.
    pub fn next_timer(&self) -> Option<VirtualTime> {
        if self.partitions.iter().any(Partition::is_busy) {
            return Some(self.now);
        }
        let timer = self
            .partitions
            .iter()
            .filter_map(|partition| partition.timers.next())
            .min();
        timer.map(|due| due.max(self.now))
    }

    /// Moves the events since the last call to `out`, in the order in which they happened.
    pub fn drain_events(&mut self, out: &mut Vec<Event>) {
        for partition in &mut self.partitions {
            out.append(&mut partition.journal.events);
        }
    }

    /// Time does not go back: an earlier `now` counts as the latest one. What has become due by
    /// then comes before whatever the caller brings.
    pub(crate) fn advance(&mut self, now: VirtualTime) {
        if now <= self.now && !self.restored {
            return;
        }
        self.restored = false;
        self.now = self.now.max(now);
        for partition in &mut self.partitions {
            partition.advance(self.now);
        }
        self.exchange();
    }

    pub(crate) fn at(&mut self, address: &Address) -> &mut Partition {
        &mut self.partitions[home(address)]
    }

    /// Goes on with what was under way when it was stored.
    pub(crate) fn resume(&mut self, messages: Vec<Message>) {
        for message in &messages {
            self.partitions[home(&message.to)].expect(message);
        }
        for partition in &mut self.partitions {
            partition.resume(&self.shared);
        }
        for message in messages {
            // All of them wait for their time, which for most has come: `run` delivers them.
            self.partitions[home(&message.to)].timers.add(message);
        }
        self.generation += 1;
        self.restored = true;
        self.offer();
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("now", &self.now)
            .field("functions", &self.shared.functions)
            .field("out", &self.out.len())
            .finish_non_exhaustive()
    }
}
