//! What happened, in the order in which the recorder keeps it.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::VirtualTime;

/// A room of the journey; the order is the journey's and breaks ties at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Room {
    /// Firmware, board, modem.
    Machine,
    /// Sessions, messages, twins.
    Hub,
    /// The event-batch function.
    Functions,
    /// Durable entities.
    Entities,
    /// Durable orchestrations.
    Workflows,
    /// E-mail, SMS, webhooks, C2D notifications.
    Connectors,
    /// The bench itself: decisions, faults, clock.
    Bench,
}

/// What an event carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A JSON text, written by the room with its fields in a fixed order.
    Json(Box<str>),
    /// Raw bytes, e.g. of a UART.
    Bytes(Bytes),
}

/// One thing that happened in one room, at a virtual time.
///
/// Rooms emit events in an order that depends only on their inputs. The bench sorts them by
/// (time, room, source) keeping that order, which makes the canonical event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: VirtualTime,
    /// Where.
    pub room: Room,
    /// What kind: the first part of the recording's channel, e.g. `uart`, `d2c`, `entity`.
    pub kind: &'static str,
    /// Which device or instance: the second part of the channel.
    pub source: Arc<str>,
    /// The facts.
    pub payload: Payload,
}

impl Event {
    /// An event with a JSON payload.
    ///
    /// `facts` is serialised at once; a value that serde cannot write becomes its error's text,
    /// because an event must never be lost for want of a nicer form.
    pub fn json(
        time: VirtualTime,
        room: Room,
        kind: &'static str,
        source: Arc<str>,
        facts: &impl Serialize,
    ) -> Self {
        let text = serde_json::to_string(facts)
            .unwrap_or_else(|error| serde_json::Value::String(error.to_string()).to_string());
        Self {
            time,
            room,
            kind,
            source,
            payload: Payload::Json(text.into()),
        }
    }

    /// An event with raw bytes.
    pub fn bytes(
        time: VirtualTime,
        room: Room,
        kind: &'static str,
        source: Arc<str>,
        bytes: Bytes,
    ) -> Self {
        Self {
            time,
            room,
            kind,
            source,
            payload: Payload::Bytes(bytes),
        }
    }

    /// The recording's channel: `kind/source`.
    pub fn channel(&self) -> String {
        format!("{}/{}", self.kind, self.source)
    }
}
