//! What the hub asks of the connections.

use bytes::Bytes;

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
        /// What.
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
