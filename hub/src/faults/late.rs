//! What faults and throttles keep back.

use std::collections::BTreeMap;

use mqtt_proto::Pid;
use twinbench_model::{Message, VirtualTime};

use crate::{ConnectionId, HubOutput, log::AuthScope, registry::IdentityId};

/// Outputs and messages that wait for their time.
#[derive(Debug, Default)]
pub(crate) struct Late {
    outputs: BTreeMap<(VirtualTime, u64), HubOutput>,
    messages: BTreeMap<(VirtualTime, u64), LateMessage>,
    count: u64,
}

/// A message that is taken later, and then acknowledged.
#[derive(Debug)]
pub(crate) struct LateMessage {
    pub(crate) id: IdentityId,
    pub(crate) scope: AuthScope,
    pub(crate) model: Option<std::sync::Arc<str>>,
    pub(crate) message: Message,
    pub(crate) acknowledge: Option<(ConnectionId, Pid)>,
}

/// Outputs and messages that may wait at most; beyond, they are not kept back any longer, so that
/// memory stays bounded.
const MOST: usize = 100_000;

impl Late {
    /// Keeps an output back; gives it back when too many wait.
    pub(crate) fn output(&mut self, due: VirtualTime, output: HubOutput) -> Option<HubOutput> {
        if self.outputs.len() >= MOST {
            return Some(output);
        }
        self.count += 1;
        self.outputs.insert((due, self.count), output);
        None
    }

    /// Keeps a message back; gives it back when too many wait.
    pub(crate) fn message(
        &mut self,
        due: VirtualTime,
        message: LateMessage,
    ) -> Option<LateMessage> {
        if self.messages.len() >= MOST {
            return Some(message);
        }
        self.count += 1;
        self.messages.insert((due, self.count), message);
        None
    }

    pub(crate) fn due_output(&mut self, now: VirtualTime) -> Option<HubOutput> {
        let entry = self.outputs.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    pub(crate) fn due_message(&mut self, now: VirtualTime) -> Option<LateMessage> {
        let entry = self.messages.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    pub(crate) fn next_timer(&self) -> Option<VirtualTime> {
        let output = self.outputs.keys().next();
        let message = self.messages.keys().next();
        output
            .into_iter()
            .chain(message)
            .map(|(time, _)| *time)
            .min()
    }
}
