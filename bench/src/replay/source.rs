//! The messages of devices in a recording.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;
use twinbench_model::{DeviceId, Message, VirtualTime};
use twinbench_recording::{Content, Entry};

/// A message that a device sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When the hub took it.
    pub time: VirtualTime,
    /// The device.
    pub device: DeviceId,
    /// What it sent, without what the hub added.
    pub message: Message,
}

/// What the recording says of a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken<'a> {
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    body_base64: Option<String>,
    #[serde(default)]
    system: BTreeMap<String, String>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// System properties that begin so are the hub's own, but for those that a device may send.
const OF_THE_HUB: &str = "iothub-";
const OF_THE_DEVICE: [&str; 2] = ["iothub-creation-time-utc", "iothub-outputname"];

/// The message of an entry; `None` when the entry is none, or is damaged.
pub fn message(entry: &Entry) -> Option<Sent> {
    if entry.kind != "d2c" {
        return None;
    }
    let Content::Json(text) = &entry.content else {
        return None;
    };
    let taken: Taken<'_> = serde_json::from_str(text).ok()?;
    let body = match (taken.body, taken.body_base64) {
        (Some(body), _) => body.get().as_bytes().to_vec(),
        (None, Some(base64)) => STANDARD.decode(base64).ok()?,
        (None, None) => Vec::new(),
    };
    let mut system = taken.system;
    system
        .retain(|name, _| !name.starts_with(OF_THE_HUB) || OF_THE_DEVICE.contains(&name.as_str()));
    Some(Sent {
        time: entry.time,
        device: DeviceId::new(&entry.source).ok()?,
        message: Message {
            body: body.into(),
            system,
            properties: taken.properties,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinbench_model::{Event, Room};

    fn entry(kind: &'static str, text: &str) -> Entry {
        let facts: Box<RawValue> = serde_json::from_str(text).unwrap();
        let time = VirtualTime::from_secs(3);
        Entry::new(
            Event::json(time, Room::Hub, kind, "dev-1".into(), &facts),
            0,
        )
    }

    #[test]
    fn messages_come_back_as_they_were_sent() {
        let sent = message(&entry(
            "d2c",
            r#"{"partition":1,"sequence":7,"body":{"t": 21.50},"system":{"content-type":"application/json","iothub-enqueuedtime":"x"},"properties":{"a":"b"}}"#,
        ))
        .unwrap();
        assert_eq!(&sent.message.body[..], br#"{"t": 21.50}"#);
        assert_eq!(sent.message.system.len(), 1);
        assert_eq!(sent.message.properties["a"], "b");
        let raw = message(&entry("d2c", r#"{"bodyBase64":"/w=="}"#)).unwrap();
        assert_eq!(&raw.message.body[..], b"\xff");
        assert_eq!(message(&entry("c2d", r#"{"body":1}"#)), None);
        assert_eq!(message(&entry("d2c", r#"{"bodyBase64":"?"}"#)), None);
    }
}
