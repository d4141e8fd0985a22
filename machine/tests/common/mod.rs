//! A bench for one machine: it runs in steps, is given stimuli at their times, and everything that
//! comes out is kept.

use std::{collections::VecDeque, path::Path, sync::Arc};

use bytes::Bytes;
use twinbench_emulator::{Image, MemoryMap};
use twinbench_machine::{
    EmulatorMachine, EmulatorOptions, Halt, Machine, NetworkEvent, NetworkRequest, Output,
    OutputKind, QUANTUM, Stimulus,
    generator::{Generator, Periodic},
};
use twinbench_model::{DeviceId, Epoch, VirtualDuration, VirtualTime};

pub(crate) fn epoch() -> Epoch {
    Epoch::new("2026-01-01T00:00:00Z".parse().unwrap())
}

pub(crate) fn device(id: &str) -> DeviceId {
    DeviceId::new(id).unwrap()
}

/// The image of the devkit firmware that is kept in the repository.
pub(crate) fn devkit_image() -> Arc<Image> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/firmware/devkit.elf");
    let elf = std::fs::read(path).unwrap();
    Arc::new(Image::from_elf(&elf, &MemoryMap::STM32F412XG).unwrap())
}

/// The devkit's settings: it can sign in, and its temperature swings.
pub(crate) fn devkit_options() -> EmulatorOptions {
    let mut options = EmulatorOptions::new(device("devkit-01"), 7, epoch());
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".clone_into(&mut options.device_key);
    let swing = Periodic {
        min: 18.0,
        max: 34.0,
        period: VirtualDuration::from_secs(120),
        noise: 2.0,
        phase: None,
    };
    options
        .sensors
        .insert("temperature".to_owned(), Generator::Periodic(swing));
    options
        .sensors
        .insert("pressure".to_owned(), Generator::Constant(987.65));
    options
}

pub(crate) fn devkit() -> EmulatorMachine {
    EmulatorMachine::az3166(devkit_image(), devkit_options()).unwrap()
}

/// A network with a hub that lets everybody in, answers pings and requests about the twin, and
/// acknowledges what is published.
pub(crate) struct Hub {
    stream: Vec<u8>,
    /// Code of every CONNACK: 0 lets in.
    pub(crate) connack: u8,
    /// Status of answers to requests about the twin: that of a hub that works, unless set.
    pub(crate) twin_status: Option<u16>,
    /// Desired properties, with `$version`.
    pub(crate) desired: serde_json::Value,
    /// Client ids that signed in or tried to.
    pub(crate) clients: Vec<String>,
    /// Filters of the last SUBSCRIBE.
    pub(crate) filters: Vec<String>,
    /// Bodies that were published with QoS 1, with the topic.
    pub(crate) published: Vec<(String, Vec<u8>)>,
    /// Bodies that were published with QoS 0, with the topic.
    pub(crate) requests: Vec<(String, Vec<u8>)>,
    /// Packets of ours that were acknowledged.
    pub(crate) acknowledged: usize,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            stream: Vec::new(),
            connack: 0,
            twin_status: None,
            desired: serde_json::json!({"$version": 1}),
            clients: Vec::new(),
            filters: Vec::new(),
            published: Vec::new(),
            requests: Vec::new(),
            acknowledged: 0,
        }
    }
}

/// A PUBLISH of the hub; `id`: with QoS 1.
pub(crate) fn publish(topic: &str, payload: &[u8], id: Option<u16>) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(id.iter().flat_map(|id| id.to_be_bytes()));
    body.extend(payload);
    let mut packet = vec![if id.is_some() { 0x32 } else { 0x30 }];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend(body);
    packet
}

impl Hub {
    fn hear(&mut self, connection: u32, bytes: &[u8], answers: &mut Vec<NetworkEvent>) {
        self.stream.extend_from_slice(bytes);
        while let Some((kind, body)) = self.packet() {
            let text = |at: usize| {
                let length = usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
                String::from_utf8(body[at + 2..at + 2 + length].to_vec()).unwrap()
            };
            let answer = match kind >> 4 {
                1 => {
                    assert_eq!(&body[..7], b"\0\x04MQTT\x04");
                    self.clients.push(text(10));
                    vec![0x20, 2, 0, self.connack]
                }
                3 if kind & 0x06 == 0 => {
                    let topic = text(0);
                    let payload = body[2 + topic.len()..].to_vec();
                    let answer = self.twin_answer(&topic);
                    self.requests.push((topic, payload));
                    answer
                }
                3 => {
                    assert_eq!(kind & 0x06, 0x02, "telemetry is published with QoS 1");
                    let topic = text(0);
                    let rest = &body[2 + topic.len()..];
                    self.published.push((topic, rest[2..].to_vec()));
                    vec![0x40, 2, rest[0], rest[1]]
                }
                4 => {
                    self.acknowledged += 1;
                    continue;
                }
                8 => {
                    let mut at = 2;
                    self.filters.clear();
                    let mut suback = vec![0x90, 2, body[0], body[1]];
                    while at < body.len() {
                        self.filters.push(text(at));
                        at += 2 + self.filters.last().unwrap().len();
                        suback.push(body[at]);
                        suback[1] += 1;
                        at += 1;
                    }
                    suback
                }
                12 => vec![0xD0, 0],
                // Anything else is no client of ours, such as a modem's command while the
                // firmware does not know yet that it is connected.
                _ => {
                    self.stream.clear();
                    let reason = "no MQTT".to_owned();
                    answers.push(NetworkEvent::Closed { connection, reason });
                    return;
                }
            };
            if answer.is_empty() {
                continue;
            }
            let bytes = Bytes::from(answer);
            answers.push(NetworkEvent::Received { connection, bytes });
        }
    }

    /// What a hub answers to a request about the twin; nothing to an answer to a method.
    fn twin_answer(&self, topic: &str) -> Vec<u8> {
        let Some((_, rid)) = topic.split_once("/?$rid=") else {
            return Vec::new();
        };
        if topic.starts_with("$iothub/twin/GET/") {
            let status = self.twin_status.unwrap_or(200);
            let topic = format!("$iothub/twin/res/{status}/?$rid={rid}");
            let twin = serde_json::json!({"desired": self.desired, "reported": {"$version": 1}});
            publish(&topic, twin.to_string().as_bytes(), None)
        } else if topic.starts_with("$iothub/twin/PATCH/properties/reported/") {
            let status = self.twin_status.unwrap_or(204);
            let topic = format!("$iothub/twin/res/{status}/?$rid={rid}&$version=2");
            publish(&topic, b"", None)
        } else {
            Vec::new()
        }
    }

    /// Takes a whole packet from the stream: first byte and body.
    fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut length = 0;
        for (index, byte) in self.stream.iter().skip(1).enumerate() {
            length |= usize::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                let head = index + 2;
                if self.stream.len() < head + length {
                    return None;
                }
                let packet: Vec<u8> = self.stream.drain(..head + length).collect();
                return Some((packet[0], packet[head..].to_vec()));
            }
        }
        None
    }
}

/// A machine on a bench.
pub(crate) struct Bench {
    pub(crate) machine: Box<dyn Machine>,
    pub(crate) now: VirtualTime,
    pub(crate) out: Vec<Output>,
    pub(crate) hub: Hub,
    /// Every stimulus that was given, with its time.
    pub(crate) given: Vec<(VirtualTime, Stimulus)>,
}

impl Bench {
    pub(crate) fn new(machine: impl Machine + 'static) -> Self {
        Self {
            machine: Box::new(machine),
            now: VirtualTime::ZERO,
            out: Vec::new(),
            hub: Hub::default(),
            given: Vec::new(),
        }
    }

    pub(crate) fn give(&mut self, stimulus: Stimulus) {
        self.given.push((self.now, stimulus.clone()));
        self.machine.apply(stimulus).unwrap();
    }

    /// One step, with what every machine holds to at every step.
    pub(crate) fn step(&mut self, end: VirtualTime) {
        let first = self.out.len();
        assert_eq!(self.machine.run_until(end).unwrap(), Halt::Reached);
        self.machine.drain(&mut self.out);
        let mut last = self.now;
        for output in &self.out[first..] {
            assert!(output.time >= last, "{output:?} after {last}");
            assert!(output.time <= end, "{output:?} in a step to {end}");
            last = output.time;
        }
        self.now = end;
    }

    /// Runs in quanta, as the stepping loop does, with the hub answering at their ends.
    pub(crate) fn run(&mut self, until: VirtualTime) {
        while self.now < until {
            let first = self.out.len();
            self.step((self.now + QUANTUM).min(until));
            let mut answers = Vec::new();
            for output in &self.out[first..] {
                match &output.kind {
                    OutputKind::Network(NetworkRequest::Open { connection, .. }) => {
                        answers.push(NetworkEvent::Opened {
                            connection: *connection,
                        });
                    }
                    OutputKind::Network(NetworkRequest::Send { connection, bytes }) => {
                        self.hub.hear(*connection, bytes, &mut answers);
                    }
                    _ => {}
                }
            }
            for answer in answers {
                self.give(Stimulus::Network(answer));
            }
        }
    }

    /// Runs in steps of these lengths in turn, with stimuli at their times, and no hub.
    pub(crate) fn replay(
        &mut self,
        given: &[(VirtualTime, Stimulus)],
        steps: &[VirtualDuration],
        until: VirtualTime,
    ) {
        let mut given: VecDeque<_> = given.iter().cloned().collect();
        let mut steps = steps.iter().cycle();
        while self.now < until {
            while given.front().is_some_and(|(time, _)| *time == self.now) {
                let (_, stimulus) = given.pop_front().unwrap();
                self.machine.apply(stimulus).unwrap();
            }
            let step = *steps.next().unwrap();
            let mut end = (self.now + step).min(until);
            if let Some((time, _)) = given.front() {
                end = end.min(*time);
            }
            self.step(end);
        }
    }

    /// The hub sends these bytes over the last connection.
    pub(crate) fn send(&mut self, packet: Vec<u8>) {
        let open = self.out.iter().rev().find_map(|output| match output.kind {
            OutputKind::Network(NetworkRequest::Open { connection, .. }) => Some(connection),
            _ => None,
        });
        let (connection, bytes) = (open.unwrap(), Bytes::from(packet));
        self.give(Stimulus::Network(NetworkEvent::Received {
            connection,
            bytes,
        }));
    }

    /// What the display shows, line by line; `None` before the first picture.
    pub(crate) fn pin(&self, name: &str) -> Option<bool> {
        self.out.iter().rev().find_map(|output| match &output.kind {
            OutputKind::Pin { name: it, high } if it == name => Some(*high),
            _ => None,
        })
    }

    /// What the console said.
    pub(crate) fn console(&self) -> String {
        let text = self.out.iter().filter_map(|output| match &output.kind {
            OutputKind::Uart { port, bytes } if port == "console" => Some(bytes.as_ref()),
            _ => None,
        });
        String::from_utf8_lossy(&text.collect::<Vec<_>>().concat()).into_owned()
    }
}
