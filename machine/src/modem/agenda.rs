//! What a modem has still to do, by time.

use std::collections::BTreeMap;

use bytes::Bytes;
use twinbench_model::VirtualTime;

use crate::NetworkRequest;

/// Something that leaves the modem.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ModemOutput {
    /// Bytes that begin to leave for the firmware.
    Line(Bytes),
    /// For the network.
    Network(NetworkRequest),
    /// A line of diagnosis.
    Note(String),
}

/// Something to do at a time.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) enum Task {
    Emit(ModemOutput),
    /// A restart is done.
    Ready,
    /// The station is associated, or not, unless another attempt came between.
    Associated(u32),
    Addressed(u32),
    NotJoined(u32, u8),
    /// The time server answered.
    TimeKnown,
    /// Name and handshake are through: ask the network for the connection.
    Open(u32),
    /// Nobody answered.
    GiveUp(u32),
    /// Data of `AT+CIPSEND=` is in the protocol stack.
    Sent,
    /// The line may have been quiet long enough during passthrough.
    Quiet,
    /// Try a lost passthrough connection again.
    Reconnect,
}

/// Tasks in order of time, and of making within one time.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Agenda {
    tasks: BTreeMap<(VirtualTime, u64), Task>,
    made: u64,
}

impl Agenda {
    pub(super) fn add(&mut self, time: VirtualTime, task: Task) {
        self.tasks.insert((time, self.made), task);
        self.made += 1;
    }

    pub(super) fn next(&self) -> Option<VirtualTime> {
        self.tasks.first_key_value().map(|((time, _), _)| *time)
    }

    /// The next task that is due by `now`, with its time.
    pub(super) fn take_due(&mut self, now: VirtualTime) -> Option<(VirtualTime, Task)> {
        let entry = self.tasks.first_entry()?;
        let time = entry.key().0;
        (time <= now).then(|| (time, entry.remove()))
    }

    /// Forgets everything that was to be done, except what leaves.
    pub(super) fn keep_outputs(&mut self) {
        self.tasks.retain(|_, task| matches!(task, Task::Emit(_)));
    }
}
