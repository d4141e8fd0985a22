//! A device without firmware: it sends a message at every interval, with values from generators.
//!
//! Without a link its messages go straight to the hub; with one it connects as a real device does,
//! and takes part in twins, direct methods and messages from the cloud.

mod client;
mod traffic;

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use twinbench_model::{DeviceId, Epoch, Message, VirtualDuration, VirtualTime, system};

use crate::{
    Capabilities, Error, Halt, Machine, Output, OutputKind, Stimulus, Wake,
    generator::{Generator, Key, Range, Sampler},
};

use client::{Client, Effect};
pub use client::{SignIn, SimulatedLink, SimulatedMethod};
use traffic::{Agenda, Deed};
pub use traffic::{Burst, Churn, Misbehaviour, Misdeed, Traffic, Update};

/// How the fields of the body are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyStyle {
    /// `{"Timestamp":…,"DeviceId":…,"DeviceName":…,"Data":{"Temperature":…}}`, as the fleet
    /// simulator of the mirrored application sends it.
    #[default]
    Pascal,
    /// `{"timestamp":…,"deviceId":…,"deviceName":…,"data":{"temperature":…}}`, as that
    /// application's REST layer takes it.
    Camel,
}

/// What makes one device without firmware.
#[derive(Debug, Clone)]
pub struct SimulatedOptions {
    /// Its id.
    pub device: DeviceId,
    /// The bench's seed.
    pub seed: u64,
    /// The UTC instant at which virtual time is zero.
    pub epoch: Epoch,
    /// When it starts: after an interruption the last committed time.
    pub start: VirtualTime,
    /// Its display name; the id unless set.
    pub device_name: String,
    /// How often it sends; 5 s unless set.
    pub interval: VirtualDuration,
    /// When it sends first. Unless set, drawn from the seed as a whole number of milliseconds
    /// below the interval, so that a fleet does not speak in one instant.
    pub phase: Option<VirtualDuration>,
    /// Its quantities. Unless set, temperature 0 to 30 and humidity 0 to 100, uniform, as that
    /// simulator does.
    pub sensors: BTreeMap<String, Generator>,
    /// How the body is written.
    pub style: BodyStyle,
    /// Its connection to the hub; without one its messages go straight in.
    pub link: Option<SimulatedLink>,
    /// What it does besides sending at every interval.
    pub traffic: Traffic,
}

impl SimulatedOptions {
    /// A device with what is usual.
    pub fn new(device: DeviceId, seed: u64, epoch: Epoch) -> Self {
        Self {
            device_name: device.to_string(),
            device,
            seed,
            epoch,
            start: VirtualTime::ZERO,
            interval: VirtualDuration::from_secs(5),
            phase: None,
            sensors: BTreeMap::new(),
            style: BodyStyle::default(),
            link: None,
            traffic: Traffic::default(),
        }
    }
}

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
        // Without a connection of its own, what it measures while it is away is lost.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn options(id: &str) -> SimulatedOptions {
        let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        SimulatedOptions::new(DeviceId::new(id).unwrap(), 7, epoch)
    }

    fn sent(options: SimulatedOptions, until: u64) -> Vec<(VirtualTime, String)> {
        let mut machine = SimulatedMachine::new(options).unwrap();
        machine.run_until(VirtualTime::from_secs(until)).unwrap();
        let mut out = Vec::new();
        machine.drain(&mut out);
        out.into_iter()
            .map(|output| match output.kind {
                OutputKind::Message(message) => {
                    assert_eq!(message.system[system::CONTENT_TYPE], "application/json");
                    assert_eq!(message.system[system::CONTENT_ENCODING], "utf-8");
                    (
                        output.time,
                        String::from_utf8(message.body.to_vec()).unwrap(),
                    )
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn what_a_device_does_besides_reaches_its_messages() {
        let minute = VirtualDuration::from_secs(60);
        let mut options = constants(BodyStyle::Pascal);
        options.interval = VirtualDuration::from_secs(10);
        options.traffic = Traffic {
            burst: Some(Burst {
                every: VirtualDuration::from_secs(600),
                count: 5,
            }),
            misbehaviour: Some(Misbehaviour {
                every: minute,
                kinds: vec![
                    Misdeed::Broken,
                    Misdeed::Texts,
                    Misdeed::Huge,
                    Misdeed::Backdated,
                    Misdeed::Repeated,
                ],
            }),
            ..Traffic::default()
        };
        let bodies = sent(options.clone(), 3600);
        // 360 of the interval, 6 bursts of 5, 60 misdeeds.
        assert!((449..=451).contains(&bodies.len()), "{}", bodies.len());
        let count = |wrong: &dyn Fn(&(VirtualTime, String)) -> bool| {
            bodies.iter().filter(|it| wrong(it)).count()
        };
        let broken =
            |it: &(VirtualTime, String)| serde_json::from_str::<serde_json::Value>(&it.1).is_err();
        assert!(count(&broken) > 3);
        assert!(count(&|(_, body)| body.contains(r#""Temperature":"21""#)) > 3);
        assert!(count(&|(_, body)| body.len() > 256 << 10) > 3);
        assert!(count(&|(_, body)| body.contains("2025-12-31")) > 3);
        let again = bodies.windows(2).filter(|pair| pair[0].1 == pair[1].1);
        assert!(again.count() > 3);
        assert_eq!(bodies, sent(options, 3600));
    }

    #[test]
    fn an_update_is_an_absence_and_another_version() {
        let mut options = constants(BodyStyle::Pascal);
        let minutes = |n: u64| VirtualDuration::from_secs(60 * n);
        options.traffic.update = Some(Update {
            at: minutes(10),
            over: minutes(20),
            takes: minutes(2),
            from: "1.0".to_owned(),
            to: "1.1".to_owned(),
            fails: 0.0,
        });
        let mut machine = SimulatedMachine::new(options).unwrap();
        machine.run_until(VirtualTime::from_secs(3600)).unwrap();
        let mut out = Vec::new();
        machine.drain(&mut out);
        let versions: Vec<_> = out
            .iter()
            .filter_map(|output| match &output.kind {
                OutputKind::Message(message) => {
                    Some((output.time, message.properties[VERSION].clone()))
                }
                _ => None,
            })
            .collect();
        let gap = versions.windows(2).find(|pair| pair[0].1 != pair[1].1);
        let [(before, _), (behind, _)] = gap.unwrap() else {
            panic!("{versions:?}");
        };
        assert!(behind.since(*before) >= minutes(2), "{before} {behind}");
        assert!(versions.last().unwrap().1 == "1.1" && versions[0].1 == "1.0");
        let note = out.iter().any(
            |it| matches!(&it.kind, OutputKind::Note(text) if text == "updated to firmware 1.1"),
        );
        assert!(note);
    }

    fn constants(style: BodyStyle) -> SimulatedOptions {
        let mut options = options("green-1");
        options.device_name = "Green \"house\"".to_owned();
        options.phase = Some(VirtualDuration::from_millis(250));
        options.style = style;
        options.sensors = [
            ("humidity", 55.5),
            ("temperature", 21.0),
            ("air-pressure", 1013.25),
        ]
        .map(|(name, value)| (name.to_owned(), Generator::Constant(value)))
        .into();
        options
    }

    #[test]
    fn the_body_is_that_of_the_fleet_simulator() {
        let bodies = sent(constants(BodyStyle::Pascal), 6);
        let expected = r#"{"Timestamp":"2026-01-01T00:00:05.250+00:00","DeviceId":"green-1","DeviceName":"Green \"house\"","Data":{"Temperature":21,"Humidity":55.5,"AirPressure":1013.25}}"#;
        assert_eq!(bodies.len(), 2);
        assert_eq!(bodies[1].1, expected);
        serde_json::from_str::<serde_json::Value>(expected).unwrap();
    }

    #[test]
    fn or_that_of_the_rest_layer() {
        let bodies = sent(constants(BodyStyle::Camel), 1);
        let expected = r#"{"timestamp":"2026-01-01T00:00:00.250+00:00","deviceId":"green-1","deviceName":"Green \"house\"","data":{"temperature":21,"humidity":55.5,"airPressure":1013.25}}"#;
        assert_eq!(bodies[0].1, expected);
    }

    #[test]
    fn a_fleet_is_spread_over_the_interval() {
        let mut first: Vec<u64> = (0..1000)
            .map(|n| sent(options(&format!("load-{n}")), 5)[0].0.as_nanos())
            .collect();
        assert!(
            first
                .iter()
                .all(|t| *t < 5_000_000_000 && t.is_multiple_of(1_000_000))
        );
        first.sort_unstable();
        // Uniform: the largest gap between a thousand of them is some 7 of a thousandth.
        let widest = first
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap();
        assert!(widest < 100_000_000, "{widest}");
    }

    #[test]
    fn after_an_interruption_it_goes_on_in_its_grid() {
        let whole = sent(options("a"), 60);
        for start in [VirtualTime::from_secs(17), whole[4].0] {
            let mut rest = options("a");
            rest.start = start;
            let expected: Vec<_> = whole
                .iter()
                .filter(|(time, _)| *time > start)
                .cloned()
                .collect();
            assert_eq!(sent(rest, 60), expected);
        }
        assert_eq!(whole.len(), 12);
    }

    #[test]
    fn a_value_set_by_hand_stays() {
        let mut machine = SimulatedMachine::new(options("a")).unwrap();
        let set = |value| Stimulus::Sensor {
            quantity: "temperature".to_owned(),
            value,
        };
        machine.apply(set(99.5)).unwrap();
        machine.run_until(VirtualTime::from_secs(5)).unwrap();
        let OutputKind::Message(message) = &machine.out[0].kind else {
            panic!()
        };
        assert!(
            message
                .body
                .windows(19)
                .any(|it| it == b"\"Temperature\":99.5,")
        );
        let error = machine.apply(set(f64::NAN)).unwrap_err();
        assert!(
            error.to_string().starts_with("temperature cannot be NaN"),
            "{error}"
        );
    }

    #[test]
    fn no_interval_is_refused() {
        let mut options = options("a");
        options.interval = VirtualDuration::ZERO;
        let error = SimulatedMachine::new(options).unwrap_err();
        assert!(error.to_string().contains("such as 5s"), "{error}");
    }
}
