//! The log over its partitions.

use std::sync::Arc;

use twinbench_model::{Epoch, EventData, Record, Table, VirtualTime};

use super::{
    CheckpointError, ConsumerError, PartitionInfo,
    consumer::Consumers,
    decode_event,
    encoding::{Parts, encode_parts},
    event_key,
    partition::{Head, Held, OVERHEAD, Partition, Retention, Window},
};
use crate::{Options, versioned::DecodeError};

/// The event log. Changes yield records, which the hub hands out.
#[derive(Debug)]
pub struct EventLog {
    epoch: Epoch,
    retention: Retention,
    window: Window,
    partitions: Vec<Partition>,
    consumers: Consumers,
    /// The text of the last enqueued time: messages often share one.
    stamp: (VirtualTime, Arc<str>),
}

/// Messages cannot be read from memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such partition.
    #[error("there is no partition {0}")]
    NoSuchPartition(u16),
    /// They are in the store only.
    #[error(
        "messages before position {first} have left memory: read them from the store and decode \
         them with decode_event"
    )]
    NotInMemory {
        /// The oldest position in memory.
        first: u64,
    },
}

/// Stored records do not make a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogRestoreError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(
        "the stored event log has {stored} partitions, the bench asks for {asked}: set \
         {stored}, or start with fresh data"
    )]
    Partitions { stored: u16, asked: u16 },
    #[error("position {found} of partition {partition} follows where {expected} should")]
    Gap {
        partition: u16,
        expected: u64,
        found: u64,
    },
    #[error("partition {partition} ends at position {found}, it had reached {expected}")]
    Lost {
        partition: u16,
        expected: u64,
        found: u64,
    },
}

impl EventLog {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            epoch: options.epoch,
            retention: Retention {
                time: options.retention,
                bytes: options.retention_bytes,
            },
            window: Window {
                passed: options.memory_window,
                limit: options.memory_limit,
                bytes: options.memory_bytes,
            },
            partitions: (0..options.partitions)
                .map(|_| Partition::default())
                .collect(),
            consumers: Consumers::new(options.partitions),
            stamp: (
                VirtualTime::ZERO,
                options.epoch.rfc3339(VirtualTime::ZERO).into(),
            ),
        }
    }

    /// The RFC 3339 text of an enqueued time.
    pub(crate) fn stamp(&mut self, now: VirtualTime) -> Arc<str> {
        if self.stamp.0 != now {
            self.stamp = (now, self.epoch.rfc3339(now).into());
        }
        Arc::clone(&self.stamp.1)
    }

    /// Appends a message whose system properties are complete; gives its position.
    pub(crate) fn append(
        &mut self,
        partition: u16,
        event: &Parts<'_>,
        records: &mut Vec<Record>,
    ) -> Option<u64> {
        let now = event.enqueued;
        let stamp = self.stamp(now);
        let passed = self.consumers.passed(partition);
        let partitions = self.partitions.len() as u16;
        let slot = self.partitions.get_mut(usize::from(partition))?;
        let position = slot.next();
        let value = encode_parts(event, &stamp);
        let key = event_key(partition, position);
        let stored = (key.len() + value.len()) as u64;
        let size = event.size();
        let held = Held::new(&value, size);
        records.push(Record::put(Table::HubEvents, key, value));
        // Make room first, so that what was appended is there whatever the window is.
        let mut window = self.window;
        window.passed = window.passed.saturating_sub(1);
        window.limit = window.limit.saturating_sub(1);
        window.bytes = window.bytes.saturating_sub(size + OVERHEAD);
        slot.trim(passed, window);
        slot.push(held, now, stored);
        slot.expire(now, self.retention, (partition, partitions), records);
        Some(position)
    }

    /// Up to `max` messages of a partition from a position on, oldest first. A position beyond
    /// the end gives none; one whose retention ended gives the oldest that is kept.
    ///
    /// # Errors
    /// When there is no such partition, or when the messages are in the store only.
    pub fn read(
        &self,
        partition: u16,
        from: u64,
        max: usize,
    ) -> Result<impl Iterator<Item = &EventData>, ReadError> {
        let slot = self
            .partitions
            .get(usize::from(partition))
            .ok_or(ReadError::NoSuchPartition(partition))?;
        let from = from.max(slot.info().begin);
        let first = slot.first_in_memory();
        if from < first {
            return Err(ReadError::NotInMemory { first });
        }
        Ok(slot.from(from, (partition, self.epoch)).take(max))
    }

    /// What every partition holds, by number.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = PartitionInfo> {
        self.partitions.iter().map(Partition::info)
    }

    /// A position at or before the first message that was taken at this time or later, at most a
    /// block (256 messages) before it; the next position when there is none, or no such partition.
    pub fn first_since(&self, partition: u16, time: VirtualTime) -> u64 {
        let slot = self.partitions.get(usize::from(partition));
        slot.map_or(0, |slot| slot.first_since(time))
    }

    /// Messages in memory.
    pub fn in_memory(&self) -> usize {
        self.partitions.iter().map(Partition::in_memory).sum()
    }

    /// The consumer groups, by name.
    pub fn consumers(&self) -> impl Iterator<Item = &str> {
        self.consumers.names()
    }

    /// The next position that a group reads in a partition; `None` without such a group or
    /// partition.
    pub fn checkpoint(&self, group: &str, partition: u16) -> Option<u64> {
        self.consumers.get(group, partition)
    }

    pub(crate) fn add_consumer(
        &mut self,
        group: &str,
        records: &mut Vec<Record>,
    ) -> Result<(), ConsumerError> {
        let begins = self.partitions.iter().map(|slot| slot.info().begin);
        self.consumers.add(group, begins, records)
    }

    pub(crate) fn set_checkpoint(
        &mut self,
        group: &str,
        partition: u16,
        position: u64,
        records: &mut Vec<Record>,
    ) -> Result<(), CheckpointError> {
        let slot = self
            .partitions
            .get_mut(usize::from(partition))
            .ok_or(CheckpointError::NoSuchPartition(partition))?;
        let end = slot.next();
        if position > end {
            return Err(CheckpointError::Beyond { position, end });
        }
        self.consumers.set(group, partition, position, records)?;
        slot.trim(self.consumers.passed(partition), self.window);
        Ok(())
    }

    pub(crate) fn next_timer(&self) -> Option<VirtualTime> {
        let due = |slot: &Partition| slot.next_expiry(self.retention.time);
        self.partitions.iter().filter_map(due).min()
    }

    pub(crate) fn tick(&mut self, now: VirtualTime, records: &mut Vec<Record>) {
        let partitions = self.partitions.len() as u16;
        for (partition, slot) in (0..partitions).zip(&mut self.partitions) {
            slot.expire(now, self.retention, (partition, partitions), records);
        }
    }

    /// Takes one stored record of [`Table::HubEvents`]. Within a partition they must come in the
    /// order of their keys, as a store iterates them.
    pub(crate) fn restore_event(
        &mut self,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), LogRestoreError> {
        let asked = self.partitions.len() as u16;
        let Some(event) = decode_event(key, value, self.epoch)? else {
            return self.restore_head(key, value, asked);
        };
        let partition = event.partition;
        let slot = self.partitions.get_mut(usize::from(partition));
        let slot = slot.ok_or(LogRestoreError::Partitions {
            stored: partition.saturating_add(1),
            asked,
        })?;
        if event.sequence_number != slot.next() {
            return Err(LogRestoreError::Gap {
                partition,
                expected: slot.next(),
                found: event.sequence_number,
            });
        }
        let held = Held::new(value, crate::hub::message_size(&event.message));
        slot.push(held, event.enqueued, (key.len() + value.len()) as u64);
        // Checkpoints may not be known yet, so only the limits count here.
        slot.trim(0, self.window);
        Ok(())
    }

    fn restore_head(
        &mut self,
        key: &[u8],
        value: &[u8],
        asked: u16,
    ) -> Result<(), LogRestoreError> {
        let head = Head::from_value(value)?;
        let partition = match key {
            &[a, b] => usize::from(u16::from_be_bytes([a, b])),
            _ => usize::MAX,
        };
        match self.partitions.get_mut(partition) {
            Some(slot) if head.partitions == asked => {
                *slot = Partition::resume(head);
                Ok(())
            }
            _ => Err(LogRestoreError::Partitions {
                stored: head.partitions,
                asked,
            }),
        }
    }

    /// Takes one stored record of [`Table::HubCheckpoints`].
    pub(crate) fn restore_checkpoint(
        &mut self,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), LogRestoreError> {
        Ok(self.consumers.restore(key, value)?)
    }

    /// Completes a restoration, or a new log: every partition gets its head.
    pub(crate) fn restored(&mut self, records: &mut Vec<Record>) -> Result<(), LogRestoreError> {
        let partitions = self.partitions.len() as u16;
        for (partition, slot) in (0..partitions).zip(&mut self.partitions) {
            match slot.stored_next() {
                None => records.push(slot.head(partition, partitions)),
                Some(expected) if slot.next() < expected => {
                    return Err(LogRestoreError::Lost {
                        partition,
                        expected,
                        found: slot.next(),
                    });
                }
                Some(_) => {}
            }
            // The bench may ask for less than was stored; time is dealt with by the first tick.
            let place = (partition, partitions);
            slot.expire(VirtualTime::ZERO, self.retention, place, records);
            slot.trim(self.consumers.passed(partition), self.window);
        }
        Ok(())
    }
}
