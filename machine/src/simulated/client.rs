//! The MQTT client of a device without firmware: telemetry that is acknowledged, twin, direct methods
//! and messages from the cloud, as a small program on a device would do it.
//!
//! Desired properties are reported back as IoT Plug and Play has writable properties acknowledged:
//! `{"value": …, "ac": 200, "av": version}`.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes, BytesMut};
use mqtt_proto::{
    Pid, QoS, QosPid,
    v3::{Connect, ConnectReturnCode, Packet, Publish, Subscribe},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value, json};
use twinbench_model::{Message, VirtualDuration, VirtualTime};

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

/// How a device without firmware reaches the hub by a connection of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedLink {
    /// The hub's name.
    pub host: String,
    /// What it signs in with: user name and password of MQTT.
    pub sign_in: SignIn,
    /// The direct methods that it knows; others are answered with 501.
    pub methods: BTreeMap<String, SimulatedMethod>,
}

/// User name and password. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The user name.
    pub username: String,
    /// The password: a shared access signature.
    pub password: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What a device without firmware does with a direct method.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedMethod {
    /// The status of its answer.
    pub status: i32,
    /// The payload of its answer; `None` gives back what it was given.
    pub payload: Option<Value>,
    /// How long it takes.
    pub after: VirtualDuration,
    /// Whether it answers at all.
    pub answers: bool,
}

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

    fn published(
        &mut self,
        publish: &Publish,
        now: VirtualTime,
        out: &mut Vec<Output>,
        effects: &mut Vec<Effect>,
    ) {
        let topic: &str = &publish.topic_name;
        let json = || serde_json::from_slice::<Value>(&publish.payload);
        if let Some(rest) = topic.strip_prefix("$iothub/methods/POST/") {
            let Some((name, request)) = rest.split_once("/?$rid=") else {
                return;
            };
            let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
            let given = json().unwrap_or(Value::Null);
            self.method(&name, request, given, now, out);
        } else if let Some(rest) = topic.strip_prefix("$iothub/twin/res/200/?$rid=") {
            let request = rest.split('&').next().unwrap_or_default();
            if request == TWIN.to_string()
                && let Ok(mut twin) = json()
                && let Value::Object(desired) = twin["desired"].take()
            {
                self.desired(desired, now, out, effects);
            }
        } else if topic.starts_with("$iothub/twin/PATCH/properties/desired/") {
            if let Ok(Value::Object(desired)) = json() {
                self.desired(desired, now, out, effects);
            }
        } else if topic.starts_with("devices/") {
            let text = String::from_utf8_lossy(&publish.payload);
            out.push(note(now, format!("message from the cloud: {text}")));
        }
    }

    fn method(
        &mut self,
        name: &str,
        request: &str,
        given: Value,
        now: VirtualTime,
        out: &mut Vec<Output>,
    ) {
        let unknown = SimulatedMethod {
            status: 501,
            payload: Some(json!({"error": format!("there is no method {name}")})),
            after: VirtualDuration::ZERO,
            answers: true,
        };
        let method = self.link.methods.get(name).unwrap_or(&unknown);
        if !method.answers {
            return out.push(note(now, format!("method {name}: not answered")));
        }
        let payload = method.payload.clone().unwrap_or(given);
        let topic = format!("$iothub/methods/res/{}/?$rid={request}", method.status);
        let after = method.after;
        let body = Bytes::from(payload.to_string());
        if after == VirtualDuration::ZERO {
            return self.say_on(&topic, body, now, out);
        }
        if let Some(answer) = publish(&topic, QosPid::Level0, body) {
            self.made += 1;
            let due = (now + after, self.made);
            self.later.insert(due, (self.connection, answer));
        }
    }

    /// Applies desired properties and reports each of them.
    fn desired(
        &mut self,
        mut desired: Map<String, Value>,
        now: VirtualTime,
        out: &mut Vec<Output>,
        effects: &mut Vec<Effect>,
    ) {
        let version = desired.remove("$version").and_then(|it| it.as_u64());
        desired.remove("$metadata");
        // A notice may come before or after the whole twin in which it is contained.
        if version.is_some() && version <= self.applied {
            return;
        }
        self.applied = version;
        let mut reported = Map::new();
        for (name, value) in desired {
            if value.is_null() {
                reported.insert(name, Value::Null);
                continue;
            }
            let seconds = value.as_u64().filter(|seconds| *seconds > 0);
            let (code, why) = match (name.as_str(), seconds) {
                (INTERVAL, Some(seconds)) => {
                    effects.push(Effect::Interval(VirtualDuration::from_secs(seconds)));
                    (200, None)
                }
                (INTERVAL, None) => (400, Some("a whole number of seconds from 1 on")),
                _ => (200, None),
            };
            let mut answer = json!({"value": value, "ac": code, "av": version});
            if let Some(why) = why {
                answer["ad"] = why.into();
            }
            reported.insert(name, answer);
        }
        if reported.is_empty() {
            return;
        }
        self.reported(&Value::Object(reported), now, out);
    }

    fn reported(&mut self, properties: &Value, now: VirtualTime, out: &mut Vec<Output>) {
        self.requests += 1;
        let topic = format!(
            "$iothub/twin/PATCH/properties/reported/?$rid={}",
            self.requests
        );
        self.say_on(&topic, Bytes::from(properties.to_string()), now, out);
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
mod tests {
    use mqtt_proto::v3::{Connack, Suback, SubscribeReturnCode};

    use super::*;

    struct Rig {
        client: Client,
        now: VirtualTime,
        effects: Vec<Effect>,
    }

    impl Rig {
        /// A client that has signed in.
        fn online() -> Self {
            let echo = SimulatedMethod {
                status: 200,
                payload: None,
                after: VirtualDuration::from_secs(2),
                answers: true,
            };
            let link = SimulatedLink {
                host: "localhost".into(),
                sign_in: SignIn {
                    username: "localhost/d/?api-version=2021-04-12".into(),
                    password: "a secret".into(),
                },
                methods: [("echo".to_owned(), echo)].into(),
            };
            assert!(!format!("{link:?}").contains("a secret"));
            let mut rig = Self {
                client: Client::new("d".into(), link, VirtualTime::ZERO),
                now: VirtualTime::ZERO,
                effects: Vec::new(),
            };
            let mut out = Vec::new();
            rig.client.run(rig.now, &mut out);
            assert!(matches!(
                out[0].kind,
                OutputKind::Network(NetworkRequest::Open { connection: 1, .. })
            ));
            let said = rig.event(NetworkEvent::Opened { connection: 1 });
            assert!(matches!(&said[..], [Packet::Connect(it)] if !it.clean_session));
            let said = rig.hear(&Packet::Connack(Connack::new(
                false,
                ConnectReturnCode::Accepted,
            )));
            assert!(matches!(&said[..], [Packet::Subscribe(it)] if it.topics.len() == 4));
            let code = SubscribeReturnCode::MaxLevel0;
            let said = rig.hear(&Packet::Suback(Suback::new(Pid::default(), vec![code; 4])));
            assert_eq!(topics(&said), ["$iothub/twin/GET/?$rid=1"]);
            rig
        }

        fn event(&mut self, event: NetworkEvent) -> Vec<Packet> {
            let mut out = Vec::new();
            self.client
                .heard(event, self.now, &mut out, &mut self.effects);
            packets(&out)
        }

        fn hear(&mut self, packet: &Packet) -> Vec<Packet> {
            let bytes = Bytes::copy_from_slice(packet.encode().unwrap().as_ref());
            let connection = self.client.connection;
            self.event(NetworkEvent::Received { connection, bytes })
        }

        fn hear_on(&mut self, topic: &str, body: &str) -> Vec<Packet> {
            let body = Bytes::from(body.to_owned());
            self.hear(&Packet::Publish(
                publish(topic, QosPid::Level0, body).unwrap(),
            ))
        }

        fn run(&mut self, seconds: u64) -> Vec<Packet> {
            self.now += VirtualDuration::from_secs(seconds);
            let mut out = Vec::new();
            self.client.run(self.now, &mut out);
            packets(&out)
        }
    }

    fn packets(out: &[Output]) -> Vec<Packet> {
        let sent = out.iter().filter_map(|output| match &output.kind {
            OutputKind::Network(NetworkRequest::Send { bytes, .. }) => Some(bytes),
            _ => None,
        });
        sent.map(|bytes| Packet::decode(bytes).unwrap().unwrap())
            .collect()
    }

    fn topics(packets: &[Packet]) -> Vec<String> {
        let topic = |packet: &Packet| match packet {
            Packet::Publish(publish) => publish.topic_name.to_string(),
            other => format!("{other:?}"),
        };
        packets.iter().map(topic).collect()
    }

    fn body(packet: &Packet) -> Value {
        let Packet::Publish(publish) = packet else {
            panic!("{packet:?}");
        };
        serde_json::from_slice(&publish.payload).unwrap()
    }

    #[test]
    fn desired_properties_are_applied_once_and_reported() {
        let mut rig = Rig::online();
        let twin = r#"{"desired":{"telemetryInterval":3,"$version":4},"reported":{"$version":1}}"#;
        let said = rig.hear_on("$iothub/twin/res/200/?$rid=1", twin);
        assert_eq!(
            topics(&said),
            ["$iothub/twin/PATCH/properties/reported/?$rid=2"]
        );
        let acknowledged = json!({"telemetryInterval": {"value": 3, "ac": 200, "av": 4}});
        assert_eq!(body(&said[0]), acknowledged);
        assert_eq!(
            rig.effects,
            [Effect::Interval(VirtualDuration::from_secs(3))]
        );
        let notice = "$iothub/twin/PATCH/properties/desired/?$version=4";
        assert!(
            rig.hear_on(notice, r#"{"telemetryInterval":3,"$version":4}"#)
                .is_empty()
        );
        let said = rig.hear_on(notice, r#"{"telemetryInterval":0,"x":null,"$version":5}"#);
        assert_eq!(body(&said[0])["telemetryInterval"]["ac"], 400);
        assert_eq!(body(&said[0])["x"], Value::Null);
    }

    #[test]
    fn methods_are_answered_in_their_time() {
        let mut rig = Rig::online();
        let said = rig.hear_on("$iothub/methods/POST/nothing/?$rid=a", "{}");
        assert_eq!(topics(&said), ["$iothub/methods/res/501/?$rid=a"]);
        assert!(
            rig.hear_on("$iothub/methods/POST/echo/?$rid=b", "[1]")
                .is_empty()
        );
        assert!(rig.run(1).is_empty());
        let said = rig.run(1);
        assert_eq!(topics(&said), ["$iothub/methods/res/200/?$rid=b"]);
        assert_eq!(body(&said[0]), json!([1]));
    }

    #[test]
    fn telemetry_is_sent_again_until_it_is_acknowledged() {
        let mut rig = Rig::online();
        let message = Message {
            body: Bytes::from_static(b"{}"),
            properties: [("a b".to_owned(), "ü".to_owned())].into(),
            ..Message::default()
        };
        let mut out = Vec::new();
        rig.client.publish(&message, rig.now, &mut out);
        assert_eq!(
            topics(&packets(&out)),
            ["devices/d/messages/events/a%20b=%C3%BC"]
        );
        rig.event(NetworkEvent::Closed {
            connection: 1,
            reason: "gone".into(),
        });
        assert_eq!(rig.client.next(), Some(VirtualTime::from_secs(1)));
        rig.run(1);
        rig.event(NetworkEvent::Opened { connection: 2 });
        let connack = Packet::Connack(Connack::new(true, ConnectReturnCode::Accepted));
        let said = rig.hear(&connack);
        let Packet::Publish(again) = &said[1] else {
            panic!("{said:?}");
        };
        assert!(again.dup);
        let QosPid::Level1(pid) = again.qos_pid else {
            panic!("{again:?}");
        };
        rig.hear(&Packet::Puback(pid));
        assert!(rig.client.in_flight.is_empty());
    }

    #[test]
    fn a_hub_that_says_nothing_is_left() {
        let mut rig = Rig::online();
        let mut out = Vec::new();
        rig.client.publish(&Message::default(), rig.now, &mut out);
        assert_eq!(rig.client.next(), Some(VirtualTime::from_secs(30)));
        rig.run(30);
        assert_eq!(
            rig.client.state,
            State::Off(Some(VirtualTime::from_secs(31)))
        );
    }

    #[test]
    fn what_is_no_packet_ends_the_connection() {
        let mut rig = Rig::online();
        rig.event(NetworkEvent::Received {
            connection: 1,
            bytes: Bytes::from_static(&[0xff; 8]),
        });
        assert!(matches!(rig.client.state, State::Off(Some(_))));
        // Without Wi-Fi it waits for it.
        let mut out = Vec::new();
        rig.client.wifi(false, rig.now, &mut out);
        assert_eq!(rig.client.next(), None);
        rig.client.wifi(true, rig.now, &mut out);
        assert_eq!(rig.client.next(), Some(rig.now));
    }
}
