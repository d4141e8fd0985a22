//! Any text as a connection string: it is read, or it is said what is wrong; keys stay hidden.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::bridge::{BrokerUrl, RemoteHub};

fuzz_target!(|text: &str| {
    let _ = BrokerUrl::parse(text);
    if let Ok(hub) = RemoteHub::parse(text) {
        assert!(format!("{hub:?}").starts_with("RemoteHub("));
    }
});
