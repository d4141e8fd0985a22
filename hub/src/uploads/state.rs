//! Uploads under way, and the news that wait for the service.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use twinbench_model::{DeviceId, Record, Table, VirtualDuration, VirtualTime};

use super::FileNotification;
use crate::{DecodeError, versioned};

const VERSION: u8 = 1;
/// First byte of an upload's key in the devices' table; its correlation id follows.
pub(crate) const UPLOAD_PREFIX: u8 = b'u';
/// First byte of a notification's key; its number (be64) follows.
pub(crate) const NOTICE_PREFIX: u8 = b'n';
/// Notifications that wait for the service, at most.
const MAX_NOTICES: usize = 1_000;
/// How long who receives a notification may take to complete it ("File upload notification
/// configuration options": lock duration, 60 s).
const LOCK: VirtualDuration = VirtualDuration::from_secs(60);
/// How long a notification waits (same table: 1 hour).
const KEEP: VirtualDuration = VirtualDuration::from_secs(3_600);
/// Deliveries of a notification, at most (same table: 10).
const MAX_DELIVERIES: u32 = 10;

/// An upload under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) device: DeviceId,
    pub(super) blob: String,
    pub(super) token: String,
    pub(super) until: VirtualTime,
    pub(super) size: Option<u64>,
}

#[derive(Debug)]
struct Waiting {
    notice: FileNotification,
    deliveries: u32,
    locked: Option<VirtualTime>,
}

/// Uploads under way and notifications that wait.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    pub(super) open: BTreeMap<String, Upload>,
    waiting: BTreeMap<u64, Waiting>,
    /// When locks end.
    locks: BTreeSet<(VirtualTime, u64)>,
    next: u64,
    pub(super) count: u64,
}

impl Uploads {
    /// Takes a stored record.
    pub(crate) fn restore(
        &mut self,
        prefix: u8,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), DecodeError> {
        let damaged = |what: &str| DecodeError::Damaged(what.to_owned());
        if prefix == UPLOAD_PREFIX {
            let id = std::str::from_utf8(key).map_err(|_| damaged("its key is no text"))?;
            let upload = versioned::decode(VERSION, value)?;
            self.open.insert(id.to_owned(), upload);
            self.count += 1;
            return Ok(());
        }
        let number = key
            .try_into()
            .map_err(|_| damaged("its key is no number"))?;
        self.insert(
            u64::from_be_bytes(number),
            versioned::decode(VERSION, value)?,
        );
        Ok(())
    }

    /// Enters an upload, or what changed of it.
    pub(super) fn put(&mut self, id: &str, upload: Upload, out: &mut Vec<Record>) {
        let value = versioned::encode(VERSION, &upload);
        out.push(Record::put(Table::HubDevices, upload_key(id), value));
        self.open.insert(id.to_owned(), upload);
    }

    pub(super) fn remove(&mut self, id: &str, out: &mut Vec<Record>) -> Option<Upload> {
        let upload = self.open.remove(id)?;
        out.push(Record::delete(Table::HubDevices, upload_key(id)));
        Some(upload)
    }

    /// Forgets the uploads whose time has ended.
    pub(super) fn expire(&mut self, now: VirtualTime, out: &mut Vec<Record>) {
        let over = |(id, upload): (&String, &Upload)| (upload.until <= now).then(|| id.clone());
        let over: Vec<String> = self.open.iter().filter_map(over).collect();
        for id in over {
            self.remove(&id, out);
        }
    }

    /// Queues a notification; the oldest makes room for it when there are too many.
    pub(super) fn tell(&mut self, notice: FileNotification, out: &mut Vec<Record>) {
        if self.waiting.len() >= MAX_NOTICES
            && let Some(oldest) = self.waiting.keys().next().copied()
        {
            self.forget(oldest, out);
        }
        let value = versioned::encode(VERSION, &notice);
        out.push(Record::put(Table::HubDevices, notice_key(self.next), value));
        self.insert(self.next, notice);
    }

    fn insert(&mut self, number: u64, notice: FileNotification) {
        let waiting = Waiting {
            notice,
            deliveries: 0,
            locked: None,
        };
        self.waiting.insert(number, waiting);
        self.next = self.next.max(number + 1);
    }

    /// The oldest notification that nobody has, locked.
    pub(super) fn receive(&mut self, now: VirtualTime) -> Option<(u64, FileNotification)> {
        let mut all = self.waiting.iter_mut();
        let (number, waiting) = all.find(|(_, waiting)| waiting.locked.is_none())?;
        let until = now.saturating_add(LOCK);
        waiting.locked = Some(until);
        waiting.deliveries += 1;
        self.locks.insert((until, *number));
        Some((*number, waiting.notice.clone()))
    }

    /// Ends a lock; `false` when there is none.
    pub(super) fn unlock(&mut self, number: u64, out: &mut Vec<Record>) -> bool {
        let Some(waiting) = self.waiting.get_mut(&number) else {
            return false;
        };
        let Some(until) = waiting.locked.take() else {
            return false;
        };
        self.locks.remove(&(until, number));
        if waiting.deliveries >= MAX_DELIVERIES {
            self.forget(number, out);
        }
        true
    }

    /// Forgets a notification; `false` when there is none, or nobody has it locked.
    pub(super) fn complete(&mut self, number: u64, out: &mut Vec<Record>) -> bool {
        let locked = self
            .waiting
            .get(&number)
            .is_some_and(|w| w.locked.is_some());
        if locked {
            self.forget(number, out);
        }
        locked
    }

    fn forget(&mut self, number: u64, out: &mut Vec<Record>) {
        if let Some(gone) = self.waiting.remove(&number) {
            if let Some(until) = gone.locked {
                self.locks.remove(&(until, number));
            }
            out.push(Record::delete(Table::HubDevices, notice_key(number)));
        }
    }

    pub(crate) fn next_timer(&self) -> Option<VirtualTime> {
        let oldest = self.waiting.values().next();
        let expiry = oldest.map(|waiting| waiting.notice.at.saturating_add(KEEP));
        let lock = self.locks.first().map(|(until, _)| *until);
        let upload = self.open.values().map(|upload| upload.until).min();
        [expiry, lock, upload].into_iter().flatten().min()
    }

    pub(crate) fn tick(&mut self, now: VirtualTime, out: &mut Vec<Record>) {
        self.expire(now, out);
        while let Some(&(_, number)) = self.locks.first().filter(|(until, _)| *until <= now) {
            self.unlock(number, out);
        }
        while let Some((&number, oldest)) = self.waiting.first_key_value()
            && oldest.notice.at.saturating_add(KEEP) <= now
        {
            self.forget(number, out);
        }
    }
}

fn upload_key(id: &str) -> Vec<u8> {
    [&[UPLOAD_PREFIX], id.as_bytes()].concat()
}

fn notice_key(number: u64) -> Vec<u8> {
    [&[NOTICE_PREFIX][..], &number.to_be_bytes()].concat()
}
