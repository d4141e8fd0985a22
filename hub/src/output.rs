//! What the hub asks of the connections.

use bytes::{BufMut, Bytes, BytesMut};
use mqtt_proto::Pid;

/// A connection, numbered by who accepted it. Numbers are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Something to do on a connection. To be done in order, and only after the records of the same
/// step are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubOutput {
    /// Send bytes.
    Send {
        /// Where.
        connection: ConnectionId,
        /// What: one packet, or acknowledgements that follow each other.
        bytes: Bytes,
    },
    /// Close it, after what was sent before has left.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why, for the log; MQTT 3.1.1 cannot tell the client.
        reason: CloseReason,
    },
}

/// The outputs that wait to be drained. Acknowledgements that follow each other on a connection
/// are one output: a client that has sent many messages at once is answered at once.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    list: Vec<HubOutput>,
    acknowledged: Option<(ConnectionId, BytesMut)>,
}

/// A PUBACK's first two bytes (MQTT 3.1.1, section 3.4).
const PUBACK: [u8; 2] = [0x40, 2];
/// Bytes of acknowledgements that are one output, at most.
const TOGETHER: usize = 4_096;

impl Outputs {
    pub(crate) fn push(&mut self, output: HubOutput) {
        self.close_acknowledged();
        self.list.push(output);
    }

    /// Acknowledges a message with PUBACK.
    pub(crate) fn acknowledge(&mut self, connection: ConnectionId, pid: Pid) {
        let bytes = match &mut self.acknowledged {
            Some((open, bytes)) if *open == connection && bytes.len() < TOGETHER => bytes,
            _ => {
                self.close_acknowledged();
                let bytes = BytesMut::with_capacity(64);
                &mut self.acknowledged.insert((connection, bytes)).1
            }
        };
        bytes.put_slice(&PUBACK);
        bytes.put_u16(pid.value());
    }

    pub(crate) fn drain(&mut self, out: &mut Vec<HubOutput>) {
        self.close_acknowledged();
        out.append(&mut self.list);
    }

    fn close_acknowledged(&mut self) {
        if let Some((connection, bytes)) = self.acknowledged.take() {
            let bytes = bytes.freeze();
            self.list.push(HubOutput::Send { connection, bytes });
        }
    }
}

/// Why a connection ends. Texts from the client are shortened and redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// It said DISCONNECT.
    #[error("the client disconnected")]
    ClientDisconnected,
    /// The connection broke, or the client closed it without DISCONNECT.
    #[error("the connection was lost")]
    ConnectionLost,
    /// No CONNECT came in time.
    #[error("no CONNECT within 30 s")]
    ConnectTimeout,
    /// Nothing was heard for one and a half keep-alive times.
    #[error("nothing heard for one and a half keep-alive times")]
    KeepAliveTimeout,
    /// CONNECT was answered with this return code.
    #[error("CONNECT refused with code {code}: {reason}")]
    Refused {
        /// CONNACK return code (MQTT 3.1.1, table 3.1).
        code: u8,
        /// What was wrong.
        reason: String,
    },
    /// The same identity connected again (400027 ConnectionForcefullyClosedOnNewConnection).
    #[error("the device connected again (400027 ConnectionForcefullyClosedOnNewConnection)")]
    ReplacedByNewConnection,
    /// The token with which it connected has ended.
    #[error("the token has expired")]
    TokenExpired,
    /// The device was disabled.
    #[error("the device was disabled")]
    DeviceDisabled,
    /// The device was deleted.
    #[error("the device was deleted")]
    DeviceDeleted,
    /// Its keys or certificates were changed.
    #[error("the keys or certificates of the device were changed")]
    CredentialsChanged,
    /// A fault of the bench.
    #[error("a fault: {0}")]
    Fault(&'static str),
    /// The hub's limits.
    #[error(transparent)]
    Limit(crate::limits::Refusal),
    /// The bytes are not MQTT 3.1.1.
    #[error("malformed packet: {0}")]
    Malformed(String),
    /// A packet that must not come here.
    #[error("protocol violation: {0}")]
    ProtocolViolation(&'static str),
    /// A PUBLISH with QoS 2.
    #[error("QoS 2 is not supported: publish with 0 or 1")]
    Qos2,
    /// A PUBLISH to a topic that is not the device's own or does not exist.
    #[error("no such topic for this device: {0:?}")]
    Topic(String),
    /// A PUBLISH whose property bag cannot be read.
    #[error("the topic's property bag cannot be read: {0}")]
    PropertyBag(String),
    /// A packet or message over the limit.
    #[error("the message has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// At most 120 characters of a client's text, signatures hidden.
pub(crate) fn shown(text: &str) -> String {
    crate::redact(text).chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_of_a_connection_leave_together_and_in_order() {
        let (mut outputs, mut out) = (Outputs::default(), Vec::new());
        let pid = |number| Pid::try_from(number).unwrap();
        outputs.acknowledge(ConnectionId(1), pid(1));
        outputs.acknowledge(ConnectionId(1), pid(0x102));
        outputs.acknowledge(ConnectionId(2), pid(7));
        let other = HubOutput::Close {
            connection: ConnectionId(2),
            reason: CloseReason::Qos2,
        };
        outputs.push(other.clone());
        outputs.acknowledge(ConnectionId(1), pid(3));
        outputs.drain(&mut out);
        let sent = |connection, bytes: &'static [u8]| HubOutput::Send {
            connection: ConnectionId(connection),
            bytes: Bytes::from_static(bytes),
        };
        let expected = [
            sent(1, &[0x40, 2, 0, 1, 0x40, 2, 1, 2]),
            sent(2, &[0x40, 2, 0, 7]),
            other,
            sent(1, &[0x40, 2, 0, 3]),
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn acknowledgements_that_leave_together_are_bounded() {
        let (mut outputs, mut out) = (Outputs::default(), Vec::new());
        for _ in 0..TOGETHER {
            outputs.acknowledge(ConnectionId(1), Pid::default());
        }
        outputs.drain(&mut out);
        assert_eq!(out.len(), 4);
    }
}
