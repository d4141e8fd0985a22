//! A scenario made ready to run: every name resolved, every condition read.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use regex::Regex;
use serde_json::Value;
use twinbench_model::{EntityId, VirtualDuration};

use crate::{
    file::{Fault, Since},
    matcher::Matcher,
};

/// Where something stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// What a person calls it; what it does, when the file gives no name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Not before this time from the scenario's begin.
    pub at: Option<VirtualDuration>,
    /// So long after the step before.
    pub after: Option<VirtualDuration>,
    /// How long an expectation may take.
    pub within: VirtualDuration,
    /// Which events count.
    pub since: Since,
    /// What it does or expects.
    pub what: What,
}

/// What a step does or expects.
#[derive(Debug, Clone)]
pub enum What {
    /// Only a point in time.
    Wait,
    /// It does something.
    Do(Action),
    /// This must come true.
    Expect(Expectation),
    /// This must not happen.
    Never(Expectation),
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Something done at once.
    Act(Act),
    /// A sensor's value goes evenly from one value to another.
    Ramp {
        /// The device.
        device: String,
        /// The quantity.
        quantity: String,
        /// Where it begins.
        from: f64,
        /// Where it ends.
        to: f64,
        /// How long it takes.
        over: VirtualDuration,
        /// How often the value changes.
        every: VirtualDuration,
    },
    /// Values of quantities over time, counted from the step.
    Rows {
        /// The device.
        device: String,
        /// When, which quantity, what value; in order of time.
        rows: Vec<(VirtualDuration, String, f64)>,
    },
    /// A button goes down, and up again.
    Press {
        /// The device.
        device: String,
        /// The button.
        button: String,
        /// How long it is down.
        length: VirtualDuration,
    },
    /// A direct method, with what the answer must be.
    Method {
        /// The call.
        call: MethodCall,
        /// The answer as `{status, payload}`.
        answer: Matcher,
    },
    /// A request to the front-end layer, with what the answer must be.
    Request {
        /// The HTTP method.
        method: String,
        /// The path with its query.
        path: String,
        /// The body.
        body: Option<Value>,
        /// The answer as `{status, body}`.
        answer: Matcher,
    },
}

/// A direct method call.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodCall {
    /// The device.
    pub device: String,
    /// The method.
    pub name: String,
    /// The payload.
    pub payload: Value,
    /// How long the hub waits.
    pub timeout: VirtualDuration,
}

/// Something that is done to the bench at one instant.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A sensor measures another value from now on.
    Sensor {
        /// The device.
        device: String,
        /// The quantity.
        quantity: String,
        /// In the quantity's unit.
        value: f64,
    },
    /// A button goes down or up.
    Button {
        /// The device.
        device: String,
        /// The button.
        button: String,
        /// Down or up.
        pressed: bool,
    },
    /// Text goes into a UART.
    Uart {
        /// The device.
        device: String,
        /// The port.
        port: String,
        /// The text.
        text: String,
    },
    /// The reset line.
    Reset {
        /// The device.
        device: String,
    },
    /// Wi-Fi goes away or comes back.
    Wifi {
        /// The device.
        device: String,
        /// Whether it is there.
        up: bool,
    },
    /// Desired properties are changed.
    Desired {
        /// The device.
        device: String,
        /// A merge patch: null deletes.
        patch: Value,
    },
    /// A message from the cloud.
    CloudToDevice {
        /// The device.
        device: String,
        /// The body.
        body: Vec<u8>,
        /// Application properties.
        properties: BTreeMap<String, String>,
    },
    /// A message with the device's identity.
    Publish {
        /// The device.
        device: String,
        /// The body.
        body: Vec<u8>,
        /// Whether the body is JSON.
        json: bool,
        /// Application properties.
        properties: BTreeMap<String, String>,
        /// Whether the function gets it together with what is done next.
        with_next: bool,
    },
    /// An operation for a durable entity.
    Signal {
        /// The entity.
        entity: EntityId,
        /// The operation.
        operation: String,
        /// Its input.
        input: Value,
    },
    /// An event for a workflow.
    Raise {
        /// The instance.
        instance: String,
        /// The event.
        event: String,
        /// What it carries.
        input: Value,
    },
}

/// What is expected.
#[derive(Debug, Clone)]
pub enum Expectation {
    /// Events of the canonical stream.
    Event(EventTest),
    /// A state that can be read.
    State(StateTest),
}

/// Events that are counted.
#[derive(Debug, Clone)]
pub struct EventTest {
    /// What a person calls such an event: `telemetry of devkit-01`.
    pub label: String,
    /// The kind.
    pub kind: String,
    /// The source.
    pub source: Source,
    /// What of the event is looked at, and how.
    pub test: FactsTest,
    /// How often.
    pub count: Count,
}

/// How often an event must have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So often or more.
    AtLeast(u64),
    /// Exactly so often when the time is over.
    Exactly(u64),
}

/// What of an event is looked at.
#[derive(Debug, Clone)]
pub enum FactsTest {
    /// Its JSON facts.
    Json(Matcher),
    /// The bytes of all events of the source together, as text.
    Text(TextTest),
}

/// What a text must be.
#[derive(Debug, Clone)]
pub enum TextTest {
    /// With this part.
    Contains(String),
    /// With a line in which this is found.
    Matches(Regex),
}

impl fmt::Display for TextTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contains(text) => write!(f, "{text:?}"),
            Self::Matches(regex) => write!(f, "/{regex}/"),
        }
    }
}

/// Whose events count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Anybody's.
    Any,
    /// This one's.
    Exact(String),
    /// Those whose name fits the pattern, in which `*` stands for any text.
    Pattern(String),
    /// Those of the entity that the application keeps for this device.
    EntityOf(String),
}

/// A state that can be read.
#[derive(Debug, Clone)]
pub enum StateTest {
    /// A durable entity's state.
    Entity {
        /// The entity.
        entity: EntityRef,
        /// What it must be.
        state: Matcher,
    },
    /// A device twin as `{desired, reported, tags}`.
    Twin {
        /// The device.
        device: String,
        /// What it must be.
        twin: Matcher,
    },
    /// A pin's level.
    Led {
        /// The device.
        device: String,
        /// The pin.
        name: String,
        /// High or low.
        on: bool,
    },
    /// The display's lines.
    Display {
        /// The device.
        device: String,
        /// What one of them must be.
        text: TextTest,
    },
    /// Workflow instances, each as `{instance, name, status, input, output, history}`.
    Workflow {
        /// What an instance must be.
        instance: Matcher,
        /// How many.
        count: Count,
    },
    /// A figure of the bench.
    Metric {
        /// Its name.
        name: String,
        /// What it must be.
        value: Matcher,
    },
}

/// An entity, or that of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityRef {
    /// This one.
    Id(EntityId),
    /// The one that the application keeps for this device.
    Device(String),
}

/// A fault with its place.
#[derive(Debug, Clone)]
pub struct PlannedFault {
    /// What it is.
    pub fault: Fault,
    /// Where it stands.
    pub place: Place,
}

/// Something that must hold all the time.
#[derive(Debug, Clone)]
pub struct Invariant {
    /// What a person calls it.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// From when on.
    pub from: VirtualDuration,
    /// Until when.
    pub until: Option<VirtualDuration>,
    /// Whether the expectation must hold (or must not be).
    pub holds: bool,
    /// What is expected.
    pub what: Expectation,
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(test) => {
                match test.count {
                    Count::AtLeast(1) => {}
                    Count::AtLeast(n) => write!(f, "at least {n} × ")?,
                    Count::Exactly(n) => write!(f, "exactly {n} × ")?,
                }
                f.write_str(&test.label)?;
                match &test.test {
                    FactsTest::Json(Matcher::Fields(fields)) if fields.is_empty() => Ok(()),
                    FactsTest::Json(matcher) => write!(f, " with {matcher}"),
                    FactsTest::Text(text) => write!(f, " with {text}"),
                }
            }
            Self::State(test) => write!(f, "{test}"),
        }
    }
}

impl fmt::Display for StateTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entity { entity, state } => write!(f, "state {state} of {entity}"),
            Self::Twin { device, twin } => write!(f, "twin {twin} of {device}"),
            Self::Led { device, name, on } => {
                write!(f, "{name} of {device} {}", if *on { "on" } else { "off" })
            }
            Self::Display { device, text } => write!(f, "display of {device} with {text}"),
            Self::Workflow { instance, count } => {
                match count {
                    Count::AtLeast(1) => {}
                    Count::AtLeast(n) => write!(f, "at least {n} × ")?,
                    Count::Exactly(n) => write!(f, "exactly {n} × ")?,
                }
                write!(f, "workflow {instance}")
            }
            Self::Metric { name, value } => write!(f, "metric {name} {value}"),
        }
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Device(device) => write!(f, "the entity of {device}"),
        }
    }
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    // `split` gives at least one part.
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("sim-*", "sim-12", true),
            ("sim-*", "devkit", false),
            ("*", "anything", true),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("*-1", "sim-1", true),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
