//! Whatever is asked is answered; nothing panics.

use proptest::prelude::*;
use serde_json::Value;
use twinbench_engine::http::{Answer, Request};
use twinbench_model::{VirtualDuration, VirtualTime};

use crate::common::Bench;

/// Words that lead somewhere, and others.
fn segment() -> impl Strategy<Value = String> {
    let words = [
        "instances",
        "orchestrators",
        "entities",
        "makeprimary",
        "openapi.json",
        "raiseEvent",
        "terminate",
        "suspend",
        "resume",
        "rewind",
        "restart",
        "Echo",
        "Wait",
        "Fail",
        "Sleep",
        "Mixed",
        "Counter",
        "i",
        "j",
        "$",
        "Go",
        "@counter@i",
        "%2F",
        "%",
        "%ff",
        "+",
        "",
    ];
    prop_oneof![4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn query() -> impl Strategy<Value = String> {
    let names = [
        "timeout",
        "pollingInterval",
        "showHistory",
        "showHistoryOutput",
        "showInput",
        "returnInternalServerErrorOnFailure",
        "instanceIdPrefix",
        "createdTimeFrom",
        "createdTimeTo",
        "runtimeStatus",
        "top",
        "reason",
        "restartWithNewInstanceId",
        "fetchState",
        "lastOperationTimeFrom",
        "lastOperationTimeTo",
        "op",
        "version",
        "taskHub",
        "connection",
    ];
    let values = [
        "true",
        "false",
        "1",
        "0",
        "-1",
        "1e300",
        "NaN",
        "inf",
        "2026-01-01",
        "9999-12-31T23:59:59Z",
        "-009999-01-01T00:00:00Z",
        "Running,Failed",
        "99",
        "i",
        "@",
        "@counter",
        "add",
        "delete",
        "",
    ];
    let value = prop_oneof![
        4 => prop::sample::select(values.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let pair = (prop::sample::select(names.to_vec()), value)
        .prop_map(|(name, value)| format!("{name}={value}"));
    prop::collection::vec(pair, 0..4).prop_map(|pairs| pairs.join("&"))
}

fn any_request() -> impl Strategy<Value = Request> {
    let method = prop_oneof![
        8 => prop::sample::select(&["GET", "POST", "DELETE"][..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let path = prop::collection::vec(segment(), 0..5).prop_map(|segments| segments.join("/"));
    let header = (
        prop::sample::select(
            &[
                "host",
                "content-type",
                "x-ms-continuation-token",
                "traceparent",
                "tracestate",
            ][..],
        ),
        prop_oneof![
            Just("application/json".to_owned()),
            Just("bnVsbA==".to_owned()),
            Just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            any::<String>(),
        ],
    );
    let headers = prop::collection::vec(
        header.prop_map(|(name, value)| (name.to_owned(), value)),
        0..3,
    );
    let body = prop_oneof![
        Just(Vec::new()),
        Just(b"7".to_vec()),
        Just(br#"{"a":[1,"b",null]}"#.to_vec()),
        any::<Vec<u8>>(),
    ];
    (method, path, query(), headers, body).prop_map(|(method, path, query, headers, body)| {
        Request {
            method,
            path,
            query,
            headers,
            body,
        }
    })
}

proptest! {
    #[test]
    fn every_request_is_answered(requests in prop::collection::vec(any_request(), 1..12)) {
        let mut bench = Bench::new();
        let mut waits = Vec::new();
        for request in &requests {
            let response = match bench.raw(request) {
                Answer::Now(response) => response,
                Answer::Later(waiting) => {
                    prop_assert!(waiting.until() >= bench.now);
                    waits.push(waiting.clone());
                    match waiting.answer(&bench.engine, VirtualTime::MAX) {
                        Some(response) => response,
                        None => panic!("it never ends"),
                    }
                }
            };
            bench.engine.run(bench.now);
            bench.now += VirtualDuration::from_millis(700);
            let known = [200, 202, 400, 404, 409, 410, 429, 500].contains(&response.status);
            prop_assert!(known, "{} for {:?}", response.status, request);
            if !response.body.is_empty() {
                let json: Result<Value, _> = serde_json::from_str(&response.body);
                prop_assert!(json.is_ok(), "{response:?}");
            }
            if let Some(token) = response.header("x-ms-continuation-token") {
                prop_assert!(!token.is_empty() && token != "bnVsbA==" && token != "null");
            }
        }
        for waiting in waits {
            prop_assert!(waiting.answer(&bench.engine, waiting.until()).is_some());
        }
    }
}
