//! A part of the engine: the instances whose ids fall into it, strictly one step after the other.
//!
//! Partitions share nothing. What one has to say to another waits in its outbox until the engine
//! carries it over, in the order of the partitions; so the outcome is the same whether they run one
//! after the other or side by side.

mod apply;
mod deliver;
mod drain;
mod ends;
mod entities;
mod orchestrations;
mod out;
mod rewind;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use twinbench_model::{EntityId, VirtualTime};

use crate::{
    Functions,
    history::ExecutionRewound,
    instance::Instance,
    journal::Journal,
    message::{Address, Body, Message},
    options::Options,
    slot::Slot,
    timers::Timers,
    work::{ActivityWork, WorkKind},
};

pub(crate) use out::TaskOut;

/// How many there are. Stored rows do not depend on it.
pub(crate) const PARTITIONS: u64 = 4;

/// Turns of one partition after which the others have theirs, and the caller may commit: entities
/// that signal each other for ever at one instant stop nobody.
const MOST_TURNS: usize = 25_000;

/// What all partitions read and none writes.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) functions: Functions,
    pub(crate) options: Options,
}

/// Something to be done by a worker, once the rows that caused it are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) kind: WorkKind,
    pub(crate) name: Arc<str>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) to: Address,
    /// Of an activity: execution and task.
    pub(crate) task: Option<(Arc<str>, i32)>,
    /// When it was made; the same after a restart.
    pub(crate) made: VirtualTime,
    pub(crate) not_before: VirtualTime,
    /// How often a worker was lost with it.
    pub(crate) losses: u32,
}

impl Offer {
    /// Its place in the order in which work is given out.
    pub(crate) fn place(&self) -> Place {
        let task = self.task.as_ref().map_or(-1, |(_, task)| *task);
        (self.made, self.to.clone(), task)
    }
}

/// Work is given out in the order of these: when it was made, for whom, which action.
pub(crate) type Place = (VirtualTime, Address, i32);

#[derive(Debug)]
pub(crate) struct Partition {
    index: u64,
    /// The number given last, counted in this partition alone.
    pub(crate) serial: u64,
    pub(crate) now: VirtualTime,
    pub(crate) entities: BTreeMap<EntityId, Slot>,
    pub(crate) instances: BTreeMap<Arc<str>, Instance>,
    /// Those that have something to do, in the order in which it came.
    ready: VecDeque<Address>,
    pub(crate) timers: Timers,
    /// Activities that are done within the step.
    work: VecDeque<ActivityWork>,
    /// Failed sub-orchestrations that are to go on with their parents.
    rewinding: Vec<(Arc<str>, ExecutionRewound)>,
    pub(crate) outbox: Vec<Message>,
    pub(crate) offers: Vec<Offer>,
    pub(crate) journal: Journal,
    changed_entities: BTreeSet<EntityId>,
    changed_instances: BTreeSet<Arc<str>>,
    /// Receivers that may hold messages without a row.
    touched: Vec<Address>,
    /// Stored messages that have had their effect.
    consumed: Vec<u64>,
    /// Chunks of histories that are not theirs any more.
    dropped_chunks: Vec<(Arc<str>, u32)>,
    /// Rows of what was purged.
    dropped_rows: Vec<Address>,
    drained_serial: u64,
}

/// The partition of an instance or entity, by its id: FNV-1a, which does not change.
pub(crate) fn home(address: &Address) -> usize {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    let hash = match address {
        Address::Entity(id) => {
            let hash = id.name().as_bytes().iter().fold(OFFSET, step);
            id.key().as_bytes().iter().fold(hash, step)
        }
        Address::Instance(id) => id.as_bytes().iter().fold(OFFSET, step),
    };
    (hash % PARTITIONS) as usize
}

impl Partition {
    pub(crate) fn new(index: usize, journal: bool) -> Self {
        Self {
            index: index as u64,
            serial: 0,
            now: VirtualTime::ZERO,
            entities: BTreeMap::new(),
            instances: BTreeMap::new(),
            ready: VecDeque::new(),
            timers: Timers::default(),
            work: VecDeque::new(),
            rewinding: Vec::new(),
            outbox: Vec::new(),
            offers: Vec::new(),
            journal: Journal {
                on: journal,
                ..Journal::default()
            },
            changed_entities: BTreeSet::new(),
            changed_instances: BTreeSet::new(),
            touched: Vec::new(),
            consumed: Vec::new(),
            dropped_chunks: Vec::new(),
            dropped_rows: Vec::new(),
            drained_serial: 0,
        }
    }

    /// A number unlike any other of the engine.
    pub(crate) fn number(&mut self) -> u64 {
        self.serial += 1;
        self.serial * PARTITIONS + self.index
    }

    /// Whether there is something to do now.
    pub(crate) fn is_busy(&self) -> bool {
        !self.ready.is_empty() || !self.work.is_empty() || !self.rewinding.is_empty()
    }

    /// How many have something to do now.
    pub(crate) fn busy(&self) -> usize {
        self.ready.len() + self.work.len() + self.rewinding.len()
    }

    /// Does what there is to do, as far as it does not depend on other partitions. Gives the
    /// number of turns.
    pub(crate) fn step(&mut self, shared: &Shared) -> usize {
        for turn in 0..MOST_TURNS {
            self.rewind_waiting(shared);
            match self.ready.pop_front() {
                Some(Address::Entity(id)) => self.entity_turn(shared, &id),
                Some(Address::Instance(id)) => self.instance_turn(shared, &id),
                None => match self.work.pop_front() {
                    Some(work) => self.work_here(shared, &work),
                    None => return turn,
                },
            }
        }
        MOST_TURNS
    }

    /// Lets failed sub-orchestrations go on whose parents have been rewound.
    pub(crate) fn rewind_waiting(&mut self, shared: &Shared) {
        while !self.rewinding.is_empty() {
            for (id, rewound) in std::mem::take(&mut self.rewinding) {
                self.rewind(shared, &id, rewound);
            }
        }
    }

    /// Sends a message from here.
    pub(crate) fn post(&mut self, due: VirtualTime, to: Address, body: Body) -> u64 {
        let number = self.number();
        let message = Message {
            number,
            // Never in the past: so messages are in one order by (due, number), restored or not.
            due: due.max(self.now),
            stored: false,
            to,
            body,
        };
        if home(&message.to) == self.index as usize {
            self.take_in(message);
        } else {
            self.outbox.push(message);
        }
        number
    }

    /// A message has had its effect: its row, if it has one, goes with the next records.
    fn consume(&mut self, message: &Message) {
        if message.stored {
            self.consumed.push(message.number);
        }
    }

    /// Forgets an orchestration with everything that is stored of it.
    pub(crate) fn forget(&mut self, address: Address, chunks: Vec<u32>) {
        if let Address::Instance(id) = &address {
            self.changed_instances.remove(id);
            for chunk in chunks {
                self.dropped_chunks.push((Arc::clone(id), chunk));
            }
        }
        self.dropped_rows.push(address);
    }

    pub(crate) fn mark_changed(&mut self, id: &EntityId) {
        self.change_entity(id);
    }

    fn touch_entity(touched: &mut Vec<Address>, id: &EntityId, slot: &mut Slot) {
        if !slot.touched {
            slot.touched = true;
            touched.push(Address::Entity(id.clone()));
        }
    }

    fn touch_instance(touched: &mut Vec<Address>, instance: &mut Instance) {
        if !instance.touched {
            instance.touched = true;
            touched.push(Address::Instance(Arc::clone(&instance.id)));
        }
    }

    fn change_entity(&mut self, id: &EntityId) {
        if !self.changed_entities.contains(id) {
            self.changed_entities.insert(id.clone());
        }
    }

    fn change_instance(&mut self, id: &Arc<str>) {
        if !self.changed_instances.contains(id) {
            self.changed_instances.insert(Arc::clone(id));
        }
    }
}
