//! What the service does with messages to devices.

use twinbench_model::{Message, VirtualDuration, VirtualTime, system};

use super::{Ack, Feedback, FeedbackStatus, MAX_C2D, MAX_PENDING, Queue, QueuedMessage};
use crate::{
    Hub,
    hub::message_size,
    journal::{self, C2dFacts},
    limits::{Operation, Refusal},
    registry::IdentityId,
};

/// How long a message waits at most (2 days).
const MAX_TTL: VirtualDuration = VirtualDuration::from_secs(2 * 24 * 3_600);

/// A message to a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendC2d {
    /// Body and properties. The system property `absolute-expiry-time` is not looked at.
    pub message: Message,
    /// When it is given up; after [`Options::c2d_ttl`](crate::Options) unless said, in two days at
    /// most.
    pub expires: Option<VirtualTime>,
    /// What its sender wants to hear.
    pub ack: Ack,
}

/// A message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum C2dError {
    /// There is no such device (404001 DeviceNotFound).
    #[error("{0} is not registered: add it to the hub first")]
    NotFound(IdentityId),
    /// Its queue is full (403004 DeviceMaximumQueueDepthExceeded).
    #[error(
        "{0} has {MAX_PENDING} messages waiting, which is the limit: let it take some, or purge"
    )]
    QueueFull(IdentityId),
    /// It is too large.
    #[error("the message has {size} bytes with its properties, the limit is {MAX_C2D}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The hub's limits do not allow it (429001 ThrottlingException, 403002 IotHubQuotaExceeded).
    #[error(transparent)]
    Limit(#[from] Refusal),
    /// Its time has ended already.
    #[error("the message has expired before it was sent")]
    Expired,
}

/// What a device does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It took it.
    Complete,
    /// It refuses it for good.
    Reject,
    /// It wants it again.
    Abandon,
}

impl Hub {
    /// Puts a message into a device's queue; on its way at once when the device is connected and
    /// listens. Gives its number.
    ///
    /// # Errors
    /// When there is no such device, its queue is full, or the message too large or too late.
    pub fn send_c2d(
        &mut self,
        id: &IdentityId,
        send: SendC2d,
        now: VirtualTime,
    ) -> Result<u64, C2dError> {
        // Modules have no queue.
        if id.module.is_some() || self.registry.identity(id).is_none() {
            return Err(C2dError::NotFound(id.clone()));
        }
        let size = message_size(&send.message);
        if size > MAX_C2D {
            return Err(C2dError::TooLarge { size });
        }
        super::deliver::check_topic(id, &send.message)?;
        let latest = now.saturating_add(MAX_TTL);
        let expires = send
            .expires
            .unwrap_or(now.saturating_add(self.options.c2d_ttl))
            .min(latest);
        if expires <= now {
            return Err(C2dError::Expired);
        }
        if self.c2d_count(id) >= MAX_PENDING {
            return Err(C2dError::QueueFull(id.clone()));
        }
        self.admit_at_once(Operation::CloudToDevice, size, Some(id), now)
            .map_err(|(refusal, _)| refusal)?;
        let message = QueuedMessage {
            message: send.message,
            enqueued: now,
            expires,
            ack: send.ack,
            deliveries: 0,
            locked: None,
        };
        let number = self.queues.push(id, message, &mut self.records);
        self.stats.c2d_messages += 1;
        self.c2d_event(id, "enqueued", number, now);
        self.deliver(id, now);
        Ok(number)
    }

    /// The messages that wait for a device, by their numbers, those on their way included.
    pub fn c2d_queue(&self, id: &IdentityId) -> Option<&Queue> {
        self.queues.get(id)
    }

    /// Why a device's queue takes no message now; `None` when it does.
    pub fn c2d_refusal(&self, id: &IdentityId) -> Option<String> {
        let refusal = if self.registry.identity(id).is_none() {
            C2dError::NotFound(id.clone())
        } else if self.c2d_count(id) >= MAX_PENDING {
            C2dError::QueueFull(id.clone())
        } else {
            return None;
        };
        Some(refusal.to_string())
    }

    /// How many messages wait for a device.
    pub fn c2d_count(&self, id: &IdentityId) -> usize {
        self.queues.get(id).map_or(0, Queue::len)
    }

    /// Empties a device's queue; gives how many messages there were. `None` when there is no such
    /// device.
    pub fn purge_c2d(&mut self, id: &IdentityId, now: VirtualTime) -> Option<usize> {
        self.registry.identity(id)?;
        let numbers: Vec<u64> = self.c2d_numbers(id);
        for number in &numbers {
            self.end_c2d(id, *number, FeedbackStatus::Purged, now);
        }
        Some(numbers.len())
    }

    /// A deleted device's messages go without feedback.
    pub(crate) fn drop_queue(&mut self, id: &IdentityId) {
        for number in self.c2d_numbers(id) {
            self.queues.remove(id, number, &mut self.records);
        }
    }

    pub(super) fn c2d_numbers(&self, id: &IdentityId) -> Vec<u64> {
        let queue = self.queues.get(id);
        queue.map_or_else(Vec::new, |queue| queue.keys().copied().collect())
    }

    /// A message's way has ended.
    pub(super) fn end_c2d(
        &mut self,
        id: &IdentityId,
        number: u64,
        status: FeedbackStatus,
        now: VirtualTime,
    ) {
        self.c2d_event(id, status.name(), number, now);
        let Some(message) = self.queues.remove(id, number, &mut self.records) else {
            return;
        };
        let wanted = match status {
            FeedbackStatus::Success => matches!(message.ack, Ack::Positive | Ack::Full),
            _ => matches!(message.ack, Ack::Negative | Ack::Full),
        };
        let Some(entry) = self.registry.entry_of(id).filter(|_| wanted) else {
            return;
        };
        let sent_as = message.message.system.get(system::MESSAGE_ID);
        let feedback = Feedback {
            at: now,
            original_message_id: sent_as.cloned().unwrap_or_default(),
            status,
            device_id: id.device.to_string(),
            device_generation_id: entry.generation.to_string(),
        };
        self.feedback.push(feedback, &mut self.records);
    }

    pub(super) fn c2d_event(
        &mut self,
        id: &IdentityId,
        what: &'static str,
        number: u64,
        now: VirtualTime,
    ) {
        let queue = self.queues.get(id);
        let Some(queued) = queue.and_then(|queue| queue.get(&number)) else {
            return;
        };
        let facts = C2dFacts::new(what, number, queued);
        self.events.push(journal::c2d(now, id.shared(), &facts));
    }
}
