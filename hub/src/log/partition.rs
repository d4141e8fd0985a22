//! One partition of the event log.

use std::collections::{VecDeque, vec_deque};

use serde::{Deserialize, Serialize};
use twinbench_model::{EventData, Record, Table, VirtualDuration, VirtualTime};

use super::event_key;
use crate::versioned;

const HEAD_VERSION: u8 = 1;
/// Retention forgets whole blocks: so many messages at most …
const BLOCK_MESSAGES: u64 = 256;
/// … over at most so much time.
const BLOCK_SPAN: VirtualDuration = VirtualDuration::from_secs(600);

/// What a partition holds, as the built-in endpoint tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionInfo {
    /// The oldest position that is kept; equal to `next` when there is none.
    pub begin: u64,
    /// The position that the next message gets.
    pub next: u64,
    /// When the newest kept message was taken.
    pub last_enqueued: Option<VirtualTime>,
}

/// What the head record says of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) partitions: u16,
    pub(super) begin: u64,
    pub(super) next: u64,
}

impl Head {
    pub(super) fn from_value(value: &[u8]) -> Result<Self, versioned::DecodeError> {
        versioned::decode(HEAD_VERSION, value)
    }
}

#[derive(Debug, Default)]
pub(super) struct Partition {
    begin: u64,
    next: u64,
    /// The newest messages: positions `next - memory.len()` to `next - 1`.
    memory: VecDeque<EventData>,
    /// Every kept message, in blocks.
    blocks: VecDeque<Block>,
    /// What the stored head says of `next`; `None` while no head is stored.
    stored_next: Option<u64>,
}

#[derive(Debug)]
struct Block {
    first: u64,
    oldest: VirtualTime,
    newest: VirtualTime,
}

impl Partition {
    /// A partition whose head is known and whose events follow by [`Partition::push`].
    pub(super) fn resume(head: Head) -> Self {
        Self {
            begin: head.begin,
            next: head.begin,
            stored_next: Some(head.next),
            ..Self::default()
        }
    }

    pub(super) fn stored_next(&self) -> Option<u64> {
        self.stored_next
    }

    /// The head record of this partition as it stands.
    pub(super) fn head(&mut self, partition: u16, partitions: u16) -> Record {
        self.stored_next = Some(self.next);
        let head = Head {
            partitions,
            begin: self.begin,
            next: self.next,
        };
        let value = versioned::encode(HEAD_VERSION, &head);
        Record::put(Table::HubEvents, partition.to_be_bytes(), value)
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn first_in_memory(&self) -> u64 {
        self.next - self.memory.len() as u64
    }

    pub(super) fn in_memory(&self) -> usize {
        self.memory.len()
    }

    pub(super) fn info(&self) -> PartitionInfo {
        PartitionInfo {
            begin: self.begin,
            next: self.next,
            last_enqueued: self.blocks.back().map(|block| block.newest),
        }
    }

    /// Appends; the event's position must be [`Partition::next`].
    pub(super) fn push(&mut self, event: EventData) {
        debug_assert_eq!(event.sequence_number, self.next, "positions have no gaps");
        let now = event.enqueued;
        match self.blocks.back_mut() {
            Some(block)
                if self.next - block.first < BLOCK_MESSAGES
                    && now.since(block.oldest) < BLOCK_SPAN =>
            {
                block.newest = block.newest.max(now);
            }
            _ => self.blocks.push_back(Block {
                first: self.next,
                oldest: now,
                newest: now,
            }),
        }
        self.next += 1;
        self.memory.push_back(event);
    }

    /// Lets messages leave memory: all but the newest `window` when every consumer has passed
    /// them, and beyond `limit` in any case.
    pub(super) fn trim(&mut self, passed: u64, window: usize, limit: usize) {
        while self.memory.len() > window
            && (self.first_in_memory() < passed || self.memory.len() > limit)
        {
            self.memory.pop_front();
        }
    }

    pub(super) fn from(&self, position: u64) -> vec_deque::Iter<'_, EventData> {
        let skip = position.saturating_sub(self.first_in_memory());
        let skip = usize::try_from(skip).map_or(self.memory.len(), |n| n.min(self.memory.len()));
        self.memory.range(skip..)
    }

    /// The first position of the block in which messages of this time or later begin.
    pub(super) fn first_since(&self, time: VirtualTime) -> u64 {
        let block = self.blocks.partition_point(|block| block.newest < time);
        self.blocks
            .get(block)
            .map_or(self.next, |block| block.first)
    }

    pub(super) fn next_expiry(&self, retention: VirtualDuration) -> Option<VirtualTime> {
        let block = self.blocks.front()?;
        Some(block.newest.saturating_add(retention))
    }

    /// Forgets the blocks whose newest message is older than the retention; `partition` and
    /// `partitions` name this one for its records.
    pub(super) fn expire(
        &mut self,
        now: VirtualTime,
        retention: VirtualDuration,
        (partition, partitions): (u16, u16),
        records: &mut Vec<Record>,
    ) {
        let before = self.begin;
        while self.next_expiry(retention).is_some_and(|due| due <= now) {
            self.blocks.pop_front();
            self.begin = self.blocks.front().map_or(self.next, |block| block.first);
        }
        if self.begin == before {
            return;
        }
        let gone = (before..self.begin)
            .map(|position| Record::delete(Table::HubEvents, event_key(partition, position)));
        records.extend(gone);
        records.push(self.head(partition, partitions));
        while self.first_in_memory() < self.begin && self.memory.pop_front().is_some() {}
    }
}
