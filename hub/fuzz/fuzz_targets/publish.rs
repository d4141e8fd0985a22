//! Any topic and payload of a device, also as a filter: taken, answered or a reason to close; what
//! is taken is the device's own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::{
    ConnectionId,
    mqtt::{PropertyBag, Publication, Subscription, Username},
    registry::IdentityId,
};
use twinbench_hub_fuzz::{connect, hub, publish, seconds};

fuzz_target!(|input: (&str, &[u8])| {
    let (topic, payload) = input;
    let id = IdentityId::parse("d").expect("an id");
    let _ = Subscription::parse(topic, &id);
    let _ = Username::parse(topic, &id);
    let parsed = Publication::parse(topic, &id);
    if let Ok(Publication::Telemetry { bag }) = parsed {
        let _ = PropertyBag::parse(bag);
    }
    let Some(packet) = publish(topic, payload) else {
        return;
    };
    let (mut hub, connection) = (hub(), ConnectionId(1));
    hub.open(connection, "fuzz", seconds(0));
    hub.receive(connection, &connect("d"), seconds(0));
    hub.receive(connection, &packet, seconds(1));
    let messages = hub.stats().messages;
    assert!(messages == 0 || matches!(parsed, Ok(Publication::Telemetry { .. })));
    let partitions = 0..hub.log().partitions().len() as u16;
    for event in partitions.flat_map(|p| hub.read(p, 0, 9).expect("in memory")) {
        assert_eq!(event.device.as_str(), "d");
    }
});
