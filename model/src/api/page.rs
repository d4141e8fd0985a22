//! Shapes of `/bench/…`: what the page asks of a served bench.
//!
//! Times are nanoseconds of virtual time since the bench's epoch, numbers in JSON. A field that is
//! not there is unknown.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::BenchStatus;

/// `GET /bench/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Where the bench stands.
    #[serde(flatten)]
    pub bench: BenchStatus,
    /// Virtual time stands.
    pub paused: bool,
    /// Virtual seconds in a second of the wall clock.
    pub speed: f64,
    /// Whether the session is recorded.
    pub recording: bool,
}

/// `POST /bench/time`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum TimeRequest {
    /// Goes on at the speed that was set.
    Play,
    /// Stands; requests are answered still.
    Pause,
    /// Goes on by so many nanoseconds and stands. Without: by one quantum.
    Step {
        /// Nanoseconds.
        by_ns: Option<u64>,
    },
    /// Goes on to the next event of the journey and stands.
    StepEvent,
    /// Sets the speed, 0.01 to 1,000.
    Speed {
        /// Virtual seconds in a second of the wall clock.
        speed: f64,
    },
    /// Goes on until a time and stands.
    Until {
        /// When.
        at: u64,
    },
}

/// `POST /bench/time`, to moments that were. The session itself stays as it is: what is there at the
/// moment is made again as a bench of its own, which stands there and has an API and a recording of
/// its own; the recording's header names this session's as its parent. Answered with [`Opened`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum BackRequest {
    /// To a time, at most that of the session.
    Seek {
        /// When.
        at: u64,
    },
    /// Back from where the session stands, at most to its beginning.
    StepBack {
        /// Nanoseconds.
        by_ns: u64,
    },
    /// To a time, and on from there another way.
    Branch {
        /// When.
        at: u64,
        /// What is changed at that moment.
        set: Option<SetSensor>,
    },
}

/// A sensor is given another value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetSensor {
    /// The device.
    pub device: String,
    /// The quantity, such as `temperature`.
    pub quantity: String,
    /// In the quantity's own unit.
    pub value: f64,
}

/// A bench that was opened beside this one, and runs in the same process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Where its API is.
    pub origin: String,
    /// The key that its API asks for.
    pub key: String,
    /// The address of its page, with the key.
    pub url: String,
    /// Where it stands, of one that was opened at a moment.
    pub at: u64,
    /// The folder of its run, with its recording.
    pub out: String,
}

/// `POST /bench/time` with `"do": "run-to"`: runs as fast as the work allows until an event is such
/// as this, and stands. Others are served meanwhile; it ends without the event when somebody plays,
/// pauses or steps, or whoever asked hangs up. Answered with [`RanTo`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunTo {
    /// The kind of the event, the first part of the recording's channel: `d2c`, `workflow`, …
    pub kind: String,
    /// The device or instance; without: any.
    pub source: Option<String>,
    /// A JSON pointer into the event's facts that must be there: `/body/temperature`.
    pub field: Option<String>,
    /// What is there is a number greater than this.
    pub above: Option<f64>,
    /// What is there is a number less than this.
    pub below: Option<f64>,
    /// What is there is this.
    pub equals: Option<Value>,
    /// At most so many nanoseconds on; an hour unless it is said, and at most a day.
    pub limit_ns: Option<u64>,
}

/// What became of a [`RunTo`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RanTo {
    /// The event: `{at, kind, source, facts}`; nothing when it did not come.
    pub found: Option<Value>,
    /// Where the bench stands.
    pub status: Status,
}

/// `GET /bench/recordings/channels?name=`: what can be looked at in a recording of the list.
///
/// - `GET /bench/recordings/data?name=&channel=&from=&to=&columns=` answers as
///   `GET /bench/channels/data` does: rows of four `f64`.
/// - `GET /bench/recordings/events?name=&at=&around_ns=&limit=` gives the [`EventRow`]s around a
///   moment, by default within ten seconds of it; numbers and causes hold within one answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RecordedChannels {
    /// The recording.
    pub name: String,
    /// Its bench.
    pub bench: String,
    /// The UTC instant of virtual time zero.
    pub epoch: String,
    /// The last moment of it.
    pub length_ns: u64,
    /// The recording that it branches off from, as its header has it.
    pub parent: Option<Value>,
    /// Its channels, by name.
    pub channels: Vec<ChannelInfo>,
}

/// A row of `GET /bench/devices`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DeviceRow {
    /// The device's id.
    pub id: String,
    /// The board, of a device with one.
    pub board: Option<String>,
    /// `emulator`, `simulated`, …
    pub backend: String,
    /// The firmware's file.
    pub firmware: Option<String>,
    /// `running`, `stopped`, `unconnected`.
    pub state: String,
    /// When its last message was taken by the hub.
    pub last_message_at: Option<u64>,
    /// The last alert, while it stands out.
    pub alert: Option<String>,
    /// Tags of its twin, as `name=value`.
    pub tags: Vec<String>,
    /// The value that lists show.
    pub pinned: Option<Pinned>,
}

/// The value of a device that lists show.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Pinned {
    /// Its channel.
    pub channel: String,
    /// The newest reading.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// The newest readings, oldest first.
    pub spark: Vec<f32>,
}

/// `GET /bench/devices/{id}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DeviceDetail {
    /// The row of the list.
    pub row: DeviceRow,
    /// Its LEDs.
    pub leds: Vec<Led>,
    /// What its display shows.
    pub display: Option<Display>,
    /// Its buttons.
    pub buttons: Vec<String>,
    /// What can be set for its sensors to measure.
    pub sensors: Vec<Sensor>,
    /// Its consoles.
    pub consoles: Vec<String>,
    /// Its channels.
    pub channels: Vec<String>,
}

/// An LED.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Led {
    /// The board's name for it.
    pub name: String,
    /// Its colour, when the board says.
    pub color: Option<String>,
    /// 0 (dark) to 1.
    pub level: f64,
}

/// A monochrome display.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Display {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Base64 of the controller's memory: rows of 8 vertical pixels, the lowest bit on top.
    pub rows: String,
}

/// A quantity that a sensor measures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sensor {
    /// Which, e.g. `temperature`.
    pub quantity: String,
    /// What it last measured or was set to.
    pub value: f64,
    /// Least of a slider.
    pub min: f64,
    /// Most of a slider.
    pub max: f64,
    /// Its unit.
    pub unit: String,
    /// What makes the values until somebody sets one.
    pub generator: Option<String>,
}

/// A channel that charts can show.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChannelInfo {
    /// `device/quantity`.
    pub name: String,
    /// The device's id.
    pub device: String,
    /// Its unit; empty without one.
    pub unit: String,
    /// `number`, `state` or `alert`.
    pub kind: String,
}

/// One event of the journey.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EventRow {
    /// Its number, ascending.
    pub id: u64,
    /// When.
    pub at: u64,
    /// `uart`, `message`, `function`, `entity`, `workflow`, `connector`, `fault`, `alert`, `twin`,
    /// `method`.
    pub lane: String,
    /// The device or instance.
    pub device: String,
    /// In a few words.
    pub title: String,
    /// Everything that was recorded of it.
    pub detail: Value,
    /// Numbers of the events that caused it.
    pub causes: Vec<u64>,
}

/// `GET /bench/events/{id}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EventChain {
    /// The event.
    pub event: EventRow,
    /// What led to it, oldest first.
    pub causes: Vec<EventRow>,
    /// What it led to, oldest first.
    pub effects: Vec<EventRow>,
}

/// A line of a console.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Line {
    /// When its last byte came.
    pub at: u64,
    /// The text, without the line's end.
    pub text: String,
}

/// `GET /bench/devices/{id}/console/{port}?from=`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConsoleTail {
    /// The number of the first line here.
    pub from: u64,
    /// The number to ask from next.
    pub next: u64,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A text frame of `/bench/live`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Frame {
    /// Its number in this connection: one more than the last one's.
    pub seq: u64,
    /// The virtual time at which it was made.
    pub at: u64,
    /// What changed.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// The reader fell behind what is kept: everything must be asked for anew.
    #[serde(default)]
    pub resync: bool,
}

/// What changed, newest state only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Where the bench stands.
    Status(Status),
    /// Devices' rows that are new or another.
    Devices(Vec<DeviceRow>),
    /// Events since the last frame.
    Events(Vec<EventRow>),
    /// Channels that are new.
    Channels(Vec<ChannelInfo>),
    /// New lines of a console.
    Console {
        /// The device.
        device: String,
        /// The port.
        port: String,
        /// The lines.
        #[serde(flatten)]
        tail: ConsoleTail,
    },
    /// Counts up with every event of a workflow.
    Workflows(u64),
}

/// Readings of a channel in a binary frame of `/bench/live`.
///
/// A frame is a sequence of blocks, little-endian: the name's length (`u16`) and the name in UTF-8,
/// the number of readings (`u32`), and for each the second of virtual time and the value (`f64`).
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// The channel.
    pub channel: String,
    /// Seconds and values.
    pub points: Vec<(f64, f64)>,
}

impl Samples {
    /// Appends the block to a frame.
    pub fn write(&self, frame: &mut Vec<u8>) {
        let name = self.channel.as_bytes();
        let name = &name[..name.len().min(usize::from(u16::MAX))];
        frame.extend((name.len() as u16).to_le_bytes());
        frame.extend(name);
        frame.extend((self.points.len() as u32).to_le_bytes());
        for (secs, value) in &self.points {
            frame.extend(secs.to_le_bytes());
            frame.extend(value.to_le_bytes());
        }
    }

    /// The blocks of a frame; what is cut short is left out.
    pub fn read(mut frame: &[u8]) -> Vec<Self> {
        let mut all = Vec::new();
        while let Some((block, rest)) = Self::block(frame) {
            all.push(block);
            frame = rest;
        }
        all
    }

    fn block(frame: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = frame.split_first_chunk::<2>()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let bytes = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (points, rest) = rest.split_at_checked(bytes.checked_mul(16)?)?;
        let number = |part: &[u8]| part.try_into().map_or(f64::NAN, f64::from_le_bytes);
        let points = points
            .chunks_exact(16)
            .map(|point| (number(&point[..8]), number(&point[8..])))
            .collect();
        let channel = String::from_utf8_lossy(name).into_owned();
        Some((Self { channel, points }, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_samples_is_read_back_and_a_cut_one_is_survived() {
        let all = vec![
            Samples {
                channel: "devkit-01/temperature".into(),
                points: vec![(1.5, 20.25), (11.5, -3.0)],
            },
            Samples {
                channel: "é".into(),
                points: vec![],
            },
        ];
        let mut frame = Vec::new();
        for block in &all {
            block.write(&mut frame);
        }
        assert_eq!(Samples::read(&frame), all);
        for cut in 0..frame.len() {
            assert!(Samples::read(&frame[..cut]).len() < 2);
        }
    }

    #[test]
    fn requests_about_time_are_as_documented() {
        let read = |text| serde_json::from_str::<TimeRequest>(text).ok();
        assert_eq!(read(r#"{"do":"play"}"#), Some(TimeRequest::Play));
        assert_eq!(
            read(r#"{"do":"step","by_ns":5}"#),
            Some(TimeRequest::Step { by_ns: Some(5) })
        );
        assert_eq!(
            read(r#"{"do":"step"}"#),
            Some(TimeRequest::Step { by_ns: None })
        );
        assert_eq!(read(r#"{"do":"step-event"}"#), Some(TimeRequest::StepEvent));
        assert_eq!(read(r#"{"do":"fly"}"#), None);
    }

    #[test]
    fn changes_have_their_names() {
        let change = Change::Console {
            device: "d".into(),
            port: "console".into(),
            tail: ConsoleTail::default(),
        };
        let text = serde_json::to_string(&change).unwrap_or_default();
        assert_eq!(
            text,
            r#"{"console":{"device":"d","port":"console","from":0,"next":0,"lines":[]}}"#
        );
    }
}
