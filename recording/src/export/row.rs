//! One entry as a row.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use twinbench_model::Epoch;

use crate::{Content, Entry, diff::value_at, entry::room_name, redact};

/// An entry as a row, without secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Virtual nanoseconds.
    pub nanos: u64,
    /// Nanoseconds of UTC since 1970, where 64 bits hold them.
    pub utc_nanos: Option<i64>,
    /// The instant, RFC 3339.
    pub utc: String,
    /// The room.
    pub room: &'static str,
    /// The kind.
    pub kind: String,
    /// The source.
    pub source: String,
    /// The number within kind and source.
    pub sequence: u64,
    /// What `content` is: `json`, `text`, `base64` or `omitted`.
    pub encoding: &'static str,
    /// The content.
    pub content: String,
    /// The values of the fields that were asked for.
    pub fields: Vec<Option<Value>>,
}

impl Row {
    pub(super) fn of(entry: &Entry, epoch: Epoch, fields: &[String]) -> Self {
        let (encoding, content) = match &entry.content {
            Content::Json(text) => ("json", redact(text).into_owned()),
            Content::Bytes(bytes) => {
                if let Ok(text) = std::str::from_utf8(bytes) {
                    ("text", redact(text).into_owned())
                } else {
                    // A secret may stand between bytes that are no text.
                    let mut redactor = crate::Redactor::new();
                    let mut clean = Vec::new();
                    redactor.push(bytes, &mut clean);
                    redactor.finish(&mut clean);
                    ("base64", STANDARD.encode(clean))
                }
            }
            Content::Omitted(length) => ("omitted", length.to_string()),
        };
        let parsed: Option<Value> = match encoding {
            "json" if !fields.is_empty() => serde_json::from_str(&content).ok(),
            _ => None,
        };
        let instant = epoch.utc(entry.time);
        Self {
            nanos: entry.time.as_nanos(),
            utc_nanos: i64::try_from(instant.as_nanosecond()).ok(),
            utc: instant.to_string(),
            room: room_name(entry.room),
            kind: entry.kind.to_string(),
            source: entry.source.to_string(),
            sequence: entry.sequence,
            encoding,
            content,
            fields: fields
                .iter()
                .map(|path| value_at(parsed.as_ref()?, path).cloned())
                .collect(),
        }
    }

    /// Seconds of virtual time with nine decimals, exactly.
    pub(super) fn seconds(&self) -> String {
        let second = 1_000_000_000;
        format!("{}.{:09}", self.nanos / second, self.nanos % second)
    }
}
