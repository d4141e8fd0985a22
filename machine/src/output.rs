//! What comes out of a machine.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use twinbench_model::{Message, VirtualTime};

use crate::NetworkRequest;

/// A board's name for a port or pin.
pub type Name = Cow<'static, str>;

/// Something that came out of a machine.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Output {
    /// When it came out; for bytes: when the last of them had left, or, of an unfinished line, when
    /// the port had been silent for 20 ms after it.
    pub time: VirtualTime,
    /// What.
    pub kind: OutputKind,
}

/// What came out of a machine.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum OutputKind {
    /// Bytes on a console or link port, e.g. `console`.
    Uart {
        /// The board's name for the port.
        port: Name,
        /// The bytes.
        bytes: Bytes,
    },
    /// An LED or another named pin changed its level.
    Pin {
        /// The board's name for it, e.g. `led-user`.
        name: Name,
        /// High or low.
        high: bool,
    },
    /// The display's picture changed: rows of 8 vertical pixels, as the controller keeps them.
    Display {
        /// 1,024 bytes for 128×64 pixels.
        frame: Bytes,
    },
    /// The modem's network card wants something of the network.
    Network(NetworkRequest),
    /// A whole message, from a machine without firmware or from a line link.
    Message(Message),
    /// What variables of the firmware hold, read by a probe: by the names that the bench gave them.
    Watch(BTreeMap<String, f64>),
    /// One line of diagnosis (unmodelled register, modem state, …).
    Note(String),
}
