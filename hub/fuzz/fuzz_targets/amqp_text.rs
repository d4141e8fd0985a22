//! Any text: as an address and as a filter of a consumer's link it is answered; it never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::amqp::{Node, parse_selector};

fuzz_target!(|text: &str| {
    if let Some(Node::Events { group, .. }) = Node::parse(text, "hub") {
        assert!(!group.is_empty() && text.contains(&group));
    }
    let _ = parse_selector(text);
});
