//! The network as a modem sees it: the bench carries requests out and brings events in.

use bytes::Bytes;

/// What a modem asks of the network it is given.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum NetworkRequest {
    /// Open a connection. The answer is [`NetworkEvent::Opened`] or [`NetworkEvent::Closed`].
    Open {
        /// The machine's own number for the connection.
        connection: u32,
        /// Host name as the firmware gave it.
        host: String,
        /// TCP port.
        port: u16,
        /// Whether the modem speaks TLS for the firmware.
        tls: bool,
    },
    /// Send bytes.
    Send {
        /// The connection.
        connection: u32,
        /// The bytes.
        bytes: Bytes,
    },
    /// Close it.
    Close {
        /// The connection.
        connection: u32,
    },
}

/// What the network tells a modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkEvent {
    /// The connection stands.
    Opened {
        /// The machine's own number for the connection.
        connection: u32,
    },
    /// Bytes arrived.
    Received {
        /// The connection.
        connection: u32,
        /// The bytes.
        bytes: Bytes,
    },
    /// The other side closed, or it could not be opened.
    Closed {
        /// The connection.
        connection: u32,
        /// Why, for the log.
        reason: String,
    },
}
