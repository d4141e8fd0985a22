//! A UART through a raw socket terminal.

use std::time::Duration;

use renode_rs_bindings::Uart;

use super::{PATIENCE, RELEASES, peer};

#[test]
fn every_byte_comes_through() {
    for release in RELEASES {
        for seed in 0..20 {
            let peer = peer(release, "uart-socket", seed);
            let mut uart = Uart::connect(peer.address(), PATIENCE).unwrap();
            let mut all = Vec::new();
            let receive = |uart: &mut Uart, all: &mut Vec<u8>, length| {
                while all.len() < length {
                    all.extend(uart.receive(PATIENCE).unwrap());
                }
            };
            receive(&mut uart, &mut all, 19);
            assert_eq!(all, b"hello from renode\r\n");
            // Nothing more: it does not wait for ever.
            assert_eq!(uart.receive(Duration::from_millis(1)).unwrap(), b"");
            let bytes = [0x00, 0x0D, 0x0A, 0xFF, 0xFE, 0x80];
            uart.send(&bytes).unwrap();
            all.clear();
            receive(&mut uart, &mut all, 6);
            assert_eq!(all, bytes);
            peer.finish().unwrap();
            let error = uart.receive(PATIENCE).unwrap_err();
            assert!(error.to_string().contains("socket terminal"), "{error}");
        }
    }
}
