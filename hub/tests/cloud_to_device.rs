//! Messages to devices: order, acknowledgement, redelivery, expiry, dead letters, feedback.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{Rig, at, connect, id, options, subscribe};
use mqtt_proto::{
    Pid, QoS, QosPid,
    v3::{Packet, Publish},
};
use twinbench_hub::{
    c2d::{Ack, C2dError, FeedbackStatus, MAX_PENDING, SendC2d},
    registry::IdentityId,
};
use twinbench_model::{Message, VirtualTime, system};

const FILTER: &str = "devices/dev1/messages/devicebound/#";

fn dev1() -> IdentityId {
    id("dev1").into()
}

fn message(body: &str, ack: Ack, expires: Option<VirtualTime>) -> SendC2d {
    let mut message = Message {
        body: body.to_owned().into(),
        ..Message::default()
    };
    message
        .system
        .insert(system::MESSAGE_ID.into(), format!("id {body}"));
    SendC2d {
        message,
        expires,
        ack,
    }
}

fn send(rig: &mut Rig, body: &str, ack: Ack) {
    rig.hub
        .send_c2d(&dev1(), message(body, ack, None), rig.now)
        .unwrap();
    rig.commit();
}

/// A device that keeps its session and listens with this QoS.
fn listening(rig: &mut Rig, connection: u64, qos: QoS) {
    let mut kept = connect("dev1");
    kept.clean_session = false;
    kept.keep_alive = 1_767;
    rig.open(connection);
    rig.packet(connection, kept);
    rig.packet(connection, subscribe(1, &[(FILTER, qos)]));
}

fn publishes(rig: &mut Rig, connection: u64) -> Vec<Publish> {
    let publish = |packet| match packet {
        Packet::Publish(publish) => Some(publish),
        _ => None,
    };
    rig.sent(connection)
        .into_iter()
        .filter_map(publish)
        .collect()
}

fn pid(publish: &Publish) -> Pid {
    match publish.qos_pid {
        QosPid::Level1(pid) => pid,
        other => panic!("not QoS 1: {other:?}"),
    }
}

fn feedback(rig: &mut Rig) -> Vec<(String, FeedbackStatus)> {
    let batch = rig.hub.receive_feedback(rig.now);
    let records = batch.map_or_else(Vec::new, |batch| {
        rig.hub.complete_feedback(batch.lock_token).unwrap();
        batch.records
    });
    rig.commit();
    records
        .into_iter()
        .map(|record| (record.original_message_id, record.status))
        .collect()
}

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.add("dev1");
    rig
}

#[test]
fn messages_wait_come_in_order_and_are_acknowledged() {
    let mut rig = rig();
    send(&mut rig, "a", Ack::Full);
    send(&mut rig, "b", Ack::Negative);
    listening(&mut rig, 1, QoS::Level1);
    let came = publishes(&mut rig, 1);
    let bodies: Vec<_> = came.iter().map(|publish| &publish.payload[..]).collect();
    assert_eq!(bodies, [b"a", b"b"]);
    let topic = "devices/dev1/messages/devicebound/%24.mid=id%20a&%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound";
    assert_eq!(came[0].topic_name.to_string(), topic);
    assert_eq!(rig.hub.c2d_count(&dev1()), 2);
    for publish in &came {
        rig.packet(1, Packet::Puback(pid(publish)));
        rig.packet(1, Packet::Puback(pid(publish)));
    }
    assert_eq!(rig.hub.c2d_count(&dev1()), 0);
    assert_eq!(
        feedback(&mut rig),
        [("id a".into(), FeedbackStatus::Success)]
    );
    send(&mut rig, "c", Ack::None);
    assert_eq!(&publishes(&mut rig, 1)[0].payload[..], b"c");
}

#[test]
fn what_was_not_acknowledged_comes_again() {
    let mut rig = rig();
    listening(&mut rig, 1, QoS::Level1);
    send(&mut rig, "a", Ack::None);
    assert!(!publishes(&mut rig, 1)[0].dup);
    // A minute later on the same connection, and at once on the next.
    rig.tick(59);
    assert_eq!(publishes(&mut rig, 1), []);
    rig.tick(60);
    assert!(publishes(&mut rig, 1)[0].dup);
    rig.packet(1, Packet::Disconnect);
    listening(&mut rig, 2, QoS::Level1);
    let again = publishes(&mut rig, 2);
    assert!(again[0].dup && again.len() == 1);
    rig.packet(2, Packet::Puback(pid(&again[0])));
    assert_eq!(rig.hub.c2d_count(&dev1()), 0);
}

#[test]
fn a_message_is_given_up_after_ten_deliveries() {
    let mut rig = rig();
    listening(&mut rig, 1, QoS::Level1);
    send(&mut rig, "a", Ack::Negative);
    for minute in 1..=9 {
        rig.tick(minute * 60);
        assert_eq!(rig.hub.c2d_count(&dev1()), 1);
    }
    assert_eq!(publishes(&mut rig, 1).len(), 10);
    rig.tick(600);
    assert_eq!(rig.hub.c2d_count(&dev1()), 0);
    assert_eq!(
        feedback(&mut rig),
        [("id a".into(), FeedbackStatus::DeliveryCountExceeded)]
    );
}

#[test]
fn messages_expire() {
    let mut rig = rig();
    let soon = message("a", Ack::Full, Some(at(10)));
    rig.hub.send_c2d(&dev1(), soon, rig.now).unwrap();
    send(&mut rig, "hour", Ack::Full);
    let past = rig
        .hub
        .send_c2d(&dev1(), message("b", Ack::Full, Some(at(0))), rig.now);
    assert_eq!(past, Err(C2dError::Expired));
    rig.tick(9);
    assert_eq!(rig.hub.c2d_count(&dev1()), 2);
    rig.tick(10);
    assert_eq!(
        feedback(&mut rig),
        [("id a".into(), FeedbackStatus::Expired)]
    );
    rig.tick(3_600);
    assert_eq!(
        feedback(&mut rig),
        [("id hour".into(), FeedbackStatus::Expired)]
    );
}

#[test]
fn with_qos_0_a_message_is_done_when_it_is_sent() {
    let mut rig = rig();
    listening(&mut rig, 1, QoS::Level0);
    send(&mut rig, "a", Ack::Full);
    assert_eq!(publishes(&mut rig, 1)[0].qos_pid, QosPid::Level0);
    assert_eq!(
        feedback(&mut rig),
        [("id a".into(), FeedbackStatus::Success)]
    );
}

#[test]
fn queues_and_messages_are_bounded() {
    let mut rig = rig();
    for _ in 0..MAX_PENDING {
        send(&mut rig, "a", Ack::Negative);
    }
    let refused = rig
        .hub
        .send_c2d(&dev1(), message("b", Ack::None, None), rig.now);
    assert_eq!(refused, Err(C2dError::QueueFull(dev1())));
    assert_eq!(rig.hub.purge_c2d(&dev1(), rig.now), Some(MAX_PENDING));
    rig.commit();
    assert_eq!(feedback(&mut rig)[0].1, FeedbackStatus::Purged);
    let large = rig.hub.send_c2d(
        &dev1(),
        message(&"x".repeat(65_536), Ack::None, None),
        rig.now,
    );
    assert!(matches!(large, Err(C2dError::TooLarge { .. })));
    let mut wide = message("x", Ack::None, None);
    // Small as it is, encoded it does not fit into a topic.
    wide.message
        .properties
        .insert("p".into(), "ü".repeat(20_000));
    let wide = rig.hub.send_c2d(&dev1(), wide, rig.now);
    assert!(matches!(wide, Err(C2dError::TooLarge { .. })));
    let nobody = rig
        .hub
        .send_c2d(&id("nobody").into(), message("x", Ack::None, None), rig.now);
    assert!(matches!(nobody, Err(C2dError::NotFound(_))));
}

#[test]
fn queues_and_feedback_survive_a_restart() {
    let mut rig = rig();
    listening(&mut rig, 1, QoS::Level1);
    send(&mut rig, "a", Ack::Full);
    let first = publishes(&mut rig, 1).remove(0);
    send(&mut rig, "b", Ack::Full);
    rig.packet(1, Packet::Puback(pid(&first)));
    let mut rig = rig.restart(options());
    assert_eq!(rig.hub.c2d_count(&dev1()), 1);
    assert_eq!(
        feedback(&mut rig),
        [("id a".into(), FeedbackStatus::Success)]
    );
    // The session was kept, so the message comes with the CONNACK; it was on its way before.
    let mut kept = connect("dev1");
    kept.clean_session = false;
    rig.open(2);
    rig.packet(2, kept);
    let came = publishes(&mut rig, 2);
    assert!(came.len() == 1 && came[0].dup);
    assert_eq!(&came[0].payload[..], b"b");
}

#[test]
fn feedback_that_is_not_completed_comes_again() {
    let mut rig = rig();
    listening(&mut rig, 1, QoS::Level0);
    send(&mut rig, "a", Ack::Full);
    let first = rig.hub.receive_feedback(rig.now).unwrap();
    assert_eq!(rig.hub.receive_feedback(rig.now), None);
    rig.tick(60);
    assert!(rig.hub.complete_feedback(first.lock_token).is_err());
    let second = rig.hub.receive_feedback(rig.now).unwrap();
    rig.hub.abandon_feedback(second.lock_token).unwrap();
    assert_eq!(feedback(&mut rig).len(), 1);
    rig.tick(61);
    assert_eq!(feedback(&mut rig), []);
}
