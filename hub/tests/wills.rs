//! Wills: what a device leaves when its connection ends without DISCONNECT.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{Rig, connect, will};
use mqtt_proto::v3::Packet;
use twinbench_hub::ConnectionId;

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.add("dev1");
    let mut connect = connect("dev1");
    connect.last_will = Some(will(
        "devices/dev1/messages/events/why=power&$.ct=text%2Fplain",
        "gone",
    ));
    rig.connect(1, connect);
    rig
}

fn check_will(rig: &Rig) {
    let messages = rig.messages();
    assert_eq!(messages.len(), 1);
    let message = &messages[0].message;
    assert_eq!(&message.body[..], b"gone");
    assert_eq!(message.properties["iothub-MessageType"], "Will");
    assert_eq!(message.properties["why"], "power");
    assert_eq!(message.system["content-type"], "text/plain");
    assert_eq!(rig.hub.stats().wills, 1);
}

#[test]
fn a_lost_connection_leaves_the_will() {
    let mut rig = rig();
    rig.hub.disconnected(ConnectionId(1), rig.now);
    rig.commit();
    check_will(&rig);
}

#[test]
fn silence_an_error_and_a_takeover_leave_the_will() {
    let mut silent = rig();
    silent.tick(90);
    check_will(&silent);
    let mut wrong = rig();
    wrong.bytes(1, b"\0\0");
    check_will(&wrong);
    let mut taken_over = rig();
    taken_over.online(2, "dev1");
    check_will(&taken_over);
}

#[test]
fn disconnect_drops_the_will() {
    let mut rig = rig();
    rig.packet(1, Packet::Disconnect);
    rig.hub.disconnected(ConnectionId(1), rig.now);
    assert_eq!(rig.messages(), []);
}
