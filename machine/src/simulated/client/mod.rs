//! The MQTT client of a device without firmware: telemetry that is acknowledged, twin, direct methods
//! and messages from the cloud, as a small program on a device would do it.
//!
//! Desired properties are reported back as IoT Plug and Play has writable properties acknowledged:
//! `{"value": …, "ac": 200, "av": version}`.

mod cloud;
mod link;

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes, BytesMut};
use mqtt_proto::{
    Pid, QoS, QosPid,
    v3::{Connect, ConnectReturnCode, Packet, Publish, Subscribe},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use twinbench_model::{Message, VirtualDuration, VirtualTime};

pub use self::link::{SignIn, SimulatedLink, SimulatedMethod};
use crate::{NetworkEvent, NetworkRequest, Output, OutputKind};

/// Seconds between signs of life that the hub is promised (the SDKs' usual ones are 60 to 240).
const KEEP_ALIVE: u16 = 240;
/// How long it says nothing before it says PINGREQ.
const SILENCE: VirtualDuration = VirtualDuration::from_secs(180);
/// How long it waits for a word of the hub that must come, before it takes the connection for dead.
const PATIENCE: VirtualDuration = VirtualDuration::from_secs(30);
/// The first and the longest wait before it connects again.
const RETRY: (u64, u64) = (1, 60);
/// Telemetry that waits for its acknowledgement or a connection; the oldest goes beyond.
const WAITING: usize = 1_000;
/// The longest telemetry that a hub takes, in bytes; what is longer is not sent a second time.
const LONGEST: usize = 256 << 10;
/// The request id of the question for the whole twin; reported properties count on from it.
const TWIN: u32 = 1;
/// What stays as it is in a property bag (RFC 3986, unreserved).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The desired property that sets how often telemetry is sent, in seconds.
const INTERVAL: &str = "telemetryInterval";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No connection; the next attempt is at a time, or when Wi-Fi comes back.
    Off(Option<VirtualTime>),
    /// The network was asked for a connection.
    Opening,
    /// CONNECT was sent.
    SigningIn,
    /// CONNACK has come.
    Online,
}

/// The client.
#[derive(Debug)]
pub(super) struct Client {
    device: String,
    link: SimulatedLink,
    state: State,
    /// Its number for the connection.
    connection: u32,
    /// Seconds until the next attempt but one.
    backoff: u64,
    wifi: bool,
    buffer: BytesMut,
    /// Telemetry that the hub has not acknowledged, by packet id, oldest first.
    in_flight: VecDeque<(Pid, Publish)>,
    next_pid: Pid,
    /// When something was sent last.
    said: VirtualTime,
    /// Since when it waits for a word of the hub that must come.
    waits: Option<VirtualTime>,
    /// Answers that are still to come, in order of their times.
    later: BTreeMap<(VirtualTime, u64), (u32, Publish)>,
    made: u64,
    requests: u32,
    /// The version of the desired properties that was applied.
    applied: Option<u64>,
    /// Reported properties that wait for a connection.
    to_report: Option<Value>,
}

/// What the device is to do.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// Send telemetry so often from now on.
    Interval(VirtualDuration),
}

impl Client {
    pub(super) fn new(device: String, link: SimulatedLink, start: VirtualTime) -> Self {
        Self {
            device,
            link,
            state: State::Off(Some(start)),
            connection: 0,
            backoff: RETRY.0,
            wifi: true,
            buffer: BytesMut::new(),
            in_flight: VecDeque::new(),
            next_pid: Pid::default(),
            said: start,
            waits: None,
            later: BTreeMap::new(),
            made: 0,
            requests: TWIN,
            applied: None,
            to_report: None,
        }
    }

    /// Reports properties as soon as there is the next connection; what waited before is left out.
    pub(super) fn report(&mut self, properties: Value) {
        self.to_report = Some(properties);
    }

    /// When it has something to do.
    pub(super) fn next(&self) -> Option<VirtualTime> {
        let own = match self.state {
            State::Off(retry) => retry,
            State::Opening | State::SigningIn => None,
            State::Online => Some(self.said + SILENCE),
        };
        let answer = self.later.keys().next().map(|(time, _)| *time);
        let patience = self.waits.map(|since| since + PATIENCE);
        [own, answer, patience].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(super) fn run(&mut self, now: VirtualTime, out: &mut Vec<Output>) {
        if let State::Off(Some(retry)) = self.state
            && retry <= now
        {
            self.connection += 1;
            self.state = State::Opening;
            self.waits = Some(now);
            let request = NetworkRequest::Open {
                connection: self.connection,
                host: self.link.host.clone(),
                port: 8883,
                tls: true,
            };
            out.push(network(now, request));
        }
        if self.waits.is_some_and(|since| since + PATIENCE <= now) {
            let connection = self.connection;
            out.push(network(now, NetworkRequest::Close { connection }));
            self.lost("the hub does not answer", now, out);
        }
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (connection, answer) = entry.remove();
            // An answer on another connection than the question's is of no use to anybody.
            if self.state == State::Online && connection == self.connection {
                self.say(&Packet::Publish(answer), now, out);
            }
        }
        if self.state == State::Online && self.said + SILENCE <= now {
            self.say(&Packet::Pingreq, now, out);
        }
    }

    /// Sends telemetry, or keeps it until there is a connection.
    pub(super) fn publish(&mut self, message: &Message, now: VirtualTime, out: &mut Vec<Output>) {
        let mut bag: Vec<String> = Vec::new();
        let mut put = |name: &str, value: &str| {
            let encoded = |text| utf8_percent_encode(text, KEPT);
            bag.push(format!("{}={}", encoded(name), encoded(value)));
        };
        for (name, value) in &message.system {
            match name.as_str() {
                twinbench_model::system::CONTENT_TYPE => put("$.ct", value),
                twinbench_model::system::CONTENT_ENCODING => put("$.ce", value),
                _ => {}
            }
        }
        for (name, value) in &message.properties {
            put(name, value);
        }
        let topic = format!(
            "devices/{}/messages/events/{}",
            self.device,
            bag.join("&").replace("%24.", "$.")
        );
        if message.body.len() > LONGEST {
            // It is said once, so that the device comes back from it.
            if self.state == State::Online {
                self.say_on(&topic, message.body.clone(), now, out);
            }
            return;
        }
        let pid = self.next_pid;
        self.next_pid += 1;
        let Some(publish) = publish(&topic, QosPid::Level1(pid), message.body.clone()) else {
            return;
        };
        if self.in_flight.len() >= WAITING {
            self.in_flight.pop_front();
        }
        self.in_flight.push_back((pid, publish.clone()));
        if self.state == State::Online {
            self.say(&Packet::Publish(publish), now, out);
        }
    }

    /// Its Wi-Fi goes away or comes back.
    pub(super) fn wifi(&mut self, up: bool, now: VirtualTime, out: &mut Vec<Output>) {
        if self.wifi == up {
            return;
        }
        self.wifi = up;
        if up {
            self.backoff = RETRY.0;
            self.state = State::Off(Some(now));
            return;
        }
        if !matches!(self.state, State::Off(_)) {
            let connection = self.connection;
            out.push(network(now, NetworkRequest::Close { connection }));
        }
        self.buffer.clear();
        self.waits = None;
        self.state = State::Off(None);
    }

    /// News from the network.
    pub(super) fn heard(
        &mut self,
        event: NetworkEvent,
        now: VirtualTime,
        out: &mut Vec<Output>,
        effects: &mut Vec<Effect>,
    ) {
        match event {
            NetworkEvent::Opened { connection }
                if connection == self.connection && self.state == State::Opening =>
            {
                self.sign_in(now, out);
            }
            NetworkEvent::Received { connection, bytes } if connection == self.connection => {
                if matches!(self.state, State::Off(_)) {
                    return;
                }
                self.waits = None;
                self.buffer.extend_from_slice(&bytes);
                while let Some(packet) = self.packet(now, out) {
                    self.take(packet, now, out, effects);
                }
            }
            NetworkEvent::Closed { connection, reason } if connection == self.connection => {
                self.lost(&reason, now, out);
            }
            // Of an earlier connection.
            _ => {}
        }
    }

    fn sign_in(&mut self, now: VirtualTime, out: &mut Vec<Output>) {
        let mut connect = Connect::new(self.device.as_str().into(), KEEP_ALIVE);
        connect.clean_session = false;
        connect.username = Some(self.link.sign_in.username.as_str().into());
        connect.password = Some(Bytes::from(self.link.sign_in.password.clone()));
        self.state = State::SigningIn;
        self.say(&Packet::Connect(connect), now, out);
    }

    fn lost(&mut self, reason: &str, now: VirtualTime, out: &mut Vec<Output>) {
        if matches!(self.state, State::Off(_)) {
            return;
        }
        self.buffer.clear();
        self.waits = None;
        let wait = self.backoff;
        self.backoff = (wait * 2).min(RETRY.1);
        let again = now + VirtualDuration::from_secs(wait);
        self.state = State::Off(self.wifi.then_some(again));
        out.push(note(
            now,
            format!("connection closed: {reason}; again in {wait} s"),
        ));
    }

    /// The next whole packet. What is none ends the connection.
    fn packet(&mut self, now: VirtualTime, out: &mut Vec<Output>) -> Option<Packet> {
        let total = whole(&self.buffer)?;
        if let Ok(Some(packet)) = Packet::decode(&self.buffer[..total]) {
            self.buffer.advance(total);
            return Some(packet);
        }
        let connection = self.connection;
        out.push(network(now, NetworkRequest::Close { connection }));
        self.lost("the hub sent what is no MQTT packet", now, out);
        None
    }

    fn take(
        &mut self,
        packet: Packet,
        now: VirtualTime,
        out: &mut Vec<Output>,
        effects: &mut Vec<Effect>,
    ) {
        match packet {
            Packet::Connack(connack) if connack.code == ConnectReturnCode::Accepted => {
                self.state = State::Online;
                self.backoff = RETRY.0;
                self.subscribe(now, out);
                let again: Vec<Publish> = self.in_flight.iter().map(|it| it.1.clone()).collect();
                for mut publish in again {
                    publish.dup = true;
                    self.say(&Packet::Publish(publish), now, out);
                }
            }
            Packet::Connack(connack) => {
                let connection = self.connection;
                out.push(network(now, NetworkRequest::Close { connection }));
                let reason = format!("the hub refused the sign-in ({:?})", connack.code);
                self.lost(&reason, now, out);
            }
            Packet::Suback(_) => {
                self.ask_for_twin(now, out);
                if let Some(properties) = self.to_report.take() {
                    self.reported(&properties, now, out);
                }
            }
            Packet::Puback(pid) => self.in_flight.retain(|(known, _)| *known != pid),
            Packet::Publish(publish) => {
                if let QosPid::Level1(pid) = publish.qos_pid {
                    self.say(&Packet::Puback(pid), now, out);
                }
                self.published(&publish, now, out, effects);
            }
            _ => {}
        }
    }

    fn subscribe(&mut self, now: VirtualTime, out: &mut Vec<Output>) {
        let c2d = format!("devices/{}/messages/devicebound/#", self.device);
        let filters = [
            (c2d.as_str(), QoS::Level1),
            ("$iothub/methods/POST/#", QoS::Level0),
            ("$iothub/twin/res/#", QoS::Level0),
            ("$iothub/twin/PATCH/properties/desired/#", QoS::Level0),
        ];
        let filters = filters
            .into_iter()
            .filter_map(|(filter, qos)| Some((filter.try_into().ok()?, qos)));
        // Packet ids of subscriptions and messages are one space.
        let subscribe = Subscribe::new(self.next_pid, filters.collect());
        self.next_pid += 1;
        self.say(&Packet::Subscribe(subscribe), now, out);
    }

    fn ask_for_twin(&mut self, now: VirtualTime, out: &mut Vec<Output>) {
        let topic = format!("$iothub/twin/GET/?$rid={TWIN}");
        self.say_on(&topic, Bytes::new(), now, out);
    }

    fn say_on(&mut self, topic: &str, body: Bytes, now: VirtualTime, out: &mut Vec<Output>) {
        if let Some(publish) = publish(topic, QosPid::Level0, body) {
            self.say(&Packet::Publish(publish), now, out);
        }
    }

    fn say(&mut self, packet: &Packet, now: VirtualTime, out: &mut Vec<Output>) {
        // What it says is made above and fits into a packet; a name that does not is not said.
        if let Ok(encoded) = packet.encode() {
            self.said = now;
            let answered = match packet {
                Packet::Publish(publish) => publish.qos_pid != QosPid::Level0,
                Packet::Connect(_) | Packet::Subscribe(_) | Packet::Pingreq => true,
                _ => false,
            };
            if answered {
                self.waits.get_or_insert(now);
            }
            let bytes = Bytes::copy_from_slice(encoded.as_ref());
            let connection = self.connection;
            out.push(network(now, NetworkRequest::Send { connection, bytes }));
        }
    }
}

fn publish(topic: &str, qos: QosPid, body: Bytes) -> Option<Publish> {
    Some(Publish::new(qos, topic.try_into().ok()?, body))
}

fn network(time: VirtualTime, request: NetworkRequest) -> Output {
    Output {
        time,
        kind: OutputKind::Network(request),
    }
}

fn note(time: VirtualTime, text: String) -> Output {
    Output {
        time,
        kind: OutputKind::Note(text),
    }
}

/// The length of the first packet, once all of it is there. A length that is none counts as one,
/// which no packet can be read from.
fn whole(buffer: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (n, byte) in buffer.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            let total = 2 + n + length;
            return (buffer.len() >= total).then_some(total);
        }
    }
    (buffer.len() >= 5).then_some(1)
}

#[cfg(test)]
mod tests;
