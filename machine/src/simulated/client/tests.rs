//! The client, packet by packet.

use mqtt_proto::v3::{Connack, Suback, SubscribeReturnCode};
use serde_json::json;

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
