//! A device without firmware: it sends a message at every interval, with values from generators.
//!
//! Without a link its messages go straight to the hub; with one it connects as a real device does,
//! and takes part in twins, direct methods and messages from the cloud.

mod client;
mod options;
#[cfg(test)]
mod tests;
mod traffic;

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use twinbench_model::{Epoch, Message, VirtualDuration, VirtualTime, system};

use crate::{
    Capabilities, Error, Halt, Machine, Output, OutputKind, Stimulus, Wake,
    generator::{Generator, Key, Range, Sampler},
};

use client::{Client, Effect};
pub use client::{SignIn, SimulatedLink, SimulatedMethod};
pub use options::{BodyStyle, SimulatedOptions};
use traffic::{Agenda, Deed};
pub use traffic::{Burst, Churn, Misbehaviour, Misdeed, Traffic, Update};

/// A device without firmware.
#[derive(Debug)]
pub struct SimulatedMachine {
    epoch: Epoch,
    interval: VirtualDuration,
    /// When it sends next; none after the end of time.
    next: Option<VirtualTime>,
    quantities: Vec<Quantity>,
    /// The body up to the timestamp, and from there to the first value.
    head: (String, String),
    system: BTreeMap<String, String>,
    out: Vec<Output>,
    body: String,
    /// How far it was run.
    now: VirtualTime,
    client: Option<Client>,
    /// What it does besides; most have none, so it is a word there.
    agenda: Option<Box<Agenda>>,
    /// The last message, where one may be repeated.
    last: Option<Message>,
    /// Whether its supply is away.
    off: bool,
    /// How far its clock is ahead.
    ahead: jiff::SignedDuration,
}

#[derive(Debug)]
struct Quantity {
    name: String,
    /// The name as the body writes it, quoted, with what stands between it and its neighbours.
    key: String,
    sampler: Sampler,
}

impl SimulatedMachine {
    /// A device that is about to send its first message.
    ///
    /// # Errors
    /// When the interval is nothing or a generator cannot be used.
    pub fn new(mut options: SimulatedOptions) -> Result<Self, Error> {
        if options.interval == VirtualDuration::ZERO {
            let reason = "interval is nothing: give how often the device sends, such as 5s";
            return Err(Error::Setting(reason.to_owned()));
        }
        if options.sensors.is_empty() {
            let range = |max| Generator::Random(Range { min: 0.0, max });
            options
                .sensors
                .insert("temperature".to_owned(), range(30.0));
            options.sensors.insert("humidity".to_owned(), range(100.0));
        }
        let key = Key {
            seed: options.seed,
            device: options.device.clone(),
        };
        let mut quantities = Vec::new();
        // Temperature before humidity and then the others by name, as the simulator writes them.
        let mut sensors: Vec<_> = options.sensors.iter().collect();
        sensors
            .sort_by_key(|(name, _)| (*name != "temperature", *name != "humidity", name.as_str()));
        for (name, generator) in sensors {
            let comma = if quantities.is_empty() { "" } else { "," };
            let sampler = Sampler::new(generator, &key, name)
                .map_err(|cause| Error::Setting(format!("sensor {name}: {cause}")))?;
            quantities.push(Quantity {
                name: name.clone(),
                key: format!("{comma}{}:", quoted(&field(name, options.style))),
                sampler,
            });
        }
        let [timestamp, id, name, data] = ["timestamp", "device-id", "device-name", "data"]
            .map(|words| quoted(&field(words, options.style)));
        let head = (
            format!("{{{timestamp}:\""),
            format!(
                "\",{id}:{},{name}:{},{data}:{{",
                quoted(options.device.as_str()),
                quoted(&options.device_name)
            ),
        );
        options.traffic.check()?;
        let agenda = Agenda::new(options.traffic, &key, options.start);
        let phase = options.phase.unwrap_or_else(|| {
            let millis = options.interval.as_nanos() / 1_000_000;
            VirtualDuration::from_millis((key.quantity("phase").once() * millis as f64) as u64)
        });
        Ok(Self {
            epoch: options.epoch,
            interval: options.interval,
            next: first_after(options.start, phase, options.interval),
            quantities,
            head,
            system: [
                (system::CONTENT_TYPE, "application/json"),
                (system::CONTENT_ENCODING, "utf-8"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            out: Vec::new(),
            body: String::new(),
            now: options.start,
            client: options
                .link
                .map(|link| Client::new(options.device.to_string(), link, options.start)),
            agenda,
            last: None,
            off: false,
            ahead: jiff::SignedDuration::ZERO,
        })
    }

    /// When it has something to do.
    fn due(&self) -> Option<VirtualTime> {
        let client = self.client.as_ref().and_then(Client::next);
        let agenda = self.agenda.as_ref().and_then(|agenda| agenda.next());
        [self.next, client, agenda].into_iter().flatten().min()
    }

    /// Sends the message of a time, and sets the time of the next.
    fn send(&mut self, time: VirtualTime) {
        self.publish(time, None);
        let next = time.as_nanos().checked_add(self.interval.as_nanos());
        self.next = next.map(VirtualTime::from_nanos);
    }

    /// Sends a message with the values of a time, right or wrong.
    fn publish(&mut self, time: VirtualTime, wrong: Option<Misdeed>) {
        // Without a connection of its own, what it measures while it is away is lost; without supply
        // it measures nothing.
        if self.off {
            return;
        }
        if self.client.is_none() && self.agenda.as_ref().is_some_and(|agenda| agenda.is_away()) {
            return;
        }
        let message = match (wrong, &self.last) {
            (Some(Misdeed::Repeated), Some(last)) => last.clone(),
            (wrong, _) => self.message(time, wrong),
        };
        if self.agenda.is_some() {
            self.last = Some(message.clone());
        }
        match &mut self.client {
            Some(client) => client.publish(&message, time, &mut self.out),
            None => self.out.push(Output {
                time,
                kind: OutputKind::Message(message),
            }),
        }
    }

    /// Does what the agenda has for `now`.
    fn act(&mut self, now: VirtualTime) {
        while let Some(deed) = self.agenda.as_mut().and_then(|agenda| agenda.take(now)) {
            match deed {
                Deed::Extra => self.publish(now, None),
                Deed::Wrong(misdeed) => self.publish(now, Some(misdeed)),
                Deed::Leave | Deed::Return => {
                    if let Some(client) = &mut self.client {
                        client.wifi(deed == Deed::Return, now, &mut self.out);
                        client.run(now, &mut self.out);
                    }
                }
                Deed::Updated(well) => {
                    let version = self.agenda.as_ref().and_then(|agenda| agenda.version());
                    let version = version.unwrap_or_default();
                    let text = if well {
                        format!("updated to firmware {version}")
                    } else {
                        format!("the update failed; firmware {version} goes on")
                    };
                    if let Some(client) = &mut self.client {
                        client.report(firmware(version, well));
                    }
                    self.out.push(Output {
                        time: now,
                        kind: OutputKind::Note(text),
                    });
                }
            }
        }
    }

    fn message(&mut self, time: VirtualTime, wrong: Option<Misdeed>) -> Message {
        let body = &mut self.body;
        body.clear();
        body.push_str(&self.head.0);
        let mut stamp = self.epoch.utc(time);
        stamp = stamp.checked_add(self.ahead).unwrap_or(stamp);
        if wrong == Some(Misdeed::Backdated) {
            stamp = stamp
                .checked_sub(jiff::SignedDuration::from_hours(24))
                .unwrap_or(stamp);
        }
        // Milliseconds and a numeric offset: what .NET writes for an instant in UTC. Writing to a
        // String cannot fail.
        let _ = write!(body, "{stamp:.3}");
        body.truncate(body.trim_end_matches('Z').len());
        body.push_str("+00:00");
        body.push_str(&self.head.1);
        for quantity in &mut self.quantities {
            body.push_str(&quantity.key);
            let value = quantity.sampler.at(time);
            let _ = match wrong {
                Some(Misdeed::Texts) => write!(body, "\"{value}\""),
                _ => write!(body, "{value}"),
            };
        }
        body.push_str("}}");
        match wrong {
            Some(Misdeed::Broken) => body.truncate(body.floor_char_boundary(body.len() / 2)),
            // Spaces are JSON, so that its length is all that is wrong with it.
            Some(Misdeed::Huge) => body.extend(std::iter::repeat_n(' ', HUGE)),
            _ => {}
        }
        let mut properties = BTreeMap::new();
        if let Some(version) = self.agenda.as_ref().and_then(|agenda| agenda.version()) {
            properties.insert(VERSION.to_owned(), version.to_owned());
        }
        let message = Message {
            body: Bytes::copy_from_slice(body.as_bytes()),
            system: self.system.clone(),
            properties,
        };
        if wrong == Some(Misdeed::Huge) {
            self.body = String::new();
        }
        message
    }
}

/// What a message that is too long has behind its JSON.
const HUGE: usize = 300_000;
/// The application property with the version of the firmware, of devices that are updated.
const VERSION: &str = "firmware-version";

/// The reported properties of a device after an update.
fn firmware(version: &str, well: bool) -> serde_json::Value {
    let state = if well { "succeeded" } else { "failed" };
    serde_json::json!({"firmware": {"version": version, "update": state}})
}

/// The first time of the grid `phase + n · interval` after `start`, or at it when that is the
/// beginning: what lies at a later start was sent before the interruption.
fn first_after(
    start: VirtualTime,
    phase: VirtualDuration,
    interval: VirtualDuration,
) -> Option<VirtualTime> {
    let first = VirtualTime::ZERO + phase;
    if first > start || start == VirtualTime::ZERO {
        return Some(first);
    }
    let passed = start.since(first).as_nanos() / interval.as_nanos() + 1;
    let wait = passed.checked_mul(interval.as_nanos())?;
    first
        .as_nanos()
        .checked_add(wait)
        .map(VirtualTime::from_nanos)
}

/// `device-id` as `DeviceId` or `deviceId`.
fn field(words: &str, style: BodyStyle) -> String {
    let mut name = String::new();
    let mut upper = style == BodyStyle::Pascal;
    for c in words.chars() {
        match c {
            '-' => upper = true,
            c if upper => {
                name.extend(c.to_uppercase());
                upper = false;
            }
            c => name.push(c),
        }
    }
    name
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Machine for SimulatedMachine {
    fn run_until(&mut self, t: VirtualTime) -> Result<Halt, Error> {
        while let Some(time) = self.due().filter(|due| *due <= t) {
            self.now = self.now.max(time);
            if let Some(client) = &mut self.client {
                client.run(self.now, &mut self.out);
            }
            self.act(self.now);
            if self.next == Some(time) {
                self.send(time);
            }
        }
        self.now = self.now.max(t);
        Ok(Halt::Reached)
    }

    fn drain(&mut self, out: &mut Vec<Output>) {
        out.append(&mut self.out);
    }

    fn apply(&mut self, stimulus: Stimulus) -> Result<(), Error> {
        let stimulus = match (stimulus, &mut self.client) {
            (Stimulus::Network(event), Some(client)) => {
                let mut effects = Vec::new();
                client.heard(event, self.now, &mut self.out, &mut effects);
                for Effect::Interval(interval) in effects {
                    self.interval = interval;
                    self.next = Some(self.now + interval);
                }
                return Ok(());
            }
            (Stimulus::Wifi { up }, Some(client)) => {
                client.wifi(up, self.now, &mut self.out);
                return Ok(());
            }
            (Stimulus::Supply { on }, client) => {
                self.off = !on;
                if let Some(client) = client {
                    client.wifi(on, self.now, &mut self.out);
                }
                return Ok(());
            }
            (Stimulus::Clock { ahead }, _) => {
                self.ahead = ahead;
                return Ok(());
            }
            (other, _) => other,
        };
        let Stimulus::Sensor { quantity, value } = stimulus else {
            return Err(Error::no_such(
                stimulus.target(),
                "sensors only, as it runs no firmware",
            ));
        };
        let Some(known) = self.quantities.iter_mut().find(|it| it.name == quantity) else {
            let names: Vec<_> = self.quantities.iter().map(|it| it.name.as_str()).collect();
            return Err(Error::no_such(
                format!("sensor {quantity}"),
                names.join(", "),
            ));
        };
        known.sampler = Sampler::held(&quantity, value)?;
        Ok(())
    }

    fn next_wake(&self) -> Wake {
        if !self.out.is_empty() {
            return Wake::At(self.now);
        }
        self.due().map_or(Wake::Never, Wake::At)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            deterministic: true,
            firmware: false,
        }
    }
}
