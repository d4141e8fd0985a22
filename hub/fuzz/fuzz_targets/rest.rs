//! Any request to the service, with a token that opens everything: answered with a status; what is
//! no success says why.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::service::Method;
use twinbench_hub_fuzz::{ask, hub};

const METHODS: [Method; 6] = [
    Method::Get,
    Method::Put,
    Method::Post,
    Method::Patch,
    Method::Delete,
    Method::Other,
];

fuzz_target!(|input: (u8, &str, &str)| {
    let (method, target, body) = input;
    let mut hub = hub();
    let method = METHODS[usize::from(method) % METHODS.len()];
    let (status, answer) = ask(&mut hub, method, target, body);
    assert!((200..600).contains(&status) && status != 500, "{status}");
    assert!(
        status < 400 || answer["Message"].is_string(),
        "{status} {answer}"
    );
});
