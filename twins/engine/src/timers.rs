//! Messages for later.

use std::collections::BTreeMap;

use twinbench_model::VirtualTime;

use crate::message::{Body, Message};

/// Messages by the time at which they are due; of those due together the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    waiting: BTreeMap<(VirtualTime, u64), Body>,
    /// Those that the drained records do not hold yet.
    unstored: Vec<(VirtualTime, u64)>,
}

impl Timers {
    pub(crate) fn add(&mut self, message: Message, stored: bool) {
        let key = (message.due, message.number);
        if !stored {
            self.unstored.push(key);
        }
        self.waiting.insert(key, message.body);
    }

    pub(crate) fn next(&self) -> Option<VirtualTime> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// Takes the next message that is due.
    pub(crate) fn take_due(&mut self, now: VirtualTime) -> Option<Message> {
        let next = self
            .waiting
            .first_entry()
            .filter(|next| next.key().0 <= now)?;
        let ((due, number), body) = next.remove_entry();
        Some(Message { number, due, body })
    }

    /// Messages that have come since the last call and still wait.
    pub(crate) fn drain_unstored(&mut self) -> impl Iterator<Item = (VirtualTime, u64, &Body)> {
        let unstored = std::mem::take(&mut self.unstored);
        unstored
            .into_iter()
            .filter_map(|key| self.waiting.get(&key).map(|body| (key.0, key.1, body)))
    }
}
