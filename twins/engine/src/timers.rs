//! Messages for later.

use std::collections::BTreeMap;

use twinbench_model::VirtualTime;

use crate::message::Message;

/// Messages by the time at which they are due; of those due together the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    waiting: BTreeMap<(VirtualTime, u64), Message>,
    /// Those that the drained records do not hold yet.
    unstored: Vec<(VirtualTime, u64)>,
}

impl Timers {
    pub(crate) fn add(&mut self, message: Message) {
        let key = (message.due, message.number);
        if !message.stored {
            self.unstored.push(key);
        }
        self.waiting.insert(key, message);
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
        Some(next.remove())
    }

    /// Takes a message back that nobody waits for any more.
    pub(crate) fn cancel(&mut self, due: VirtualTime, number: u64) -> Option<Message> {
        self.waiting.remove(&(due, number))
    }

    /// Marks messages that have come since the last call and still wait as stored, and gives them.
    pub(crate) fn drain_unstored(&mut self, mut store: impl FnMut(&Message)) {
        for key in std::mem::take(&mut self.unstored) {
            if let Some(message) = self.waiting.get_mut(&key) {
                message.stored = true;
                store(message);
            }
        }
    }
}
