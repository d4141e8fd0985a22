//! Any bytes, cut anywhere, before and after CONNECT: the hub answers or closes; it never panics,
//! and time ends every connection.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::ConnectionId;
use twinbench_hub_fuzz::{connect, hub, seconds};

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (connected, cut, bytes) = input;
    let (mut hub, connection) = (hub(), ConnectionId(1));
    hub.open(connection, "fuzz", seconds(0));
    if connected {
        hub.receive(connection, &connect("d"), seconds(0));
        assert_eq!(hub.stats().devices_connected, 1);
    }
    for piece in bytes.chunks(usize::from(cut).max(1)) {
        hub.receive(connection, piece, seconds(1));
    }
    // Longer than any keep-alive and than the token.
    hub.tick(seconds(100_000));
    assert_eq!(hub.stats().connections_open, 0);
});
