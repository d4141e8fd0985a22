//! One partition of the event log.

use std::{collections::VecDeque, sync::OnceLock};

use serde::{Deserialize, Serialize};
use twinbench_model::{Epoch, EventData, Record, Table, VirtualDuration, VirtualTime};

use super::{decode_event, event_key};
use crate::versioned;

const HEAD_VERSION: u8 = 1;
/// Retention forgets whole blocks: so many messages at most …
const BLOCK_MESSAGES: u64 = 256;
/// … over at most so much time …
const BLOCK_SPAN: VirtualDuration = VirtualDuration::from_secs(600);
/// … and closed to further messages from this size on.
const BLOCK_BYTES: u64 = 1024 * 1024;
/// What a message costs in memory beside its own bytes, roughly.
pub(super) const OVERHEAD: usize = 256;

/// What a partition holds, as the built-in endpoint tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionInfo {
    /// The oldest position that is kept; equal to `next` when there is none.
    pub begin: u64,
    /// The position that the next message gets.
    pub next: u64,
    /// When the newest kept message was taken.
    pub last_enqueued: Option<VirtualTime>,
    /// Bytes of the kept messages as they are stored, with their keys.
    pub bytes: u64,
}

/// How long a partition keeps its messages, and how many bytes of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retention {
    pub(super) time: VirtualDuration,
    pub(super) bytes: u64,
}

/// How much of a partition stays in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Messages that stay after every consumer has passed them.
    pub(super) passed: usize,
    /// Messages that stay at most.
    pub(super) limit: usize,
    /// Their bytes at most; the newest message stays whatever its size.
    pub(super) bytes: usize,
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
    memory: VecDeque<Held>,
    /// What `memory` costs.
    memory_bytes: usize,
    /// What the kept messages take in the store.
    stored_bytes: u64,
    /// Every kept message, in blocks.
    blocks: VecDeque<Block>,
    /// What the stored head says of `next`; `None` while no head is stored.
    stored_next: Option<u64>,
}

/// A message in memory: as it is stored, and whole once somebody has asked for it. Most of what a
/// message costs is its properties' maps, which not every message needs.
#[derive(Debug)]
pub(super) struct Held {
    stored: Box<[u8]>,
    /// What it costs in memory, roughly.
    cost: usize,
    whole: OnceLock<Box<EventData>>,
}

impl Held {
    /// From what is stored, and the message's size.
    pub(super) fn new(stored: &[u8], size: usize) -> Self {
        Self {
            stored: stored.into(),
            cost: size + OVERHEAD,
            whole: OnceLock::new(),
        }
    }

    fn whole(&self, (partition, position): (u16, u64), epoch: Epoch) -> &EventData {
        self.whole.get_or_init(|| {
            let key = event_key(partition, position);
            match decode_event(&key, &self.stored, epoch) {
                Ok(Some(event)) => Box::new(event),
                other => unreachable!("what this program wrote it reads: {other:?}"),
            }
        })
    }
}

#[derive(Debug)]
struct Block {
    first: u64,
    oldest: VirtualTime,
    newest: VirtualTime,
    bytes: u64,
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
            bytes: self.stored_bytes,
        }
    }

    /// Appends, at the position [`Partition::next`], what takes so many bytes in the store.
    pub(super) fn push(&mut self, event: Held, now: VirtualTime, stored: u64) {
        match self.blocks.back_mut() {
            Some(block)
                if self.next - block.first < BLOCK_MESSAGES
                    && block.bytes < BLOCK_BYTES
                    && now.since(block.oldest) < BLOCK_SPAN =>
            {
                block.bytes += stored;
                block.newest = block.newest.max(now);
            }
            _ => self.blocks.push_back(Block {
                first: self.next,
                oldest: now,
                newest: now,
                bytes: stored,
            }),
        }
        self.next += 1;
        self.stored_bytes += stored;
        self.memory_bytes += event.cost;
        self.memory.push_back(event);
    }

    /// Lets messages leave memory: all but the newest few when every consumer has passed them,
    /// and beyond the limits in any case.
    pub(super) fn trim(&mut self, passed: u64, window: Window) {
        loop {
            let count = self.memory.len();
            let seen = self.first_in_memory() < passed;
            let old = count > window.passed && (seen || count > window.limit);
            let large = count > 1 && self.memory_bytes > window.bytes;
            if !old && !large {
                return;
            }
            self.forget_first();
        }
    }

    /// Lets the oldest message leave memory. `false` when there is none.
    fn forget_first(&mut self) -> bool {
        let first = self.memory.pop_front();
        self.memory_bytes -= first.as_ref().map_or(0, |event| event.cost);
        first.is_some()
    }

    /// The messages in memory from a position on; this is the partition of that number.
    pub(super) fn from(
        &self,
        position: u64,
        (partition, epoch): (u16, Epoch),
    ) -> impl Iterator<Item = &EventData> {
        let first = self.first_in_memory();
        let skip = position.saturating_sub(first);
        let skip = usize::try_from(skip).map_or(self.memory.len(), |n| n.min(self.memory.len()));
        let positions = first + skip as u64..;
        positions
            .zip(self.memory.range(skip..))
            .map(move |(position, held)| held.whole((partition, position), epoch))
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

    /// Forgets the blocks whose newest message is older than the retention, and the oldest ones
    /// until the others take at most so many bytes; the newest block stays whatever its size.
    /// `partition` and `partitions` name this one for its records.
    pub(super) fn expire(
        &mut self,
        now: VirtualTime,
        retention: Retention,
        (partition, partitions): (u16, u16),
        records: &mut Vec<Record>,
    ) {
        let before = self.begin;
        loop {
            let old = self.next_expiry(retention.time);
            let old = old.is_some_and(|due| due <= now);
            let large = self.blocks.len() > 1 && self.stored_bytes > retention.bytes;
            if !old && !large {
                break;
            }
            let gone = self.blocks.pop_front();
            self.stored_bytes -= gone.map_or(0, |block| block.bytes);
            self.begin = self.blocks.front().map_or(self.next, |block| block.first);
        }
        if self.begin == before {
            return;
        }
        let gone = (before..self.begin)
            .map(|position| Record::delete(Table::HubEvents, event_key(partition, position)));
        records.extend(gone);
        records.push(self.head(partition, partitions));
        while self.first_in_memory() < self.begin && self.forget_first() {}
    }
}
