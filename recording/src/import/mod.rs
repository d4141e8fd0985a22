//! Messages of the field as a recording, so that a field session becomes a bench session.
//!
//! | form | comes from |
//! |---|---|
//! | CSV | a table with a header: device, time, and a body or one column a field |
//! | JSON | JSON lines; `az iot hub monitor-events`; Azure IoT Explorer; our own export |
//! | Avro | Event Hubs Capture, and IoT Hub's route to storage |
//!
//! What is made is a recording with messages of devices only (`d2c/…`), and a bench file that
//! has the devices and the application, so that it can be replayed as it is.

mod avro;
mod csv;
mod json;
mod time;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use twinbench_model::{Epoch, Event, Room, VirtualTime};

use crate::{BenchFile, Digest, Error, Finished, Header, Options, Recorder, Sequencer};

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A table with a header.
    Csv,
    /// JSON objects, one after the other, with anything between them.
    Json,
    /// An Avro container.
    Avro,
}

/// What the file does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// The form; told from the content and the name unless given.
    pub form: Option<Form>,
    /// The device of messages that name none.
    pub device: Option<String>,
    /// How far apart messages are that have no time.
    pub every: Option<SignedDuration>,
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in it is not as it should be.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A record in it is not as it should be.
    #[error("{}: record {record}: {reason}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The record, from 1.
        record: u64,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// There is no message in it.
    #[error("{} has no messages of devices", path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
    },
    /// The recording cannot be written.
    #[error(transparent)]
    Recording(#[from] Error),
}

/// A message of the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When the hub took it.
    pub time: Timestamp,
    /// The device.
    pub device: String,
    /// The body.
    pub body: Vec<u8>,
    /// System properties.
    pub system: BTreeMap<String, String>,
    /// Application properties.
    pub properties: BTreeMap<String, String>,
}

/// A message as far as a place in a file says.
#[derive(Debug, Default)]
struct Found {
    time: Option<Timestamp>,
    device: Option<String>,
    body: Vec<u8>,
    system: BTreeMap<String, String>,
    properties: BTreeMap<String, String>,
}

/// Gathers messages and fills in what the hints say.
struct Gather<'a> {
    hints: &'a Hints,
    messages: Vec<Message>,
}

impl Gather<'_> {
    /// Takes a message, or says what it lacks.
    fn take(&mut self, found: Found) -> Result<(), String> {
        let named = found.device.filter(|id| !id.is_empty());
        let device = named
            .or_else(|| self.hints.device.clone())
            .ok_or("the message names no device; say which it is with --device ID")?;
        twinbench_model::DeviceId::new(&device).map_err(|cause| cause.to_string())?;
        let last = self.messages.last().map(|message| message.time);
        let spaced = self.hints.every.map(|every| match last {
            Some(last) => last.saturating_add(every).unwrap_or(last),
            None => time::SINCE,
        });
        let time = found.time.or(spaced).ok_or(
            "the message has no time; capture it with `--properties all`, or say with --every TIME how far apart messages are",
        )?;
        self.messages.push(Message {
            time,
            device,
            body: found.body,
            system: found.system,
            properties: found.properties,
        });
        Ok(())
    }
}

/// Reads every message of a file, in order of their times.
///
/// # Errors
/// With file and line of the first that cannot be used.
pub fn read(path: &Path, hints: &Hints) -> Result<Vec<Message>, ImportError> {
    let bytes = fs::read(path).map_err(|source| ImportError::Read {
        path: path.to_owned(),
        source,
    })?;
    let form = hints.form.unwrap_or_else(|| form_of(path, &bytes));
    let mut gather = Gather {
        hints,
        messages: Vec::new(),
    };
    let wrong = |(line, reason): (u64, String)| ImportError::Line {
        path: path.to_owned(),
        line,
        reason,
    };
    match form {
        Form::Avro => {
            avro::read(&bytes, &mut gather).map_err(|(record, reason)| ImportError::Record {
                path: path.to_owned(),
                record,
                reason,
            })?;
        }
        Form::Csv => csv::read(&bytes, &mut gather).map_err(wrong)?,
        Form::Json => {
            let text = std::str::from_utf8(&bytes).map_err(|cause| {
                let before = &bytes[..cause.valid_up_to()];
                let line = before.split(|byte| *byte == b'\n').count() as u64;
                wrong((line, "it is no text in UTF-8".to_owned()))
            })?;
            json::read(text, &mut gather).map_err(wrong)?;
        }
    }
    let mut messages = gather.messages;
    if messages.is_empty() {
        return Err(ImportError::Nothing {
            path: path.to_owned(),
        });
    }
    // Stable: messages of one instant keep their order.
    messages.sort_by_key(|message| message.time);
    Ok(messages)
}

fn form_of(path: &Path, bytes: &[u8]) -> Form {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    if bytes.starts_with(b"Obj\x01") || extension.eq_ignore_ascii_case("avro") {
        Form::Avro
    } else if extension.eq_ignore_ascii_case("csv") {
        Form::Csv
    } else {
        Form::Json
    }
}

/// What the recording says of a message, as the hub's own event does.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    partition: u16,
    sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    system: &'a BTreeMap<String, String>,
    properties: &'a BTreeMap<String, String>,
}

/// Writes messages, in order of their times, as the recording `path`. Virtual time begins at the
/// whole second of the first.
///
/// # Errors
/// When it cannot be written.
pub fn write(
    messages: &[Message],
    name: &str,
    producer: &str,
    path: &Path,
) -> Result<Finished, ImportError> {
    let first = messages.first().map_or(time::SINCE, |message| message.time);
    let epoch = Timestamp::from_second(first.as_second()).unwrap_or(first);
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let header = Header {
        bench: name.clone(),
        seed: 0,
        epoch: Epoch::new(epoch),
        producer: producer.to_owned(),
        bench_file: Some(BenchFile {
            name: format!("{name}.toml"),
            text: bench_file(&name, epoch, messages),
        }),
        parent: None,
    };
    let mut recorder = Recorder::create(path, &header, Options::default())?;
    let (mut sequencer, mut digest) = (Sequencer::new(), Digest::new());
    let mut positions: BTreeMap<&str, u64> = BTreeMap::new();
    for message in messages {
        let nanos = message.time.as_nanosecond() - epoch.as_nanosecond();
        let time = VirtualTime::from_nanos(u64::try_from(nanos).unwrap_or_default());
        let text = std::str::from_utf8(&message.body).ok();
        // As the hub does: a line break can only be white space between the tokens of JSON.
        let text = text.map(|text| text.replace(['\n', '\r'], " "));
        let body = text.and_then(|text| RawValue::from_string(text).ok());
        let sequence = positions.entry(&message.device).or_default();
        let facts = Facts {
            partition: 0,
            sequence: *sequence,
            body_base64: body.is_none().then(|| STANDARD.encode(&message.body)),
            body,
            system: &message.system,
            properties: &message.properties,
        };
        *sequence += 1;
        let source = Arc::from(message.device.as_str());
        let event = Event::json(time, Room::Hub, "d2c", source, &facts);
        // Times were sorted, so no step goes back.
        for entry in sequencer.step(vec![event]).unwrap_or_default() {
            digest.update(&entry);
            recorder.record(&entry, message.time)?;
        }
    }
    Ok(recorder.finish(&digest.hex())?)
}

/// A bench that a replay of the messages needs: the devices, and the application.
fn bench_file(name: &str, epoch: Timestamp, messages: &[Message]) -> String {
    let devices: BTreeSet<&str> = messages.iter().map(|it| it.device.as_str()).collect();
    let mut text = format!(
        "# Made by the import: devices of the field, connected from outside.\nversion = 1\nname = {name:?}\nepoch = \"{epoch}\"\n"
    );
    for device in devices {
        // A device id has no character that TOML would escape.
        text.push_str("\n[[device]]\nid = \"");
        text.push_str(device);
        text.push_str("\"\nbackend = \"external\"\n");
    }
    text.push_str("\n[[app]]\nkind = \"serverless-iot\"\n");
    text
}

#[cfg(test)]
mod tests;
