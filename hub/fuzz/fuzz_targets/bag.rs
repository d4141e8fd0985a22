//! Any text as a property bag: read or refused; what is read fits into a message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::mqtt::PropertyBag;

fuzz_target!(|text: &str| {
    if let Ok(bag) = PropertyBag::parse(text) {
        let size = |(name, value): (&String, &String)| name.len() + value.len();
        let read: usize = bag.properties.iter().map(size).sum();
        assert!(read <= text.len(), "decoding makes nothing longer");
        assert!(!bag.properties.contains_key(""));
    }
});
