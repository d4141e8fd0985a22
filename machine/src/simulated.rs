//! A device without firmware: it sends a message at every interval, with values from generators.
//!
//! Without a link its messages go straight to the hub; with one it connects as a real device does,
//! and takes part in twins, direct methods and messages from the cloud.

mod client;

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use twinbench_model::{DeviceId, Epoch, Message, VirtualDuration, VirtualTime, system};

use crate::{
    Capabilities, Error, Halt, Machine, Output, OutputKind, Stimulus, Wake,
    generator::{Generator, Key, Range, Sampler},
};

use client::{Client, Effect};
pub use client::{SignIn, SimulatedLink, SimulatedMethod};

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
        })
    }

    /// Sends the message of a time, and sets the time of the next.
    fn send(&mut self, time: VirtualTime) {
        let message = self.message(time);
        match &mut self.client {
            Some(client) => client.publish(&message, time, &mut self.out),
            None => self.out.push(Output {
                time,
                kind: OutputKind::Message(message),
            }),
        }
        let next = time.as_nanos().checked_add(self.interval.as_nanos());
        self.next = next.map(VirtualTime::from_nanos);
    }

    fn message(&mut self, time: VirtualTime) -> Message {
        let body = &mut self.body;
        body.clear();
        body.push_str(&self.head.0);
        // Milliseconds and a numeric offset: what .NET writes for an instant in UTC. Writing to a
        // String cannot fail.
        let _ = write!(body, "{:.3}", self.epoch.utc(time));
        body.truncate(body.trim_end_matches('Z').len());
        body.push_str("+00:00");
        body.push_str(&self.head.1);
        for quantity in &mut self.quantities {
            body.push_str(&quantity.key);
            let _ = write!(body, "{}", quantity.sampler.at(time));
        }
        body.push_str("}}");
        Message {
            body: Bytes::copy_from_slice(body.as_bytes()),
            system: self.system.clone(),
            properties: BTreeMap::new(),
        }
    }
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
        loop {
            let client = self.client.as_ref().and_then(Client::next);
            let due = [self.next, client].into_iter().flatten().min();
            let Some(time) = due.filter(|due| *due <= t) else {
                break;
            };
            self.now = self.now.max(time);
            if let Some(client) = &mut self.client {
                client.run(self.now, &mut self.out);
            }
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
        let client = self.client.as_ref().and_then(Client::next);
        let next = [self.next, client].into_iter().flatten().min();
        next.map_or(Wake::Never, Wake::At)
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
