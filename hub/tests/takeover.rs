//! One connection per device, and sessions that outlive it.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{Rig, connect, id, subscribe};
use mqtt_proto::{
    QoS, TopicFilter,
    v3::{ConnectReturnCode as Code, Packet, SubscribeReturnCode as Grant, Unsubscribe},
};
use twinbench_hub::{CloseReason, Options};

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.add("dev1");
    rig
}

fn persistent() -> mqtt_proto::v3::Connect {
    let mut connect = connect("dev1");
    connect.clean_session = false;
    connect
}

#[test]
fn the_second_connection_closes_the_first() {
    let mut rig = rig();
    rig.online(1, "dev1");
    rig.online(2, "dev1");
    assert_eq!(rig.reason(1), Some(&CloseReason::ReplacedByNewConnection));
    assert_eq!(rig.reason(2), None);
    assert!(rig.hub.is_connected(&id("dev1")));
    // The news that the first socket is closed does no harm to the second.
    rig.hub
        .disconnected(twinbench_hub::ConnectionId(1), rig.now);
    assert!(rig.hub.is_connected(&id("dev1")));
    let facts = rig.facts("connection/dev1");
    let order: Vec<_> = facts.iter().map(|f| f["event"].as_str().unwrap()).collect();
    assert_eq!(order, ["connected", "disconnected", "connected"]);
    assert!(facts[1]["reason"].as_str().unwrap().contains("400027"));
    assert_eq!(rig.hub.stats().connections_replaced, 1);
}

#[test]
fn a_refused_connection_replaces_nobody() {
    let mut rig = rig();
    rig.online(1, "dev1");
    let mut wrong = connect("dev1");
    wrong.password = Some(common::token("other", 3600).into());
    assert_eq!(rig.connect(2, wrong).0, Code::NotAuthorized);
    assert_eq!(rig.reason(1), None);
}

#[test]
fn session_present_tells_the_truth() {
    let mut rig = rig();
    assert_eq!(rig.connect(1, persistent()), (Code::Accepted, false));
    assert_eq!(rig.connect(2, persistent()), (Code::Accepted, true));
    // Also after a restart of the hub.
    let mut rig = rig.restart(Options::new(common::epoch()));
    assert_eq!(rig.connect(3, persistent()), (Code::Accepted, true));
    // A clean session ends the kept one.
    assert_eq!(rig.connect(4, connect("dev1")), (Code::Accepted, false));
    assert_eq!(rig.connect(5, persistent()), (Code::Accepted, false));
}

#[test]
fn documented_filters_are_granted_others_not() {
    let mut rig = rig();
    rig.online(1, "dev1");
    let filters = [
        ("devices/dev1/messages/devicebound/#", QoS::Level1),
        ("$iothub/twin/res/#", QoS::Level0),
        ("$iothub/methods/POST/#", QoS::Level2),
        ("#", QoS::Level1),
        ("devices/dev2/messages/devicebound/#", QoS::Level1),
    ];
    rig.packet(1, subscribe(3, &filters));
    let granted = [
        Grant::MaxLevel1,
        Grant::MaxLevel0,
        Grant::MaxLevel1,
        Grant::Failure,
        Grant::Failure,
    ];
    let sent = rig.sent(1);
    assert!(
        matches!(&sent[..], [Packet::Suback(s)] if s.topics == granted && s.pid.value() == 3),
        "{sent:?}"
    );
    let facts = rig.facts("connection/dev1").pop().unwrap();
    assert_eq!(facts["event"], "subscriptions-refused");
    assert_eq!((&facts["count"], &facts["first"]), (&2.into(), &"#".into()));
    assert_eq!(rig.reason(1), None);
    let topics = vec![TopicFilter::try_from("$iothub/twin/res/#").unwrap()];
    let pid = common::pid(4);
    rig.packet(1, Packet::from(Unsubscribe { pid, topics }));
    assert_eq!(rig.sent(1), [Packet::Unsuback(pid)]);
}

#[test]
fn too_many_filters_close() {
    let mut rig = rig();
    rig.online(1, "dev1");
    rig.packet(1, subscribe(3, &[("a", QoS::Level0); 51]));
    assert!(matches!(
        rig.reason(1),
        Some(CloseReason::ProtocolViolation(_))
    ));
}
