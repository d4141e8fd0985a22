//! Messages on their way to a connected device.

use bytes::Bytes;
use mqtt_proto::{Pid, QosPid, TopicName, v3::Publish};
use twinbench_model::{Message, VirtualDuration, VirtualTime};

use super::{C2dError, Disposition, FeedbackStatus, MAX_C2D};
use crate::{
    ConnectionId, Hub,
    mqtt::{Granted, Subscription, c2d_topic},
    registry::IdentityId,
};

/// How long a device may take to acknowledge ("Cloud-to-device configuration options": lock
/// timeout, 1 minute).
const LOCK: VirtualDuration = VirtualDuration::from_secs(60);

impl Hub {
    /// Sends a device what waits for it, if it is connected and listens.
    pub(crate) fn deliver(&mut self, id: &IdentityId, now: VirtualTime) {
        let Some((connection, granted)) = self.listening(id, Subscription::DeviceBound) else {
            return;
        };
        for number in self.c2d_numbers(id) {
            self.deliver_one(id, number, (connection, granted), now);
        }
    }

    /// The connection of an identity that is connected and subscribed to something.
    pub(crate) fn listening(
        &self,
        id: &IdentityId,
        to: Subscription,
    ) -> Option<(ConnectionId, Granted)> {
        let connection = *self.online.get(id)?;
        let session = self.connections.get(&connection)?.session.as_ref()?;
        Some((connection, *session.subscriptions.get(&to)?))
    }

    fn deliver_one(
        &mut self,
        id: &IdentityId,
        number: u64,
        (connection, granted): (ConnectionId, Granted),
        now: VirtualTime,
    ) {
        let locked = |hub: &mut Self| {
            hub.queues
                .message(id, number)
                .is_none_or(|m| m.locked.is_some())
        };
        if locked(self) {
            return;
        }
        let pid = match granted {
            Granted::Qos0 => None,
            Granted::Qos1 => {
                let session = self.connections.get_mut(&connection);
                let session = session.and_then(|connection| connection.session.as_mut());
                match session.and_then(|session| session.expect_puback(number)) {
                    Some(pid) => Some(pid),
                    None => return,
                }
            }
        };
        let until = now.saturating_add(LOCK);
        let Some(queued) = self.queues.lock(id, number, until, &mut self.records) else {
            return;
        };
        let again = queued.deliveries > 1;
        let topic = c2d_topic(id, &queued.message);
        let body = queued.message.body.clone();
        self.c2d_event(id, "delivered", number, now);
        for copy in 0..self.copies(id) {
            let pid = pid.map(|pid| (pid, again || copy > 0));
            self.publish_to(connection, &topic, body.clone(), pid, now);
        }
        if pid.is_none() {
            self.end_c2d(id, number, FeedbackStatus::Success, now);
        }
    }

    /// Sends a PUBLISH to a client; with a packet id and whether it is sent again, of QoS 1.
    pub(crate) fn publish_to(
        &mut self,
        connection: ConnectionId,
        topic: &str,
        body: Bytes,
        pid: Option<(Pid, bool)>,
        now: VirtualTime,
    ) {
        let Ok(topic) = TopicName::try_from(topic) else {
            return;
        };
        let qos = pid.map_or(QosPid::Level0, |(pid, _)| QosPid::Level1(pid));
        let mut publish = Publish::new(qos, topic, body);
        publish.dup = pid.is_some_and(|(_, again)| again);
        self.send(connection, &publish.into(), now);
    }

    /// A device has acknowledged a message; unknown numbers are passed over.
    pub(crate) fn acknowledged(&mut self, connection: ConnectionId, pid: Pid, now: VirtualTime) {
        let session = self.connections.get_mut(&connection);
        let Some(session) = session.and_then(|connection| connection.session.as_mut()) else {
            return;
        };
        if let Some(number) = session.in_flight.remove(&pid) {
            let id = session.id.clone();
            self.end_c2d(&id, number, FeedbackStatus::Success, now);
        }
    }

    /// Ends the delivery of a message in another way than by MQTT's acknowledgement, which can
    /// only complete. Tells whether it was on its way.
    pub fn settle_c2d(
        &mut self,
        id: &IdentityId,
        number: u64,
        disposition: Disposition,
        now: VirtualTime,
    ) -> bool {
        let message = self.queues.message(id, number);
        if message.is_none_or(|message| message.locked.is_none()) {
            return false;
        }
        match disposition {
            Disposition::Complete => self.end_c2d(id, number, FeedbackStatus::Success, now),
            Disposition::Reject => self.end_c2d(id, number, FeedbackStatus::Rejected, now),
            Disposition::Abandon => {
                self.unlock_c2d(id, number, now);
                self.deliver(id, now);
            }
        }
        true
    }

    /// The messages that were on their way when a connection ended wait again.
    pub(crate) fn undelivered(&mut self, id: &IdentityId, numbers: Vec<u64>, now: VirtualTime) {
        for number in numbers {
            self.unlock_c2d(id, number, now);
        }
    }

    fn unlock_c2d(&mut self, id: &IdentityId, number: u64, now: VirtualTime) {
        let most = self.options.c2d_deliveries;
        let Some(message) = self.queues.message(id, number) else {
            return;
        };
        message.locked = None;
        if message.deliveries >= most {
            self.end_c2d(id, number, FeedbackStatus::DeliveryCountExceeded, now);
        }
    }

    /// Gives up what has expired, and takes back what was not acknowledged in time.
    pub(crate) fn tick_c2d(&mut self, now: VirtualTime) {
        while let Some((id, number)) = self.queues.pop_due(now) {
            let Some(message) = self.queues.message(&id, number) else {
                continue;
            };
            if message.expires <= now {
                self.end_c2d(&id, number, FeedbackStatus::Expired, now);
            } else if message.locked.is_some_and(|until| until <= now) {
                self.unlock_c2d(&id, number, now);
                self.deliver(&id, now);
            }
        }
        self.feedback.tick(now, &mut self.records);
    }
}

/// Whether a message's topic fits into a packet once its properties are encoded.
pub(super) fn check_topic(id: &IdentityId, message: &Message) -> Result<(), C2dError> {
    match c2d_topic(id, message).len() {
        size if size > usize::from(u16::MAX).min(MAX_C2D) => Err(C2dError::TooLarge { size }),
        _ => Ok(()),
    }
}
