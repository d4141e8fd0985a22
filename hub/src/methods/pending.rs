//! Methods that wait for their device.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use twinbench_model::{VirtualDuration, VirtualTime};

use crate::{ConnectionId, registry::IdentityId};

/// Most bytes of a question's and of an answer's payload (128 KB).
pub const MAX_METHOD: usize = 128 * 1024;

/// A method that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvocationId(pub u64);

/// A method to call.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodCall {
    /// Its name.
    pub name: String,
    /// What it is given; `null` when nothing.
    pub payload: Value,
    /// How long the device may take to answer; the cloud offers 5 to 300 s, 30 by default.
    pub response_timeout: VirtualDuration,
    /// How long to wait for a device that is not connected; 0 to 300 s, 0 by default.
    pub connect_timeout: VirtualDuration,
}

/// What a device answered.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodAnswer {
    /// Its status; 501 by convention for a method that it does not know.
    pub status: i32,
    /// Its payload; `null` when it gave none.
    pub payload: Value,
}

/// Why a method has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// There is no such device (404001 DeviceNotFound).
    #[error("{0} is not registered: add it to the hub first")]
    NotFound(IdentityId),
    /// It is not connected, or does not listen to methods, and did not come in time (404103
    /// DeviceNotOnline).
    #[error("{0} is not connected or has not subscribed to methods")]
    NotOnline(IdentityId),
    /// Its connection ended before it answered (404104 DeviceConnectionClosedRemotely).
    #[error("the connection of {0} ended before it answered")]
    ConnectionClosed(IdentityId),
    /// It did not answer in time (504101 GatewayTimeout).
    #[error("{0} did not answer in time")]
    Timeout(IdentityId),
    /// The name or payload cannot be sent (400).
    #[error("the method cannot be sent: {0}")]
    Argument(&'static str),
    /// Its answer is no JSON or too large (502).
    #[error("the answer of {0} is not JSON of up to 128 KB")]
    BadAnswer(IdentityId),
    /// Too many methods wait already (429001 ThrottlingException).
    #[error("too many methods wait for devices: try again later")]
    Throttled,
}

/// How a method ended.
pub type MethodResult = Result<MethodAnswer, MethodError>;

#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) id: IdentityId,
    pub(super) call: MethodCall,
    /// To which connection it went; `None` while it waits for one.
    pub(super) sent: Option<ConnectionId>,
    pub(super) deadline: VirtualTime,
}

/// Every method that waits.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    invocations: BTreeMap<InvocationId, Invocation>,
    due: BTreeSet<(VirtualTime, InvocationId)>,
    by_identity: BTreeSet<(IdentityId, InvocationId)>,
    last: u64,
}

impl Pending {
    pub(super) fn add(&mut self, invocation: Invocation) -> InvocationId {
        self.last += 1;
        let number = InvocationId(self.last);
        self.due.insert((invocation.deadline, number));
        self.by_identity.insert((invocation.id.clone(), number));
        self.invocations.insert(number, invocation);
        number
    }

    pub(super) fn get(&self, number: InvocationId) -> Option<&Invocation> {
        self.invocations.get(&number)
    }

    pub(super) fn sent(
        &mut self,
        number: InvocationId,
        connection: ConnectionId,
        deadline: VirtualTime,
    ) {
        if let Some(invocation) = self.invocations.get_mut(&number) {
            self.due.remove(&(invocation.deadline, number));
            self.due.insert((deadline, number));
            invocation.deadline = deadline;
            invocation.sent = Some(connection);
        }
    }

    pub(super) fn remove(&mut self, number: InvocationId) -> Option<Invocation> {
        let invocation = self.invocations.remove(&number)?;
        self.due.remove(&(invocation.deadline, number));
        self.by_identity.remove(&(invocation.id.clone(), number));
        Some(invocation)
    }

    /// Those of an identity, oldest first.
    pub(super) fn of(&self, id: &IdentityId) -> Vec<InvocationId> {
        let from = (id.clone(), InvocationId(0));
        let own = self
            .by_identity
            .range(from..)
            .take_while(|(own, _)| own == id);
        own.map(|(_, number)| *number).collect()
    }

    pub(super) fn first_due(&self, now: VirtualTime) -> Option<InvocationId> {
        let (due, number) = self.due.first()?;
        (*due <= now).then_some(*number)
    }

    pub(crate) fn next_timer(&self) -> Option<VirtualTime> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(crate) fn len(&self) -> usize {
        self.invocations.len()
    }
}
