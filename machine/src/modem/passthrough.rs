//! Passthrough: the firmware's bytes are the connection's, until `+++` stands alone.

use twinbench_model::{VirtualDuration, VirtualTime};

use super::{Input, Modem, Task, links::LinkState};
use crate::NetworkRequest;

/// So many bytes are sent at once, without waiting for more (`AT+CIPSEND`, passthrough).
const PACKET: usize = 2920;
/// Silence after which bytes are sent, and around a `+++` (`AT+CIPSEND`, `+++`).
const QUIET: VirtualDuration = VirtualDuration::from_millis(20);

/// Bytes that wait to be sent.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Passthrough {
    waiting: Vec<u8>,
    /// When the last byte came.
    last: VirtualTime,
    /// Whether a look at the silence is on the agenda.
    watched: bool,
}

impl Passthrough {
    /// Takes a byte; says whether a packet is full.
    pub(super) fn push(&mut self, now: VirtualTime, byte: u8) -> bool {
        self.last = now;
        self.waiting.push(byte);
        self.waiting.len() >= PACKET
    }
}

impl Modem {
    /// Sees to it that the silence after the last byte is noticed.
    pub(super) fn watch_quiet(&mut self) {
        if let Input::Passthrough(it) = &mut self.input
            && !it.watched
        {
            it.watched = true;
            let end = it.last + QUIET;
            self.agenda.add(end, Task::Quiet);
        }
    }

    /// There may have been silence.
    pub(super) fn quiet(&mut self) {
        let Input::Passthrough(it) = &mut self.input else {
            return;
        };
        it.watched = false;
        if it.last + QUIET > self.now {
            self.watch_quiet();
        } else if it.waiting == b"+++" {
            self.leave_passthrough();
        } else {
            self.send_passthrough();
        }
    }

    /// Sends what waits. Bytes without a connection are lost.
    pub(super) fn send_passthrough(&mut self) {
        let Input::Passthrough(it) = &mut self.input else {
            return;
        };
        let bytes = std::mem::take(&mut it.waiting);
        match &self.links[0] {
            Some(link) if link.state == LinkState::Open && !bytes.is_empty() => {
                let connection = link.connection;
                self.request(NetworkRequest::Send {
                    connection,
                    bytes: bytes.into(),
                });
            }
            _ => {}
        }
    }

    fn leave_passthrough(&mut self) {
        self.input = Input::Command;
        self.reader.clear();
        if self.system_messages & 1 != 0 {
            self.say("+QUITT\r\n");
        }
        // A connection that was being tried again is given up with the passthrough it was for.
        if self.links[0]
            .as_ref()
            .is_some_and(|link| link.state != LinkState::Open)
        {
            self.hang_up(0);
        }
    }

    /// Tries a connection again that was lost during passthrough.
    pub(super) fn reconnect(&mut self) {
        let lost = self.links[0]
            .as_ref()
            .is_some_and(|link| link.state == LinkState::Lost);
        if lost && matches!(self.input, Input::Passthrough(_)) && self.station.has_address {
            self.prepare(0);
        }
    }
}
