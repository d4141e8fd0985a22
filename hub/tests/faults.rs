//! Faults between devices and hub, and the limits of the cloud's tiers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{Rig, connect, id, options, publish, qos1, subscribe};
use mqtt_proto::{
    QoS,
    v3::{ConnectReturnCode, Packet},
};
use twinbench_hub::{
    CloseReason,
    faults::{Fault, FaultKind},
    limits::{Profile, Tier},
};
use twinbench_model::VirtualDuration;

const EVENTS: &str = "devices/dev1/messages/events/";

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.add("dev1");
    rig.add("dev2");
    rig.online(1, "dev1");
    rig
}

fn begin(rig: &mut Rig, kind: FaultKind, seconds: Option<u64>) {
    let fault = Fault {
        kind,
        device: Some("*1".into()),
        lasts: seconds.map(VirtualDuration::from_secs),
    };
    rig.hub.begin_fault(fault, rig.now);
    rig.commit();
}

fn seconds(seconds: u64) -> VirtualDuration {
    VirtualDuration::from_secs(seconds)
}

#[test]
fn without_a_network_connections_break_and_none_comes() {
    let mut rig = rig();
    rig.online(2, "dev2");
    begin(&mut rig, FaultKind::NetworkDrop, Some(10));
    assert!(matches!(rig.reason(1), Some(CloseReason::Fault(_))));
    assert_eq!(rig.reason(2), None);
    rig.open(3);
    rig.packet(3, connect("dev1"));
    assert!(rig.sent(3).is_empty() && matches!(rig.reason(3), Some(CloseReason::Fault(_))));
    assert_eq!(rig.hub.next_timer(), Some(common::at(10)));
    rig.tick(10);
    rig.online(4, "dev1");
    let facts = rig.facts("fault/1");
    assert_eq!(facts[0]["begins"]["kind"], "network-drop");
    assert_eq!(facts[1]["ends"], facts[0]["begins"]);
}

#[test]
fn a_half_open_connection_says_and_hears_nothing() {
    let mut rig = rig();
    begin(&mut rig, FaultKind::HalfOpen, None);
    rig.packet(1, qos1(EVENTS, 1, "x"));
    assert!(rig.sent(1).is_empty() && rig.messages().is_empty());
    rig.tick(89);
    assert_eq!(rig.reason(1), None);
    rig.tick(90);
    assert_eq!(rig.reason(1), Some(&CloseReason::KeepAliveTimeout));
}

#[test]
fn latency_delays_what_the_hub_says_in_order() {
    let mut rig = rig();
    begin(&mut rig, FaultKind::Latency(seconds(3)), Some(1));
    rig.packet(1, qos1(EVENTS, 1, "x"));
    assert_eq!(rig.messages().len(), 1);
    rig.tick(1);
    // The latency has ended, but what was said before it comes before.
    rig.packet(1, Packet::Pingreq);
    assert!(rig.sent(1).is_empty());
    rig.tick(3);
    let said = rig.sent(1);
    assert!(
        matches!(&said[..], [Packet::Puback(_), Packet::Pingresp]),
        "{said:?}"
    );
    rig.packet(1, Packet::Pingreq);
    assert_eq!(rig.sent(1).len(), 1);
}

#[test]
fn messages_are_doubled_and_reordered() {
    let mut rig = rig();
    begin(&mut rig, FaultKind::Duplicate(1.0), Some(1));
    rig.packet(1, qos1(EVENTS, 1, "x"));
    assert_eq!((rig.messages().len(), rig.sent(1).len()), (2, 1));
    rig.tick(1);
    begin(&mut rig, FaultKind::Reorder(seconds(5)), None);
    for number in 2..12 {
        rig.packet(1, qos1(EVENTS, number, vec![number as u8]));
    }
    assert_eq!(rig.messages().len(), 2);
    rig.tick(6);
    let bodies: Vec<u8> = rig.messages()[2..]
        .iter()
        .map(|event| event.message.body[0])
        .collect();
    assert_eq!(rig.sent(1).len(), 10);
    let mut sorted = bodies.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (2..12).collect::<Vec<u8>>());
    assert_ne!(bodies, sorted);
}

#[test]
fn throttled_devices_wait_for_acknowledgements_and_twins() {
    let mut rig = rig();
    rig.packet(1, subscribe(1, &[("$iothub/twin/res/#", QoS::Level0)]));
    rig.sent(1);
    begin(&mut rig, FaultKind::Throttle(seconds(2)), None);
    rig.packet(1, qos1(EVENTS, 1, "x"));
    rig.packet(1, publish("$iothub/twin/GET/?$rid=1", ""));
    let said = rig.sent(1);
    let [Packet::Publish(answer)] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(
        answer.topic_name.to_string(),
        "$iothub/twin/res/429/?$rid=1"
    );
    rig.tick(2);
    assert!(matches!(rig.sent(1)[..], [Packet::Puback(_)]));
}

#[test]
fn connects_are_refused_as_the_fault_says() {
    let mut rig = rig();
    begin(&mut rig, FaultKind::RejectAuthentication, Some(5));
    assert_eq!(rig.reason(1), None);
    let (code, _) = rig.connect(2, connect("dev1"));
    assert_eq!(code, ConnectReturnCode::NotAuthorized);
    rig.tick(5);
    begin(&mut rig, FaultKind::ServerRestart, Some(5));
    assert!(matches!(rig.reason(1), Some(CloseReason::Fault(_))));
    let (code, _) = rig.connect(3, connect("dev1"));
    assert_eq!(code, ConnectReturnCode::ServerUnavailable);
    rig.tick(10);
    rig.online(4, "dev1");
    begin(&mut rig, FaultKind::ForceDisconnect, None);
    assert!(matches!(rig.reason(4), Some(CloseReason::Fault(_))));
    assert_eq!(rig.hub.faults().count(), 0);
    rig.online(5, "dev1");
}

#[test]
fn every_fault_is_in_the_recording_with_its_begin_and_end() {
    use FaultKind as Kind;
    let all = [
        ("network-drop", Kind::NetworkDrop),
        ("half-open", Kind::HalfOpen),
        ("latency", Kind::Latency(seconds(3))),
        ("duplicate", Kind::Duplicate(1.0)),
        ("reorder", Kind::Reorder(seconds(3))),
        ("throttle", Kind::Throttle(seconds(3))),
        ("reject-authentication", Kind::RejectAuthentication),
        ("server-restart", Kind::ServerRestart),
        ("force-disconnect", Kind::ForceDisconnect),
    ];
    for device in [None, Some("dev1".to_owned())] {
        for (name, kind) in all {
            let mut rig = rig();
            let (device, lasts) = (device.clone(), Some(seconds(5)));
            let fault = Fault {
                kind,
                device: device.clone(),
                lasts,
            };
            rig.hub.begin_fault(fault, rig.now);
            rig.commit();
            rig.tick(5);
            let facts = rig.facts("fault/1");
            let begun = &facts[0]["begins"];
            // A kind with a value is an object of its name.
            let named = begun["kind"] == name || begun["kind"].get(name).is_some();
            assert!(named, "{name}: {facts:?}");
            assert_eq!(begun["device"].as_str(), device.as_deref(), "{name}");
            // Closing connections once is over when it has begun.
            let once = kind == Kind::ForceDisconnect;
            let ended = facts.iter().any(|fact| fact["ends"] == *begun);
            assert_eq!(ended, !once, "{name}: {facts:?}");
            assert_eq!(rig.hub.faults().count(), 0, "{name}");
        }
    }
}

#[test]
fn a_tier_delays_then_closes() {
    let mut limited = options();
    limited.profile = Profile::of(Tier::S1);
    let mut rig = Rig::with(limited);
    rig.add("dev1");
    rig.online(1, "dev1");
    for number in 1..=150 {
        rig.packet(1, qos1(EVENTS, number, "x"));
    }
    // A hundred at once, the rest in the rhythm of the tier.
    assert_eq!((rig.messages().len(), rig.sent(1).len()), (150, 100));
    rig.tick(1);
    assert_eq!(rig.sent(1).len(), 50);
    for number in 1..2_000 {
        rig.packet(1, qos1(EVENTS, number, "x"));
    }
    assert!(matches!(rig.reason(1), Some(CloseReason::Limit(_))));
    assert!(!rig.facts("throttle/dev1").is_empty());
    assert_eq!(rig.hub.stats().throttled, 1);
}

#[test]
fn the_free_tier_ends_after_its_messages() {
    let mut limited = options();
    limited.profile = Profile::of(Tier::F1);
    let mut rig = Rig::with(limited);
    rig.add("dev1");
    let device = id("dev1");
    rig.online(1, "dev1");
    // 128 KiB are 256 messages of half a kilobyte.
    for number in 0..31 {
        rig.tick(number);
        rig.packet(1, qos1(EVENTS, 1, vec![b'x'; 128 * 1024]));
    }
    assert!(rig.hub.is_connected(&device));
    rig.packet(1, qos1(EVENTS, 1, vec![b'x'; 128 * 1024]));
    assert!(matches!(rig.reason(1), Some(CloseReason::Limit(_))));
    let used = rig.hub.limits_used(rig.now);
    assert_eq!((used.messages_today, used.quota), (31 * 256, Some(8_000)));
}
