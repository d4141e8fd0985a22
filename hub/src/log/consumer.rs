//! Consumer groups and how far each has read.

use std::collections::BTreeMap;

use twinbench_model::{Record, Table};

use crate::versioned::{self, DecodeError};

/// The group that every hub has.
pub const DEFAULT_GROUP: &str = "$Default";
/// Groups beside [`DEFAULT_GROUP`] at most (IoT Hub quotas).
const MAX_GROUPS: usize = 20;
const VERSION: u8 = 1;

/// A consumer group cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsumerError {
    /// The name cannot be.
    #[error("{0:?} is no name of a consumer group: give 1 to 50 letters, digits, '-', '_' or '.'")]
    Name(String),
    /// There are too many.
    #[error("the hub has {MAX_GROUPS} consumer groups beside {DEFAULT_GROUP}, which is the most")]
    TooMany,
}

/// A checkpoint cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// There is no such group.
    #[error("there is no consumer group {0:?}: add it first")]
    NoSuchGroup(String),
    /// There is no such partition.
    #[error("there is no partition {0}")]
    NoSuchPartition(u16),
    /// It lies beyond the log's end.
    #[error("the checkpoint {position} lies beyond the end of the log at {end}")]
    Beyond {
        /// What was asked.
        position: u64,
        /// The position that the next message gets.
        end: u64,
    },
}

/// The groups with the next position that each reads, by partition.
#[derive(Debug)]
pub(super) struct Consumers {
    groups: BTreeMap<String, Vec<u64>>,
    partitions: usize,
}

impl Consumers {
    pub(super) fn new(partitions: u16) -> Self {
        let partitions = usize::from(partitions);
        let groups = BTreeMap::from([(DEFAULT_GROUP.to_owned(), vec![0; partitions])]);
        Self { groups, partitions }
    }

    pub(super) fn add(
        &mut self,
        group: &str,
        starts: impl Iterator<Item = u64>,
        records: &mut Vec<Record>,
    ) -> Result<(), ConsumerError> {
        if self.groups.contains_key(group) {
            return Ok(());
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if group.is_empty() || group.len() > 50 || !group.chars().all(allowed) {
            return Err(ConsumerError::Name(group.chars().take(60).collect()));
        }
        if self.groups.len() > MAX_GROUPS {
            return Err(ConsumerError::TooMany);
        }
        let starts: Vec<u64> = starts.collect();
        for (partition, &position) in (0u16..).zip(&starts) {
            records.push(record(group, partition, position));
        }
        self.groups.insert(group.to_owned(), starts);
        Ok(())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    pub(super) fn get(&self, group: &str, partition: u16) -> Option<u64> {
        self.groups.get(group)?.get(usize::from(partition)).copied()
    }

    pub(super) fn set(
        &mut self,
        group: &str,
        partition: u16,
        position: u64,
        records: &mut Vec<Record>,
    ) -> Result<(), CheckpointError> {
        let positions = self
            .groups
            .get_mut(group)
            .ok_or_else(|| CheckpointError::NoSuchGroup(group.chars().take(60).collect()))?;
        let slot = positions
            .get_mut(usize::from(partition))
            .ok_or(CheckpointError::NoSuchPartition(partition))?;
        if *slot != position {
            *slot = position;
            records.push(record(group, partition, position));
        }
        Ok(())
    }

    /// The position before which every consumer has read this partition.
    pub(super) fn passed(&self, partition: u16) -> u64 {
        let of = |positions: &Vec<u64>| positions.get(usize::from(partition)).copied();
        self.groups.values().filter_map(of).min().unwrap_or(0)
    }

    pub(super) fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let damaged = || DecodeError::Damaged("its key names no group and partition".into());
        let (rest, partition) = key.split_last_chunk::<2>().ok_or_else(damaged)?;
        let group = rest.strip_suffix(&[0]).ok_or_else(damaged)?;
        let group = std::str::from_utf8(group).map_err(|_| damaged())?;
        let position: u64 = versioned::decode(VERSION, value)?;
        let positions = self
            .groups
            .entry(group.to_owned())
            .or_insert_with(|| vec![0; self.partitions]);
        let slot = positions
            .get_mut(usize::from(u16::from_be_bytes(*partition)))
            .ok_or_else(damaged)?;
        *slot = position;
        Ok(())
    }
}

fn record(group: &str, partition: u16, position: u64) -> Record {
    let mut key = group.as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&partition.to_be_bytes());
    let value = versioned::encode(VERSION, &position);
    Record::put(Table::HubCheckpoints, key, value)
}
