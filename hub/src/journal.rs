//! What the recorder is told.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use twinbench_model::{Event, Payload, Room, VirtualTime};

use crate::{c2d::QueuedMessage, journal_text, log::Parts, registry::Status};

/// Deepest JSON that readers of the recording must follow (serde_json's own limit is 128, and the
/// event adds a level).
const MAX_DEPTH: usize = 100;

/// A message was taken, at this position: its body as it is when it is JSON, else in base64. The
/// buffer is used again and again.
pub(crate) fn telemetry(
    event: &Parts<'_>,
    (partition, sequence): (u16, u64),
    buffer: &mut Vec<u8>,
) -> Event {
    let body = std::str::from_utf8(event.body).unwrap_or_default();
    let body = one_line(body);
    buffer.clear();
    buffer.extend_from_slice(b"{\"partition\":");
    journal_text::number(buffer, u64::from(partition));
    buffer.extend_from_slice(b",\"sequence\":");
    journal_text::number(buffer, sequence);
    if let Some(body) = json(&body) {
        buffer.extend_from_slice(b",\"body\":");
        buffer.extend_from_slice(body.get().as_bytes());
    } else {
        buffer.extend_from_slice(b",\"bodyBase64\":");
        journal_text::text(buffer, &STANDARD.encode(event.body));
    }
    buffer.extend_from_slice(b",\"system\":");
    journal_text::pairs(buffer, event.system.iter().copied());
    buffer.extend_from_slice(b",\"properties\":");
    let own = event.properties.iter();
    journal_text::pairs(
        buffer,
        own.map(|(name, value)| (name.as_str(), value.as_str())),
    );
    buffer.push(b'}');
    let text = match std::str::from_utf8(buffer) {
        Ok(text) => text.into(),
        Err(error) => unreachable!("it is made of texts: {error}"),
    };
    Event {
        time: event.enqueued,
        room: Room::Hub,
        kind: "d2c",
        source: event.device.shared(),
        payload: Payload::Json(text),
    }
}

fn json(text: &str) -> Option<&RawValue> {
    if journal_text::openers(text.as_bytes()) > MAX_DEPTH && depth(text) > MAX_DEPTH {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// How deep brackets nest outside of strings.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// JSON on one line: a line break can only be white space between its tokens.
fn one_line(text: &str) -> Cow<'_, str> {
    if [b'\n', b'\r']
        .iter()
        .any(|line_break| text.as_bytes().contains(line_break))
    {
        Cow::Owned(text.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// Facts of a `connection` event; never a token or a key.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
#[serde(rename_all_fields = "camelCase")]
pub(crate) enum ConnectionFacts<'a> {
    Connected {
        peer: &'a str,
        /// `device` or `hub`: whose key signed the token.
        authentication: crate::log::AuthScope,
        clean_session: bool,
        session_present: bool,
        keep_alive_seconds: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        model_id: Option<&'a str>,
        will: bool,
    },
    Refused {
        peer: &'a str,
        code: u8,
        /// The client id as it was given, shortened.
        claimed: &'a str,
        reason: &'a str,
    },
    Disconnected {
        peer: &'a str,
        /// Whether the client said DISCONNECT.
        clean: bool,
        reason: String,
    },
    /// A connection ended before CONNECT was answered.
    Dropped { peer: &'a str, reason: String },
    SubscriptionsRefused {
        count: usize,
        /// The first of them, shortened.
        first: String,
    },
}

pub(crate) fn connection(now: VirtualTime, source: Arc<str>, facts: &ConnectionFacts<'_>) -> Event {
    Event::json(now, Room::Hub, "connection", source, facts)
}

/// Facts of a `twin` event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TwinFacts<'a> {
    /// `service` or `device`.
    pub(crate) by: &'static str,
    pub(crate) replace: bool,
    /// Of the whole twin, after the write.
    pub(crate) version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) desired: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reported: Option<&'a Map<String, Value>>,
}

pub(crate) fn twin(now: VirtualTime, source: Arc<str>, facts: &TwinFacts<'_>) -> Event {
    Event::json(now, Room::Hub, "twin", source, facts)
}

/// Facts of a `registry` event; never a key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistryFacts {
    /// `created`, `updated` or `deleted`.
    pub(crate) change: &'static str,
    pub(crate) status: Status,
    pub(crate) authentication: &'static str,
}

pub(crate) fn registry(now: VirtualTime, source: Arc<str>, facts: &RegistryFacts) -> Event {
    Event::json(now, Room::Hub, "registry", source, facts)
}

/// Facts of a `method` event.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub(crate) enum MethodFacts<'a> {
    Called {
        name: &'a str,
        payload: &'a Value,
    },
    Answered {
        name: &'a str,
        status: i32,
        payload: &'a Value,
    },
    Failed {
        name: &'a str,
        error: String,
    },
}

pub(crate) fn method(now: VirtualTime, source: Arc<str>, facts: &MethodFacts<'_>) -> Event {
    Event::json(now, Room::Hub, "method", source, facts)
}

/// Facts of a `c2d` event; the body stands in the first only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct C2dFacts<'a> {
    /// `enqueued`, `delivered`, or how it ended.
    event: &'static str,
    message: u64,
    deliveries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a BTreeMap<String, String>>,
}

impl<'a> C2dFacts<'a> {
    pub(crate) fn new(event: &'static str, message: u64, queued: &'a QueuedMessage) -> Self {
        let first = event == "enqueued";
        let body = &queued.message.body;
        let text = std::str::from_utf8(body).ok().filter(|_| first);
        Self {
            event,
            message,
            deliveries: queued.deliveries,
            body: text.map(str::to_owned),
            body_base64: (first && text.is_none()).then(|| STANDARD.encode(body)),
            properties: first.then_some(&queued.message.properties),
            system: first.then_some(&queued.message.system),
        }
    }
}

pub(crate) fn c2d(now: VirtualTime, source: Arc<str>, facts: &C2dFacts<'_>) -> Event {
    Event::json(now, Room::Hub, "c2d", source, facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use twinbench_model::DeviceId;

    fn facts(body: impl Into<Vec<u8>>) -> Value {
        let parts = Parts {
            device: &DeviceId::new("d").unwrap(),
            enqueued: VirtualTime::ZERO,
            system: &[],
            properties: &BTreeMap::new(),
            body: &body.into().into(),
        };
        let event = telemetry(&parts, (3, 9), &mut Vec::new());
        assert_eq!(event.channel(), "d2c/d");
        match event.payload {
            Payload::Json(text) => {
                assert!(!text.contains('\n'));
                serde_json::from_str(&text).unwrap()
            }
            Payload::Bytes(_) => panic!("not JSON"),
        }
    }

    #[test]
    fn json_bodies_stay_json() {
        let check =
            |body: &str, expected: Value| assert_eq!(facts(body)["body"], expected, "{body}");
        check(r#"{"t":21.5}"#, json!({"t": 21.5}));
        check("{\r\n \"a\": \"x\\ny\"\n}\n", json!({"a": "x\ny"}));
        check("7", json!(7));
        check(&format!("\"{}\"", "[".repeat(500)), json!("[".repeat(500)));
        assert_eq!(facts("1")["partition"], 3);
        assert_eq!(facts("1")["sequence"], 9);
    }

    #[test]
    fn other_bodies_become_base64() {
        for body in [
            &b""[..],
            b"hello",
            b"{",
            b"\xff\xfe",
            "[".repeat(500).as_bytes(),
        ] {
            assert_eq!(facts(body)["bodyBase64"], STANDARD.encode(body));
            assert_eq!(facts(body)["body"], Value::Null);
        }
        let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
        assert!(facts(deep)["bodyBase64"].is_string());
    }

    proptest! {
        #[test]
        fn any_body_makes_a_readable_event(body in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = facts(body);
        }
    }
}
