//! Whatever bytes come, the hub stands, and holds little.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{Rig, connect, qos1};
use mqtt_proto::v3::Packet;
use proptest::prelude::*;

fn valid() -> Vec<u8> {
    let encode = |packet: Packet| packet.encode().unwrap().as_ref().to_vec();
    [
        encode(connect("dev1").into()),
        encode(qos1("devices/dev1/messages/events/a=b", 1, "{}").into()),
        encode(common::subscribe(2, &[("$iothub/twin/res/#", mqtt_proto::QoS::Level1)]).into()),
        encode(Packet::Pingreq),
        encode(qos1("devices/dev1/messages/events/", 3, "[1,2]").into()),
        encode(Packet::Disconnect),
    ]
    .concat()
}

proptest! {
    #[test]
    fn noise_after_connect(noise in prop::collection::vec(any::<u8>(), 0..600), cut in 1usize..64) {
        let mut rig = Rig::new();
        rig.add("dev1");
        rig.online(1, "dev1");
        for piece in noise.chunks(cut) {
            rig.bytes(1, piece);
        }
        rig.tick(10_000);
        prop_assert_eq!(rig.hub.stats().connections_open, 0);
        prop_assert!(rig.closed.contains_key(&1));
    }

    #[test]
    fn a_damaged_conversation(at in any::<prop::sample::Index>(), to in any::<u8>(), cut in 1usize..64) {
        let mut bytes = valid();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let mut rig = Rig::new();
        rig.add("dev1");
        rig.open(1);
        for piece in bytes.chunks(cut) {
            rig.bytes(1, piece);
        }
        rig.tick(10_000);
        prop_assert_eq!(rig.hub.stats().connections_open, 0);
    }

    #[test]
    fn any_cutting_gives_the_same(cut in 1usize..200) {
        let run = |cut: usize| {
            let mut rig = Rig::new();
            rig.add("dev1");
            rig.open(1);
            for piece in valid().chunks(cut) {
                rig.bytes(1, piece);
            }
            (rig.sent(1), rig.messages(), rig.events, rig.store)
        };
        prop_assert_eq!(run(cut), run(usize::MAX));
    }
}

#[test]
fn a_connect_that_drips_in_ends_after_thirty_seconds() {
    let mut rig = Rig::new();
    rig.add("dev1");
    rig.open(1);
    let bytes = valid();
    // A byte a second is still no CONNECT when its time is over, and keeps nothing alive.
    for (second, byte) in bytes.iter().take(30).enumerate() {
        rig.bytes(1, &[*byte]);
        assert_eq!(rig.reason(1), None, "at {second} s");
        rig.tick(second as u64 + 1);
    }
    let reason = rig.reason(1).map(ToString::to_string);
    assert_eq!(reason.as_deref(), Some("no CONNECT within 30 s"));
    let told = rig.facts("connection/unknown");
    assert_eq!(told[0]["event"], "dropped");
    assert_eq!(told[0]["reason"], "no CONNECT within 30 s");

    // Neither does a PUBLISH that drips in: only whole packets are signs of life.
    rig.online(2, "dev1");
    let publish = qos1("devices/dev1/messages/events/", 1, "x".repeat(500));
    let packet = Packet::from(publish).encode().unwrap().as_ref().to_vec();
    let begun = 30;
    for (second, byte) in packet.iter().enumerate() {
        rig.bytes(2, &[*byte]);
        rig.tick(begun + second as u64 + 1);
        if rig.reason(2).is_some() {
            break;
        }
    }
    let reason = rig.reason(2).map(ToString::to_string).unwrap();
    assert!(reason.contains("nothing heard"), "{reason}");
}
