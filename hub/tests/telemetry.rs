//! Messages from devices to the cloud: what is taken, how it is acknowledged, what is refused.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{Rig, at, id, qos1};
use mqtt_proto::{
    QosPid, TopicName,
    v3::{Packet, Publish},
};
use serde_json::json;
use twinbench_hub::{CloseReason, ConnectionId, HubOutput, PublishError, log::partition_of};
use twinbench_model::{Message, Table, system};

const TOPIC: &str = "devices/dev1/messages/events/";

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.add("dev1");
    rig.online(1, "dev1");
    rig
}

#[test]
fn qos_1_is_acknowledged_in_order() {
    let mut rig = rig();
    for number in [7, 8, 7] {
        rig.packet(1, qos1(TOPIC, number, "{}"));
    }
    let acks = [7, 8, 7].map(|n| Packet::Puback(common::pid(n)));
    assert_eq!(rig.sent(1), acks);
    let sequences: Vec<u64> = rig.messages().iter().map(|m| m.sequence_number).collect();
    assert_eq!(sequences, [0, 1, 2]);
}

#[test]
fn an_acknowledgement_comes_with_the_record_of_its_message() {
    let mut rig = rig();
    let packet = Packet::from(qos1(TOPIC, 7, "{\"t\":1}")).encode().unwrap();
    rig.hub.receive(ConnectionId(1), packet.as_ref(), at(1));
    let (mut records, mut outputs) = (Vec::new(), Vec::new());
    rig.hub.drain_records(&mut records);
    rig.hub.drain_outputs(&mut outputs);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].table, Table::HubEvents);
    assert!(
        matches!(&outputs[..], [HubOutput::Send { bytes, .. }] if bytes[..] == [0x40, 2, 0, 7])
    );
}

#[test]
fn qos_0_is_taken_without_a_word() {
    let mut rig = rig();
    let topic = TopicName::try_from(TOPIC).unwrap();
    rig.packet(1, Publish::new(QosPid::Level0, topic, "hello".into()));
    assert_eq!(rig.sent(1), []);
    assert_eq!(&rig.messages()[0].message.body[..], b"hello");
}

#[test]
fn the_hub_completes_the_properties() {
    let mut rig = rig();
    rig.now = at(10);
    let topic = format!("{TOPIC}%24.ct=application%2Fjson&$.ce=utf-8&alert=a%20b%2Bc");
    let mut publish = qos1(&topic, 1, r#"{"t":21.5}"#);
    publish.retain = true;
    rig.packet(1, publish);
    let event = rig.messages().pop().unwrap();
    assert_eq!(event.device, id("dev1"));
    assert_eq!(event.enqueued, at(10));
    assert_eq!(event.partition, partition_of(&id("dev1"), 4));
    let expected = [
        (system::DEVICE_ID, "dev1"),
        (system::ENQUEUED_TIME, "2026-01-01T00:00:10.000Z"),
        (system::MESSAGE_SOURCE, "Telemetry"),
        (system::CONTENT_TYPE, "application/json"),
        (system::CONTENT_ENCODING, "utf-8"),
        (system::AUTH_GENERATION_ID, "1767225600000"),
        (
            system::AUTH_METHOD,
            r#"{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#,
        ),
    ];
    for (name, value) in expected {
        assert_eq!(event.message.system[name], value);
    }
    assert_eq!(event.message.system.len(), expected.len());
    let own = &event.message.properties;
    assert_eq!(own["alert"], "a b+c");
    assert_eq!(own["mqtt-retain"], "true");
    let facts = &rig.facts("d2c/dev1")[0];
    assert_eq!(facts["body"], json!({"t": 21.5}));
    assert_eq!(facts["sequence"], 0);
    assert_eq!(facts["properties"]["alert"], "a b+c");
    assert_eq!(facts["system"][system::DEVICE_ID], "dev1");
}

#[test]
fn the_announced_model_goes_with_each_message() {
    let mut rig = Rig::new();
    rig.add("dev1");
    let mut connect = common::connect("dev1");
    let model = "model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1";
    connect.username = Some(format!("localhost/dev1/?api-version=2020-09-30&{model}").into());
    rig.connect(1, connect);
    rig.packet(1, qos1(TOPIC, 1, "{}"));
    let event = rig.messages().pop().unwrap();
    assert_eq!(
        event.message.system[system::DATA_SCHEMA],
        "dtmi:com:example:Thermostat;1"
    );
}

#[test]
fn what_is_not_allowed_closes_with_its_reason() {
    let check = |publish: Publish, expected: &dyn Fn(&CloseReason) -> bool| {
        let mut rig = rig();
        rig.packet(1, publish);
        let reason = rig.reason(1).unwrap().clone();
        assert!(expected(&reason), "{reason:?}");
        assert_eq!(rig.messages(), []);
        assert_eq!(rig.sent(1), []);
        assert_eq!(rig.hub.stats().protocol_errors, 1);
        let facts = rig.facts("connection/dev1").pop().unwrap();
        assert_eq!(facts["reason"], reason.to_string());
    };
    let mut qos2 = qos1(TOPIC, 1, "{}");
    qos2.qos_pid = QosPid::Level2(common::pid(1));
    check(qos2, &|r| *r == CloseReason::Qos2);
    for topic in [
        "devices/dev2/messages/events/",
        "$iothub/none/",
        "free/topic",
    ] {
        check(qos1(topic, 1, "{}"), &|r| {
            matches!(r, CloseReason::Topic(_))
        });
    }
    for bag in ["=x", "a=%ff"] {
        let topic = format!("{TOPIC}{bag}");
        check(qos1(&topic, 1, "{}"), &|r| {
            matches!(r, CloseReason::PropertyBag(_))
        });
    }
    let body = vec![b' '; 256 * 1024 - 4];
    let topic = format!("{TOPIC}a=1&$.mid=xyzw");
    check(
        qos1(&topic, 1, body),
        &|r| matches!(r, CloseReason::TooLarge { size, limit } if *size == limit + 2),
    );
    check(qos1(TOPIC, 1, vec![0; 400_000]), &|r| {
        matches!(r, CloseReason::TooLarge { .. })
    });
}

#[test]
fn the_largest_message_is_taken() {
    let mut rig = rig();
    rig.packet(
        1,
        qos1(
            &format!("{TOPIC}a=1&$.mid=xy"),
            1,
            vec![b' '; 256 * 1024 - 4],
        ),
    );
    assert_eq!(rig.messages().len(), 1, "{:?}", rig.reason(1));
}

#[test]
fn malformed_bytes_close() {
    let mut rig = rig();
    rig.bytes(1, b"\xf0\x00");
    assert!(matches!(rig.reason(1), Some(CloseReason::Malformed(_))));
    rig.bytes(1, b"\xc0\x00");
    assert_eq!(rig.sent(1), []);
}

#[test]
fn machines_without_mqtt_publish_directly() {
    let mut rig = rig();
    let message = |size: usize| Message {
        body: vec![b'1'; size].into(),
        system: [(system::DEVICE_ID.to_owned(), "forged".to_owned())].into(),
        ..Message::default()
    };
    let partition = partition_of(&id("dev1"), 4);
    assert_eq!(
        rig.hub.publish(&id("dev1"), message(1), at(1)),
        Ok((partition, 0))
    );
    assert_eq!(
        rig.hub.publish(&id("dev1"), message(1), at(1)),
        Ok((partition, 1))
    );
    assert_eq!(rig.messages()[1].message.system[system::DEVICE_ID], "dev1");
    assert_eq!(
        rig.hub.publish(&id("nobody"), message(1), at(1)),
        Err(PublishError::UnknownDevice(id("nobody")))
    );
    let refused = rig.hub.publish(&id("dev1"), message(256 * 1024), at(1));
    assert!(matches!(refused, Err(PublishError::TooLarge { .. })));
    let status = twinbench_hub::registry::Status::Disabled;
    rig.hub.set_status(&id("dev1"), status, at(1));
    assert_eq!(
        rig.hub.publish(&id("dev1"), message(1), at(1)),
        Err(PublishError::Disabled(id("dev1")))
    );
    assert_eq!(rig.hub.stats().publish_errors, 3);
    assert_eq!(rig.hub.stats().messages, 2);
}
