//! What was done to a bench from outside, as its recording has it.

use bytes::Bytes;
use jiff::SignedDuration;
use serde::Deserialize;
use twinbench_machine::Stimulus;
use twinbench_model::{DeviceId, Message, VirtualTime};
use twinbench_recording::{Content, Entry, Reader};

use super::{Error, source};
use crate::{
    file::{Backend, BenchFile},
    session::{self, Session},
};

/// Something that was done from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// When.
    pub time: VirtualTime,
    /// What.
    pub act: Act,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A machine was given something.
    Stimulus(DeviceId, Stimulus),
    /// A device that is no machine of the bench sent a message.
    Message(DeviceId, Message),
}

/// What the recording says of a stimulus.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    Uart { port: String, text: String },
    Sensor { quantity: String, value: f64 },
    Button { name: String, pressed: bool },
    Reset {},
    Wifi { up: bool },
    Supply { on: bool },
    Clock { ahead_seconds: f64 },
}

impl Input {
    /// Does it to a session that stands at its time.
    ///
    /// # Errors
    /// When the session refuses it.
    pub fn apply(&self, session: &mut Session) -> Result<(), session::Error> {
        match &self.act {
            Act::Stimulus(device, stimulus) => session.stimulate(device, stimulus.clone()),
            Act::Message(device, message) => session.play(device, message.clone(), self.time),
        }
    }
}

/// Every input of a recording that can be given again, and the kinds of those that cannot.
///
/// # Errors
/// When the recording cannot be read.
pub fn inputs(reader: Reader, bench: &BenchFile) -> Result<(Vec<Input>, Vec<String>), Error> {
    let external: Vec<DeviceId> = bench
        .devices()
        .into_iter()
        .filter(|(_, device)| device.backend == Backend::External)
        .map(|(id, _)| id)
        .collect();
    let (mut inputs, mut lost) = (Vec::new(), Vec::new());
    for read in reader {
        let entry = read?.entry;
        match &*entry.kind {
            "stimulus" => match stimulus(&entry) {
                Some(act) => inputs.push(Input {
                    time: entry.time,
                    act,
                }),
                None => lost.push(entry.channel()),
            },
            "fault" | "crash" => lost.push(entry.channel()),
            "d2c" if external.iter().any(|id| id.as_str() == &*entry.source) => {
                if let Some(sent) = source::message(&entry) {
                    inputs.push(Input {
                        time: sent.time,
                        act: Act::Message(sent.device, sent.message),
                    });
                }
            }
            _ => {}
        }
    }
    lost.sort();
    lost.dedup();
    Ok((inputs, lost))
}

fn stimulus(entry: &Entry) -> Option<Act> {
    let Content::Json(text) = &entry.content else {
        return None;
    };
    let stimulus = match serde_json::from_str(text).ok()? {
        Told::Uart { port, text } => Stimulus::Uart {
            port,
            bytes: Bytes::from(text),
        },
        Told::Sensor { quantity, value } => Stimulus::Sensor { quantity, value },
        Told::Button { name, pressed } => Stimulus::Button { name, pressed },
        Told::Reset {} => Stimulus::Reset,
        Told::Wifi { up } => Stimulus::Wifi { up },
        Told::Supply { on } => Stimulus::Supply { on },
        Told::Clock { ahead_seconds } => Stimulus::Clock {
            ahead: SignedDuration::try_from_secs_f64(ahead_seconds).ok()?,
        },
    };
    Some(Act::Stimulus(DeviceId::new(&entry.source).ok()?, stimulus))
}
