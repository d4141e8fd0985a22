//! The recording's form in MCAP: names, metadata, schemas and messages.
//!
//! | MCAP | holds |
//! |---|---|
//! | metadata `twinbench` | first record: `format`, `bench`, `seed`, `epoch`, `producer`; of a branch or a replay `parent`, `parent_how`, `parent_at` |
//! | attachment | the bench file |
//! | channel | topic `kind/source`, JSON, metadata `room`, `kind`, `source`, `form` |
//! | channel of many | MCAP has 65,535 channels: beyond 60,000, sources share one of their kind, `kind/*`, `form` begins with `crowd-` and messages are `{"source":…,"content":…}` |
//! | schema | one JSON Schema per kind, `twinbench.<kind>` |
//! | message | `log_time` = epoch + virtual time, `publish_time` = wall time, the channel's number |
//! | metadata `twinbench.end` | after the last entry: `digest`, `entries`, `until`; a cut file has none |
//! | attachments | after the end: what the recorder was given last, such as `entities.json` |
//! | metadata `twinbench.index` | after the end: offset and times of every chunk |
//!
//! Messages are JSON throughout, because Foxglove and PlotJuggler both plot JSON fields without
//! a plug-in. A JSON object stands as the room wrote it, so that its fields are one level deep. A
//! UART's bytes are `{"text": …}` when they are UTF-8, which is readable in Foxglove's panels and
//! shorter than base64, and `{"data": base64}` when they are not.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use mcap::{parse_record, records::op};
use serde::Deserialize;
use serde_json::json;
use twinbench_model::{Epoch, VirtualTime};

use crate::Content;

/// The version of the form. A reader refuses a file with a higher one.
pub const FORMAT_VERSION: u32 = 1;

/// The MCAP profile of a recording.
pub(crate) const PROFILE: &str = "twinbench";
/// The metadata record at the start.
pub(crate) const START: &str = "twinbench";
/// The metadata record at the end.
pub(crate) const END: &str = "twinbench.end";
/// The metadata record that is the index.
pub(crate) const INDEX: &str = "twinbench.index";
/// The attachment's media type.
pub(crate) const BENCH_MEDIA_TYPE: &str = "application/toml";

/// What a recording says about its bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The bench's name.
    pub bench: String,
    /// The bench's seed.
    pub seed: u64,
    /// The UTC instant of virtual time zero.
    pub epoch: Epoch,
    /// The program and version that recorded it, e.g. `twinbench 0.1.0`.
    pub producer: String,
    /// The bench file, kept as an attachment.
    pub bench_file: Option<BenchFile>,
    /// The recording that this one comes from, if it does.
    pub parent: Option<Parent>,
}

/// Where a recording comes from, when it is not the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The recording's file, with its folder.
    pub recording: String,
    /// What was done with it: `branch`, `replay`, `re-execution`.
    pub how: String,
    /// From when on it is another: a branch has everything before as its parent has it.
    pub at: VirtualTime,
}

/// The file that a bench was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchFile {
    /// Its name, without its folder.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// How a channel's messages hold their content; `form` in the channel's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// A JSON object, verbatim.
    Object,
    /// `{"value":…}` around any other JSON text.
    Value,
    /// `{"text":…}`, `{"data":base64}` or `{"length":…}` for bytes.
    Bytes,
}

impl Form {
    /// The form in which a content is kept.
    pub(crate) fn of(content: &Content) -> Self {
        match content {
            Content::Json(text) if text.starts_with('{') => Self::Object,
            Content::Json(_) => Self::Value,
            Content::Bytes(_) | Content::Omitted(_) => Self::Bytes,
        }
    }

    /// Its name in the channel's metadata.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Value => "value",
            Self::Bytes => "bytes",
        }
    }

    /// The form of a name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Object, Self::Value, Self::Bytes]
            .into_iter()
            .find(|form| form.name() == name)
    }
}

/// An attachment as it stands in the file.
pub(crate) struct Attached<'a> {
    pub(crate) name: &'a str,
    pub(crate) media_type: &'a str,
    pub(crate) data: &'a [u8],
}

/// The attachment of a record's body. Read by hand: the library's parser trusts the body to hold
/// at least a CRC.
pub(crate) fn attachment_of(body: &[u8]) -> Option<Attached<'_>> {
    let (_times, rest) = body.split_at_checked(16)?;
    let (name, rest) = string(rest)?;
    let (media_type, rest) = string(rest)?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (data, crc) = rest.split_at_checked(length)?;
    if crc.len() != 4 || parse_record(op::ATTACHMENT, body).is_err() {
        return None;
    }
    Some(Attached {
        name,
        media_type,
        data,
    })
}

fn string(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

/// What the form of a channel that sources share begins with.
const CROWD: &str = "crowd-";

/// The form of a channel by its name, and whether sources share the channel.
pub(crate) fn form_of_channel(name: &str) -> Option<(Form, bool)> {
    match name.strip_prefix(CROWD) {
        Some(name) => Some((Form::of_name(name)?, true)),
        None => Some((Form::of_name(name)?, false)),
    }
}

/// The name of a form in the metadata of a channel that sources share.
pub(crate) fn crowd_form(form: Form) -> String {
    format!("{CROWD}{}", form.name())
}

/// Writes a content as the message of a channel that sources share.
pub(crate) fn write_crowd_message(source: &str, content: &Content, out: &mut Vec<u8>) {
    out.extend(br#"{"source":"#);
    out.extend(serde_json::Value::from(source).to_string().as_bytes());
    out.extend(br#","content":"#);
    write_message(content, out);
    out.push(b'}');
}

#[derive(Deserialize)]
struct CrowdMessage<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    content: &'a serde_json::value::RawValue,
}

/// Reads the source and the message of a channel that sources share; `None` when it is none.
pub(crate) fn read_crowd_message(data: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let message: CrowdMessage<'_> = serde_json::from_slice(data).ok()?;
    Some((message.source, message.content.get().as_bytes()))
}

const VALUE_HEAD: &[u8] = br#"{"value":"#;

/// Writes a content as the message of its form.
pub(crate) fn write_message(content: &Content, out: &mut Vec<u8>) {
    match content {
        Content::Json(text) if text.starts_with('{') => out.extend(text.as_bytes()),
        Content::Json(text) => {
            out.extend(VALUE_HEAD);
            out.extend(text.as_bytes());
            out.push(b'}');
        }
        Content::Bytes(bytes) => {
            let message = match std::str::from_utf8(bytes) {
                Ok(text) => json!({ "text": text }),
                Err(_) => json!({ "data": STANDARD.encode(bytes) }),
            };
            out.extend(message.to_string().as_bytes());
        }
        Content::Omitted(length) => {
            out.extend(json!({ "length": length }).to_string().as_bytes());
        }
    }
}

#[derive(Deserialize)]
struct BytesMessage<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    length: Option<u64>,
}

/// Reads a content back; `None` when the message has not its channel's form.
pub(crate) fn read_message(form: Form, data: &[u8]) -> Option<Content> {
    let json = |bytes| {
        std::str::from_utf8(bytes)
            .ok()
            .map(|text| Content::Json(text.into()))
    };
    match form {
        Form::Object => json(data),
        Form::Value => json(data.strip_prefix(VALUE_HEAD)?.strip_suffix(b"}")?),
        Form::Bytes => {
            let message: BytesMessage<'_> = serde_json::from_slice(data).ok()?;
            if let Some(text) = message.text {
                Some(Content::Bytes(Bytes::from(text.into_owned())))
            } else if let Some(data) = message.data {
                let bytes = STANDARD.decode(data.as_bytes()).ok()?;
                Some(Content::Bytes(bytes.into()))
            } else {
                message.length.map(Content::Omitted)
            }
        }
    }
}

/// The JSON Schema of a kind's messages: an object, with the fields that the recorder itself
/// gives bytes and bare values.
pub(crate) fn schema(kind: &str, form: Form) -> String {
    let properties = match form {
        Form::Object => json!({}),
        Form::Value => json!({ "value": {} }),
        Form::Bytes => json!({
            "text": { "type": "string", "description": "the bytes, when they are UTF-8" },
            "data": { "type": "string", "contentEncoding": "base64", "description": "the bytes, when they are not" },
            "length": { "type": "integer", "description": "how many bytes there were, when they are not kept" },
        }),
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("twinbench.{kind}"),
        "type": "object",
        "properties": properties,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(content: &Content) {
        let mut message = Vec::new();
        write_message(content, &mut message);
        let read = read_message(Form::of(content), &message);
        assert_eq!(read.as_ref(), Some(content), "{}", message.escape_ascii());
    }

    #[test]
    fn messages_are_json_that_people_can_read() {
        let text = |content: Content| {
            let mut message = Vec::new();
            write_message(&content, &mut message);
            String::from_utf8(message).unwrap()
        };
        let object = r#"{"temperature": 21.50}"#;
        assert_eq!(text(Content::Json(object.into())), object);
        assert_eq!(text(Content::Json("[1]".into())), r#"{"value":[1]}"#);
        assert_eq!(
            text(Content::Bytes("hi\r\n".into())),
            r#"{"text":"hi\r\n"}"#
        );
        assert_eq!(
            text(Content::Bytes(vec![0xff].into())),
            r#"{"data":"/w=="}"#
        );
        assert_eq!(text(Content::Omitted(9)), r#"{"length":9}"#);
    }

    #[test]
    fn refuses_messages_of_another_form() {
        for message in [r#"{"data":"?"}"#, "{}", "", "[]", r#"{"text":1}"#] {
            assert_eq!(
                read_message(Form::Bytes, message.as_bytes()),
                None,
                "{message}"
            );
        }
        assert_eq!(read_message(Form::Value, b"{}"), None);
        assert_eq!(read_message(Form::Object, b"\xff"), None);
    }

    proptest! {
        #[test]
        fn contents_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in ".*", n: u64) {
            check(&Content::Bytes(bytes.into()));
            check(&Content::Bytes(text.clone().into()));
            check(&Content::Json(text.clone().into()));
            check(&Content::Json(format!("{{{text}").into()));
            check(&Content::Omitted(n));
        }

        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for form in [Form::Object, Form::Value, Form::Bytes] {
                let _ = read_message(form, &bytes);
            }
        }
    }
}
