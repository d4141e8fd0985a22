//! A device's queue.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use twinbench_model::{Message, Record, Table, VirtualTime};

use crate::{DecodeError, registry::IdentityId, versioned};

const VERSION: u8 = 1;
/// First byte of a waiting message's key; the id, a zero and its number (be64) follow.
pub(crate) const QUEUE_PREFIX: u8 = b'q';
/// Most bytes of a message with its properties (IoT Hub quotas: 64 KB).
pub const MAX_C2D: usize = 64 * 1024;
/// Most messages that wait for one device (IoT Hub quotas).
pub const MAX_PENDING: usize = 50;

/// Which ends of a message its sender wants to hear of (`iothub-ack`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ack {
    /// None.
    #[default]
    None,
    /// That it was completed.
    Positive,
    /// That it was given up.
    Negative,
    /// Both.
    Full,
}

impl Ack {
    /// Reads the property's value, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::None, Self::Positive, Self::Negative, Self::Full];
        all.into_iter()
            .find(|ack| text.eq_ignore_ascii_case(ack.name()))
    }

    /// The property's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Positive => "positive",
            Self::Negative => "negative",
            Self::Full => "full",
        }
    }
}

/// A message that waits for its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Body and properties.
    pub message: Message,
    /// When it was taken.
    pub enqueued: VirtualTime,
    /// When it is given up.
    pub expires: VirtualTime,
    /// What its sender wants to hear.
    pub ack: Ack,
    /// How often it was given to the device.
    pub deliveries: u32,
    /// Until when it is on its way; not stored: no connection outlives the hub.
    pub locked: Option<VirtualTime>,
}

/// A queued message as stored. A message itself leaves empty properties out, which the format of
/// records cannot read back.
#[derive(Serialize, Deserialize)]
struct Stored {
    body: Bytes,
    system: BTreeMap<String, String>,
    properties: BTreeMap<String, String>,
    enqueued: VirtualTime,
    expires: VirtualTime,
    ack: Ack,
    deliveries: u32,
}

impl From<&QueuedMessage> for Stored {
    fn from(queued: &QueuedMessage) -> Self {
        let message = queued.message.clone();
        Self {
            body: message.body,
            system: message.system,
            properties: message.properties,
            enqueued: queued.enqueued,
            expires: queued.expires,
            ack: queued.ack,
            deliveries: queued.deliveries,
        }
    }
}

impl From<Stored> for QueuedMessage {
    fn from(stored: Stored) -> Self {
        Self {
            message: Message {
                body: stored.body,
                system: stored.system,
                properties: stored.properties,
            },
            enqueued: stored.enqueued,
            expires: stored.expires,
            ack: stored.ack,
            deliveries: stored.deliveries,
            locked: None,
        }
    }
}

/// The messages of a device, by their numbers.
pub(crate) type Queue = BTreeMap<u64, QueuedMessage>;

/// Every device's queue.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    waiting: BTreeMap<IdentityId, Queue>,
    /// When a message expires or its lock ends: at that time or before, never later.
    due: BTreeSet<(VirtualTime, IdentityId, u64)>,
    /// Number of the next message, whosever it is.
    next: u64,
}

impl Queues {
    pub(crate) fn get(&self, id: &IdentityId) -> Option<&Queue> {
        self.waiting.get(id)
    }

    pub(super) fn message(&mut self, id: &IdentityId, number: u64) -> Option<&mut QueuedMessage> {
        self.waiting.get_mut(id)?.get_mut(&number)
    }

    pub(super) fn push(
        &mut self,
        id: &IdentityId,
        message: QueuedMessage,
        records: &mut Vec<Record>,
    ) -> u64 {
        let number = self.next;
        self.next += 1;
        records.push(record(id, number, &message));
        self.insert(id.clone(), number, message);
        number
    }

    fn insert(&mut self, id: IdentityId, number: u64, message: QueuedMessage) {
        self.due.insert((message.expires, id.clone(), number));
        self.waiting.entry(id).or_default().insert(number, message);
        self.next = self.next.max(number + 1);
    }

    /// Locks a message for a delivery.
    pub(super) fn lock(
        &mut self,
        id: &IdentityId,
        number: u64,
        until: VirtualTime,
        records: &mut Vec<Record>,
    ) -> Option<&QueuedMessage> {
        let message = self.waiting.get_mut(id)?.get_mut(&number)?;
        message.locked = Some(until);
        message.deliveries += 1;
        records.push(record(id, number, message));
        self.due.insert((until, id.clone(), number));
        Some(message)
    }

    pub(super) fn remove(
        &mut self,
        id: &IdentityId,
        number: u64,
        records: &mut Vec<Record>,
    ) -> Option<QueuedMessage> {
        let queue = self.waiting.get_mut(id)?;
        let message = queue.remove(&number)?;
        if queue.is_empty() {
            self.waiting.remove(id);
        }
        for due in [Some(message.expires), message.locked]
            .into_iter()
            .flatten()
        {
            self.due.remove(&(due, id.clone(), number));
        }
        records.push(Record::delete(Table::HubDevices, key(id, number)));
        Some(message)
    }

    /// The next message whose lock or time ends.
    pub(super) fn pop_due(&mut self, now: VirtualTime) -> Option<(IdentityId, u64)> {
        if self.due.first()?.0 > now {
            return None;
        }
        self.due.pop_first().map(|(_, id, number)| (id, number))
    }

    pub(crate) fn next_timer(&self) -> Option<VirtualTime> {
        self.due.first().map(|(time, ..)| *time)
    }

    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let damaged = || DecodeError::Damaged("its key is of no kind".into());
        let end = key.len().checked_sub(9).ok_or_else(damaged)?;
        let (id, rest) = key.split_at(end);
        let number = match rest.split_first() {
            Some((0, number)) => number.try_into().map_err(|_| damaged())?,
            _ => return Err(damaged()),
        };
        let message = versioned::decode::<Stored>(VERSION, value)?.into();
        self.insert(
            IdentityId::from_key(id)?,
            u64::from_be_bytes(number),
            message,
        );
        Ok(())
    }
}

fn record(id: &IdentityId, number: u64, message: &QueuedMessage) -> Record {
    let value = versioned::encode(VERSION, &Stored::from(message));
    Record::put(Table::HubDevices, key(id, number), value)
}

fn key(id: &IdentityId, number: u64) -> Vec<u8> {
    let mut key = id.key(QUEUE_PREFIX);
    key.push(0);
    key.extend(number.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_its_record() {
        let id = IdentityId::parse("d/m").unwrap();
        let message = QueuedMessage {
            message: Message {
                body: vec![0, 1, 2].into(),
                system: [("message-id".to_owned(), "m".to_owned())].into(),
                properties: [("a".to_owned(), "b".to_owned())].into(),
            },
            enqueued: VirtualTime::from_secs(1),
            expires: VirtualTime::from_secs(9),
            ack: Ack::Full,
            deliveries: 0,
            locked: None,
        };
        let (mut queues, mut records) = (Queues::default(), Vec::new());
        queues.next = 256;
        queues.push(&id, message.clone(), &mut records);
        queues.lock(&id, 256, VirtualTime::from_secs(5), &mut records);
        let Record { key, value, .. } = records.pop().unwrap();
        let mut restored = Queues::default();
        restored.restore(&key[1..], &value.unwrap()).unwrap();
        let read = restored.message(&id, 256).unwrap();
        assert_eq!((read.deliveries, read.locked), (1, None));
        read.deliveries = 0;
        assert_eq!(*read, message);
        assert_eq!(restored.next, 257);
        assert_eq!(restored.next_timer(), Some(VirtualTime::from_secs(9)));
        assert!(restored.restore(b"x", &[]).is_err());
    }
}
