//! One entry of the canonical event stream.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use twinbench_model::{Event, Payload, Room, VirtualTime};

/// An event with its place in the canonical event stream.
///
/// It carries every field of the recording except wall times, so two entries are equal when the
/// canonical stream cannot tell them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, on the bench's clock.
    pub time: VirtualTime,
    /// The room it happened in.
    pub room: Room,
    /// What kind: the first part of the channel.
    pub kind: Cow<'static, str>,
    /// Which device or instance: the second part of the channel.
    pub source: Arc<str>,
    /// Number within (kind, source), from 0, without gaps.
    pub sequence: u64,
    /// The facts.
    pub content: Content,
}

/// What an entry carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A JSON text, kept byte for byte.
    Json(Box<str>),
    /// Raw bytes.
    Bytes(Bytes),
    /// Raw bytes that the recording was told not to keep: only how many there were.
    Omitted(u64),
}

impl Entry {
    /// Gives an event its number.
    pub fn new(event: Event, sequence: u64) -> Self {
        Self {
            time: event.time,
            room: event.room,
            kind: Cow::Borrowed(event.kind),
            source: event.source,
            sequence,
            content: match event.payload {
                Payload::Json(text) => Content::Json(text),
                Payload::Bytes(bytes) => Content::Bytes(bytes),
            },
        }
    }

    /// The device that it is about, as far as its source says: `@name@key` is about the key,
    /// `device/port` about the device.
    pub fn subject(&self) -> &str {
        let source = &*self.source;
        if let Some(entity) = source.strip_prefix('@') {
            return entity.split_once('@').map_or(source, |(_, key)| key);
        }
        source.split_once('/').map_or(source, |(device, _)| device)
    }

    /// The recording's channel: `kind/source`.
    pub fn channel(&self) -> String {
        format!("{}/{}", self.kind, self.source)
    }
}

/// One line: time, room, channel, number and content.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (time, room, number) = (self.time, room_name(self.room), self.sequence);
        write!(f, "{time} {room:<10} {} #{number} ", self.channel())?;
        match &self.content {
            Content::Json(text) => f.write_str(text),
            Content::Bytes(bytes) => {
                write!(f, "{} bytes \"{}\"", bytes.len(), bytes.escape_ascii())
            }
            Content::Omitted(length) => write!(f, "{length} bytes, not kept"),
        }
    }
}

/// Every room with its code in the canonical encoding and its name in recordings. Codes and names
/// are part of the format: they are never given to another room.
const ROOMS: [(Room, u8, &str); 7] = [
    (Room::Machine, 0, "machine"),
    (Room::Hub, 1, "hub"),
    (Room::Functions, 2, "functions"),
    (Room::Entities, 3, "entities"),
    (Room::Workflows, 4, "workflows"),
    (Room::Connectors, 5, "connectors"),
    (Room::Bench, 6, "bench"),
];

/// The room's code in the canonical encoding.
pub(crate) const fn room_code(room: Room) -> u8 {
    match room {
        Room::Machine => 0,
        Room::Hub => 1,
        Room::Functions => 2,
        Room::Entities => 3,
        Room::Workflows => 4,
        Room::Connectors => 5,
        Room::Bench => 6,
    }
}

/// The room of a code.
pub(crate) fn room_of_code(code: u8) -> Option<Room> {
    ROOMS.iter().find(|row| row.1 == code).map(|row| row.0)
}

/// The room's name in recordings.
pub(crate) fn room_name(room: Room) -> &'static str {
    let code = usize::from(room_code(room));
    ROOMS.get(code).map_or("", |row| row.2)
}

/// The room of a name.
pub(crate) fn room_of_name(name: &str) -> Option<Room> {
    ROOMS.iter().find(|row| row.2 == name).map(|row| row.0)
}

/// Kinds that are usual, so that reading an entry allocates nothing for its kind.
const KINDS: [&str; 16] = [
    "c2d",
    "clock",
    "connection",
    "connector",
    "d2c",
    "decision",
    "display",
    "entity",
    "fault",
    "function",
    "network",
    "pin",
    "stimulus",
    "twin",
    "uart",
    "workflow",
];

/// The kind of a name; any name is one.
pub(crate) fn kind_of_name(name: &str) -> Cow<'static, str> {
    let known = KINDS.into_iter().find(|kind| *kind == name);
    known.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_keep_their_codes_and_names() {
        for (index, (room, code, name)) in ROOMS.into_iter().enumerate() {
            assert_eq!(usize::from(code), index);
            assert_eq!(room_code(room), code);
            assert_eq!(room_of_code(code), Some(room));
            assert_eq!(room_name(room), name);
            assert_eq!(room_of_name(name), Some(room));
            assert_eq!(serde_json::to_value(room).unwrap(), name);
        }
        assert_eq!(room_of_code(7), None);
    }
}
