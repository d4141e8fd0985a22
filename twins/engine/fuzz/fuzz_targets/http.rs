//! Any requests of the HTTP API, one after the other: each is answered, with JSON or nothing.
//!
//! Requests are divided by zero bytes; each is its method, path, query, headers (`name: value`) and
//! an empty line before the body, as in `POST\norchestrators/Wait/i\n\n\n7`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use twinbench_engine::{
    Engine, Json, OrchestrationContext,
    http::{self, Answer, Config, Request},
};
use twinbench_model::{VirtualDuration, VirtualTime};

fn request(text: &[u8]) -> Request {
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (method, path, query) = (line(), line(), line());
    let mut headers = Vec::new();
    loop {
        let header = line();
        match header.split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let body = lines.collect::<Vec<_>>().join(&b'\n');
    Request {
        method,
        path,
        query,
        headers,
        body,
    }
}

fuzz_target!(|text: &[u8]| {
    let mut engine = Engine::builder()
        .orchestration("Echo", |_, input: Json| async move { Ok(input) })
        .orchestration("Wait", |cx: OrchestrationContext, _: Json| async move {
            cx.external_event::<Json>("Go").await
        })
        .build();
    let config = Config {
        entity_rows: true,
        code: Some("key".to_owned()),
        ..Config::default()
    };
    let mut now = VirtualTime::from_secs(10);
    for text in text.split(|byte| *byte == 0).take(20) {
        let response = match http::handle(&mut engine, &request(text), &config, now) {
            Answer::Now(response) => Some(response),
            Answer::Later(waiting) => waiting.answer(&engine, waiting.until()),
        };
        engine.run(now);
        now = now.saturating_add(VirtualDuration::from_millis(300));
        let response = response.expect("an answer comes at the end of the wait");
        assert!((200..600).contains(&response.status));
        if !response.body.is_empty() {
            // Verbatim: what clients nested deeply comes back as deep.
            let json: Result<&RawValue, _> = serde_json::from_str(&response.body);
            assert!(json.is_ok(), "{}", response.body);
        }
    }
});
