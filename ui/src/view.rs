//! What is shown in which state, without a browser.

use twinbench_model::api::{BenchStatus, DeviceInfo, Reading};

/// One whole answer of the bench.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    /// Where the bench stands.
    pub(crate) status: BenchStatus,
    /// Its devices, by id.
    pub(crate) devices: Vec<DeviceInfo>,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody answers.
    Unreachable,
    /// The key is missing or wrong.
    Key,
    /// The bench answers with an error.
    Refused { path: String, status: u16 },
    /// The answer is not what this page knows.
    Unreadable(String),
}

impl Trouble {
    /// What is wrong, and what to do.
    pub(crate) fn words(&self) -> (String, &'static str) {
        match self {
            Self::Unreachable => (
                "The bench does not answer".into(),
                "Start one with: twinbench run fixtures/benches/journey.toml --serve",
            ),
            Self::Key => (
                "The bench asks for its key".into(),
                "Open this page as http://127.0.0.1:7878/#code=KEY; the command \u{201c}twinbench key\u{201d} shows the key.",
            ),
            Self::Refused { path, status } => (
                format!("The bench answers {path} with status {status}"),
                "Look at what it printed in its terminal; this page goes on asking.",
            ),
            Self::Unreadable(what) => (
                format!("The bench gave an answer that this page does not know ({what})"),
                "The page and the bench are of different versions: build the page again with \u{201c}cargo xtask ui\u{201d}.",
            ),
        }
    }
}

/// What the page knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Known {
    /// The newest answer, however old.
    pub(crate) snapshot: Option<Snapshot>,
    /// Why the newest question was not answered.
    pub(crate) trouble: Option<Trouble>,
}

impl Known {
    /// Takes in what came of a question: an old answer stays while there is no newer one.
    pub(crate) fn learn(&mut self, news: Result<Snapshot, Trouble>) {
        match news {
            Ok(snapshot) => {
                *self = Self {
                    snapshot: Some(snapshot),
                    trouble: None,
                }
            }
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    /// Which of the page's faces this is.
    pub(crate) fn face(&self) -> Face {
        match (&self.snapshot, &self.trouble) {
            (None, None) => Face::Waiting,
            (None, Some(_)) => Face::Trouble,
            (Some(snapshot), _) if snapshot.devices.is_empty() => Face::Empty,
            (Some(_), _) => Face::Fleet,
        }
    }

    /// The window's title: what one wants to know while it is behind others.
    pub(crate) fn title(&self) -> String {
        match &self.snapshot {
            Some(Snapshot { status, devices }) => {
                let stale = if self.trouble.is_some() {
                    " (not answering)"
                } else {
                    ""
                };
                format!(
                    "{} \u{b7} {}{stale} \u{b7} Twinbench",
                    status.bench,
                    count(devices.len() as u64, "device")
                )
            }
            None => "Twinbench".into(),
        }
    }
}

/// The page's faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// The first answer is on its way.
    Waiting,
    /// There was never an answer.
    Trouble,
    /// A bench without devices.
    Empty,
    /// The fleet.
    Fleet,
}

/// A number of things.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Virtual time since the epoch, `HH:MM:SS.mmm`.
pub(crate) fn clock(nanos: u64) -> String {
    let millis = nanos / 1_000_000;
    let (hours, minutes, seconds) = (
        millis / 3_600_000,
        millis / 60_000 % 60,
        millis / 1_000 % 60,
    );
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", millis % 1_000)
}

/// A row of the fleet as texts, each number with its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) temperature: Option<String>,
    pub(crate) humidity: Option<String>,
    pub(crate) time: Option<String>,
}

impl From<&DeviceInfo> for Row {
    fn from(device: &DeviceInfo) -> Self {
        let reading = device.last_telemetry.as_ref();
        let text = |part: fn(&Reading) -> String| reading.map(part);
        Self {
            id: device.device_id.clone(),
            name: device.device_name.clone(),
            temperature: text(|reading| format!("{:.1} \u{b0}C", reading.temperature)),
            humidity: text(|reading| format!("{:.1} %", reading.humidity)),
            time: text(|reading| reading.timestamp.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(ids: &[&str]) -> Snapshot {
        let device = |id: &&str| DeviceInfo {
            device_id: (*id).into(),
            device_name: None,
            last_telemetry: None,
        };
        Snapshot {
            status: BenchStatus {
                bench: "journey".into(),
                virtual_nanos: 0,
                utc: "2026-01-01T00:00:00.000Z".into(),
                devices: ids.len() as u64,
                messages: 0,
                alerts: 0,
            },
            devices: ids.iter().map(device).collect(),
        }
    }

    #[test]
    fn each_state_has_its_face() {
        let mut known = Known::default();
        assert_eq!(
            (known.face(), known.title().as_str()),
            (Face::Waiting, "Twinbench")
        );
        known.learn(Err(Trouble::Unreachable));
        assert_eq!(known.face(), Face::Trouble);
        known.learn(Ok(snapshot(&[])));
        assert_eq!(known.face(), Face::Empty);
        known.learn(Ok(snapshot(&["a", "b", "c"])));
        assert_eq!(known.face(), Face::Fleet);
        assert_eq!(known.title(), "journey \u{b7} 3 devices \u{b7} Twinbench");
    }

    #[test]
    fn an_old_answer_stays_until_there_is_a_newer_one() {
        let mut known = Known::default();
        known.learn(Ok(snapshot(&["a"])));
        known.learn(Err(Trouble::Unreachable));
        assert_eq!(known.face(), Face::Fleet);
        assert_eq!(
            known.title(),
            "journey \u{b7} 1 device (not answering) \u{b7} Twinbench"
        );
        known.learn(Ok(snapshot(&["a", "b"])));
        assert_eq!(known.trouble, None);
    }

    #[test]
    fn every_trouble_says_what_to_do() {
        let all = [
            Trouble::Unreachable,
            Trouble::Key,
            Trouble::Refused {
                path: "/api/devices".into(),
                status: 503,
            },
            Trouble::Unreadable("/bench/status".into()),
        ];
        for trouble in all {
            let (what, next) = trouble.words();
            assert!(!what.is_empty() && next.len() > 20, "{trouble:?}");
        }
    }

    #[test]
    fn numbers_have_their_units() {
        let reading = Reading {
            timestamp: "2026-01-01T00:00:10Z".into(),
            temperature: 21.449,
            humidity: 55.0,
        };
        let device = DeviceInfo {
            device_id: "d".into(),
            device_name: Some("n".into()),
            last_telemetry: Some(reading),
        };
        let row = Row::from(&device);
        assert_eq!(row.temperature.as_deref(), Some("21.4 \u{b0}C"));
        assert_eq!(row.humidity.as_deref(), Some("55.0 %"));
        assert_eq!(clock(3_661_250_999_999), "01:01:01.250");
    }
}
