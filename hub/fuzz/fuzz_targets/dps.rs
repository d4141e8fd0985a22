//! Any publication and any bytes of a device that registers: answered or a reason to close.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::ConnectionId;
use twinbench_hub_fuzz::{hub, publish, register, seconds};

fuzz_target!(|input: (&str, &[u8], &[u8])| {
    let (topic, payload, bytes) = input;
    let (mut hub, connection) = (hub(), ConnectionId(1));
    hub.open(connection, "fuzz", seconds(0));
    hub.receive(connection, &register("r"), seconds(0));
    assert_eq!(hub.stats().connections_open, 1);
    let full = format!("$dps/registrations/{topic}");
    for topic in [topic, &full] {
        if let Some(packet) = publish(topic, payload) {
            hub.receive(connection, &packet, seconds(1));
        }
    }
    hub.receive(connection, bytes, seconds(2));
    hub.tick(seconds(100_000));
    assert_eq!(hub.stats().connections_open, 0);
});
