//! What the hub knows of an admitted client.

use std::{collections::BTreeMap, sync::Arc};

use mqtt_proto::Pid;
use twinbench_model::{Message, VirtualDuration, VirtualTime};

use super::Subscriptions;
use crate::{log::AuthScope, registry::IdentityId};

/// Longest silence before the hub closes (IoT Hub MQTT guide: 29.45 minutes).
const MAX_SILENCE: VirtualDuration = VirtualDuration::from_secs(1767);

/// Messages on their way to a client that has not acknowledged, at most.
const MAX_IN_FLIGHT: usize = 1_000;

/// The session of a connected device or module.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: IdentityId,
    pub(crate) scope: AuthScope,
    /// When its token ends, skew included.
    pub(crate) until: VirtualTime,
    /// How long it may be silent.
    pub(crate) silence: VirtualDuration,
    pub(crate) model_id: Option<Arc<str>>,
    /// The message to take when the connection ends without DISCONNECT.
    pub(crate) will: Option<Message>,
    /// Whether its subscriptions end with the connection.
    pub(crate) clean: bool,
    pub(crate) subscriptions: Subscriptions,
    /// Messages that the client is to acknowledge: their numbers in its queue.
    pub(crate) in_flight: BTreeMap<Pid, u64>,
    pub(crate) last_pid: Pid,
}

impl Session {
    /// A packet id for a message of the queue; `None` when too many are on their way.
    pub(crate) fn expect_puback(&mut self, number: u64) -> Option<Pid> {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return None;
        }
        // Of more than 65,000 ids, a free one comes soon; adding skips 0.
        while self.in_flight.contains_key(&self.last_pid) {
            self.last_pid += 1;
        }
        let pid = self.last_pid;
        self.last_pid += 1;
        self.in_flight.insert(pid, number);
        Some(pid)
    }
}

/// One and a half times the keep-alive time, at most 1,767 s, which also stands for "none".
pub(crate) fn silence(keep_alive: u16) -> VirtualDuration {
    match keep_alive {
        0 => MAX_SILENCE,
        seconds => VirtualDuration::from_millis(u64::from(seconds) * 1_500).min(MAX_SILENCE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_bounded() {
        assert_eq!(silence(60), VirtualDuration::from_secs(90));
        assert_eq!(silence(1), VirtualDuration::from_millis(1_500));
        assert_eq!(silence(0), MAX_SILENCE);
        assert_eq!(silence(u16::MAX), MAX_SILENCE);
    }
}
