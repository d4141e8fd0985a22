//! Any text as a route's condition, and any bytes as the message's body; it never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::query::{RouteMessage, RouteQuery};
use twinbench_model::{Message, system};

fuzz_target!(|input: (&str, &[u8], u8)| {
    let (text, body, encoding) = input;
    let Ok(query) = text.parse::<RouteQuery>() else {
        return;
    };
    let mut message = Message::default();
    message.body = body.to_vec().into();
    let encoding = ["utf-8", "utf-16", "utf-32"][usize::from(encoding % 3)];
    message
        .system
        .insert(system::CONTENT_TYPE.into(), "application/json".into());
    message
        .system
        .insert(system::CONTENT_ENCODING.into(), encoding.into());
    query.selects(&RouteMessage::new(&message, None));
});
