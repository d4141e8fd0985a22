//! Feedback: what became of messages to devices.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twinbench_model::{Epoch, Record, Table, VirtualDuration, VirtualTime};

use crate::{DecodeError, Hub, versioned};

const VERSION: u8 = 1;
/// First byte of a feedback record's key; its number (be64) follows.
pub(crate) const FEEDBACK_PREFIX: u8 = b'f';
/// How long who receives a batch may take to complete it.
const LOCK: VirtualDuration = VirtualDuration::from_secs(60);
/// How long feedback waits ("Cloud-to-device configuration options": feedback TTL, 1 hour).
const KEEP: VirtualDuration = VirtualDuration::from_secs(3_600);
/// Deliveries of a feedback record, at most (same table: 100).
const MAX_DELIVERIES: u32 = 100;
/// Records in a batch, at most.
const BATCH: usize = 64;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedbackStatus {
    /// The device took it.
    Success,
    /// Its time ended.
    Expired,
    /// It was delivered too often.
    DeliveryCountExceeded,
    /// The device refused it.
    Rejected,
    /// The queue was purged.
    Purged,
}

impl FeedbackStatus {
    /// The name in feedback records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Expired => "Expired",
            Self::DeliveryCountExceeded => "DeliveryCountExceeded",
            Self::Rejected => "Rejected",
            Self::Purged => "Purged",
        }
    }
}

/// A feedback record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// When it happened.
    pub at: VirtualTime,
    /// The sender's id of the message; empty when it gave none.
    pub original_message_id: String,
    /// What became of the message.
    pub status: FeedbackStatus,
    /// The device that it was for.
    pub device_id: String,
    /// Tells apart devices that had one id after the other.
    pub device_generation_id: String,
}

impl Feedback {
    /// The record as clients read it.
    pub fn to_json(&self, epoch: Epoch) -> Value {
        json!({
            "originalMessageId": self.original_message_id,
            "description": self.status.name(),
            "statusCode": self.status.name(),
            "deviceId": self.device_id,
            "deviceGenerationId": self.device_generation_id,
            "enqueuedTimeUtc": epoch.rfc3339(self.at),
        })
    }
}

/// Feedback that somebody received and is to complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackBatch {
    /// Names it in [`Hub::complete_feedback`] and [`Hub::abandon_feedback`].
    pub lock_token: u64,
    /// The records, oldest first.
    pub records: Vec<Feedback>,
}

/// The batch is not locked under this token (412002 DeviceMessageLockLost).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no feedback is locked under this token: its lock has ended")]
pub struct LockLost;

#[derive(Debug)]
struct Waiting {
    feedback: Feedback,
    deliveries: u32,
    locked: bool,
}

/// Feedback that waits.
#[derive(Debug, Default)]
pub(crate) struct FeedbackQueue {
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    locks: BTreeMap<u64, (VirtualTime, Vec<u64>)>,
    due: BTreeSet<(VirtualTime, u64)>,
    next_lock: u64,
}

impl FeedbackQueue {
    pub(super) fn push(&mut self, feedback: Feedback, records: &mut Vec<Record>) {
        let value = versioned::encode(VERSION, &feedback);
        records.push(Record::put(Table::HubDevices, key(self.next), value));
        self.insert(self.next, feedback);
    }

    fn insert(&mut self, number: u64, feedback: Feedback) {
        let waiting = Waiting {
            feedback,
            deliveries: 0,
            locked: false,
        };
        self.waiting.insert(number, waiting);
        self.next = self.next.max(number + 1);
    }

    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let number = key
            .try_into()
            .map_err(|_| DecodeError::Damaged("its key is of no kind".into()))?;
        self.insert(
            u64::from_be_bytes(number),
            versioned::decode(VERSION, value)?,
        );
        Ok(())
    }

    fn receive(&mut self, now: VirtualTime) -> Option<FeedbackBatch> {
        let free = self
            .waiting
            .iter_mut()
            .filter(|(_, waiting)| !waiting.locked);
        let (mut numbers, mut records) = (Vec::new(), Vec::new());
        for (number, waiting) in free.take(BATCH) {
            waiting.locked = true;
            waiting.deliveries += 1;
            numbers.push(*number);
            records.push(waiting.feedback.clone());
        }
        if numbers.is_empty() {
            return None;
        }
        self.next_lock += 1;
        let lock_token = self.next_lock;
        let until = now.saturating_add(LOCK);
        self.locks.insert(lock_token, (until, numbers));
        self.due.insert((until, lock_token));
        Some(FeedbackBatch {
            lock_token,
            records,
        })
    }

    fn unlock(&mut self, token: u64) -> Option<Vec<u64>> {
        let (until, numbers) = self.locks.remove(&token)?;
        self.due.remove(&(until, token));
        Some(numbers)
    }

    fn give_back(&mut self, token: u64, out: &mut Vec<Record>) -> bool {
        let Some(numbers) = self.unlock(token) else {
            return false;
        };
        for number in numbers {
            let Some(waiting) = self.waiting.get_mut(&number) else {
                continue;
            };
            waiting.locked = false;
            if waiting.deliveries >= MAX_DELIVERIES {
                self.forget(number, out);
            }
        }
        true
    }

    fn forget(&mut self, number: u64, out: &mut Vec<Record>) {
        if self.waiting.remove(&number).is_some() {
            out.push(Record::delete(Table::HubDevices, key(number)));
        }
    }

    pub(crate) fn next_timer(&self) -> Option<VirtualTime> {
        let oldest = self.waiting.values().next();
        let expiry = oldest.map(|waiting| waiting.feedback.at.saturating_add(KEEP));
        let lock = self.due.first().map(|(until, _)| *until);
        [expiry, lock].into_iter().flatten().min()
    }

    pub(crate) fn tick(&mut self, now: VirtualTime, out: &mut Vec<Record>) {
        while let Some(&(_, token)) = self.due.first().filter(|(until, _)| *until <= now) {
            self.give_back(token, out);
        }
        while let Some((&number, oldest)) = self.waiting.first_key_value()
            && oldest.feedback.at.saturating_add(KEEP) <= now
        {
            self.forget(number, out);
        }
    }
}

fn key(number: u64) -> Vec<u8> {
    [&[FEEDBACK_PREFIX][..], &number.to_be_bytes()].concat()
}

impl Hub {
    /// Feedback that waits, at most 64 records, locked for 60 s; `None` when none waits.
    pub fn receive_feedback(&mut self, now: VirtualTime) -> Option<FeedbackBatch> {
        self.feedback.receive(now)
    }

    /// Feedback that was received is done with.
    ///
    /// # Errors
    /// When its lock has ended.
    pub fn complete_feedback(&mut self, lock_token: u64) -> Result<(), LockLost> {
        let numbers = self.feedback.unlock(lock_token).ok_or(LockLost)?;
        for number in numbers {
            self.feedback.forget(number, &mut self.records);
        }
        Ok(())
    }

    /// Feedback that was received is to be given again.
    ///
    /// # Errors
    /// When its lock has ended.
    pub fn abandon_feedback(&mut self, lock_token: u64) -> Result<(), LockLost> {
        let known = self.feedback.give_back(lock_token, &mut self.records);
        known.then_some(()).ok_or(LockLost)
    }
}
