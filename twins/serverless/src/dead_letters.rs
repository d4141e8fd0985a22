//! Messages that the application could not use.

use std::collections::{BTreeSet, VecDeque};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use twinbench_model::{DeviceId, EventData, Record, VirtualTime};

use crate::rows;

/// A message that could not be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The device that was authenticated.
    pub device: DeviceId,
    /// Where the message is in the hub's log: the partition.
    pub partition: u16,
    /// Where the message is in the hub's log: the position in the partition.
    pub sequence_number: u64,
    /// When the hub took it.
    pub enqueued: VirtualTime,
    /// Why it could not be used.
    pub reason: String,
    /// Its body, when it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Its body in base64, when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

impl DeadLetter {
    pub(crate) fn new(event: &EventData, reason: String) -> Self {
        let (body, body_base64) = match std::str::from_utf8(&event.message.body) {
            Ok(text) => (Some(text.to_owned()), None),
            Err(_) => (None, Some(STANDARD.encode(&event.message.body))),
        };
        Self {
            device: event.device.clone(),
            partition: event.partition,
            sequence_number: event.sequence_number,
            enqueued: event.enqueued,
            reason,
            body,
            body_base64,
        }
    }
}

/// The newest [`KEPT`](Self::KEPT) dead letters, oldest first.
#[derive(Debug, Default)]
pub struct DeadLetters {
    letters: VecDeque<(u64, DeadLetter)>,
    /// Where they are in the hub's log: one that is delivered again is no other letter.
    places: BTreeSet<(u16, u64)>,
    /// The number of the next one.
    next: u64,
    changes: Vec<Record>,
}

impl DeadLetters {
    /// How many are kept; the oldest give way.
    pub const KEPT: usize = 10_000;

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// The letters, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &DeadLetter> {
        self.letters.iter().map(|(_, letter)| letter)
    }

    /// Whether the message is among them.
    pub(crate) fn has(&self, event: &EventData) -> bool {
        self.places
            .contains(&(event.partition, event.sequence_number))
    }

    pub(crate) fn add(&mut self, letter: DeadLetter) {
        if self.letters.len() == Self::KEPT
            && let Some((oldest, gone)) = self.letters.pop_front()
        {
            self.places.remove(&(gone.partition, gone.sequence_number));
            self.changes.push(rows::delete(rows::DEAD_LETTER, oldest));
        }
        self.places
            .insert((letter.partition, letter.sequence_number));
        let row = rows::put(rows::DEAD_LETTER, self.next, &letter);
        self.changes.push(row);
        self.letters.push_back((self.next, letter));
        self.next += 1;
    }

    pub(crate) fn drain_records(&mut self, out: &mut Vec<Record>) {
        out.append(&mut self.changes);
    }

    /// Puts a stored letter back; they come in the order of their numbers.
    pub(crate) fn restore(&mut self, number: u64, letter: DeadLetter) {
        self.places
            .insert((letter.partition, letter.sequence_number));
        self.letters.push_back((number, letter));
        self.next = self.next.max(number + 1);
    }
}
