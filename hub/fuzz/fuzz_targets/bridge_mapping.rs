//! Any rule, topic and payload: a message becomes one of a device or is refused; no panic.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use twinbench_hub::bridge::{Mapping, RuleConfig};

fuzz_target!(|input: (&str, &str, &str, Option<&str>, &[u8])| {
    let (filter, device, topic, body, payload) = input;
    let rule = RuleConfig {
        topic: filter.to_owned(),
        device: device.to_owned(),
        body: body.map(str::to_owned),
        properties: BTreeMap::from([("from".to_owned(), "{topic}".to_owned())]),
        defaults: BTreeMap::new(),
        content_type: None,
    };
    if let Ok(mapping) = Mapping::new(&[rule]) {
        if let Ok(mapped) = mapping.map(topic, payload) {
            assert_eq!(mapped.message.properties["from"], topic);
        }
    }
});
