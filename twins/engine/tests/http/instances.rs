//! `GET /instances/{id}`, and what is no route.

use serde_json::{Value, json};

use crate::common::Bench;

#[test]
fn one_at_work_is_202_with_its_own_address_and_retry_after() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Wait/w", r#"{"a":1}"#);
    bench.at(12_999);
    let path = "/instances/w?taskHub=journey&code=the-key";
    let response = bench.ask_with("GET", path, &[("host", "h:1")], "");
    assert_eq!(response.status, 202);
    assert_eq!(response.header("retry-after"), Some("5"));
    assert_eq!(
        response.header("location"),
        Some("http://h:1/runtime/webhooks/durabletask/instances/w?taskHub=journey&code=the-key")
    );
    assert_eq!(
        response.body,
        r#"{"name":"Wait","instanceId":"w","runtimeStatus":"Running","input":{"a":1},"customStatus":{"waits":"for Go"},"output":null,"createdTime":"2026-01-01T00:00:10Z","lastUpdatedTime":"2026-01-01T00:00:10Z"}"#
    );
    bench.ask("POST", "instances/w/suspend", "");
    let response = bench.ask("GET", "instances/w", "");
    assert_eq!(
        (response.status, response.header("retry-after")),
        (202, Some("5"))
    );
    assert!(response.body.contains(r#""runtimeStatus":"Suspended""#));
}

#[test]
fn one_that_was_not_begun_is_202_and_pending() {
    let mut bench = Bench::new();
    let request = crate::common::request("POST", "orchestrators/Echo/p", &[], "1");
    bench.raw(&request);
    let request = crate::common::request("GET", "instances/p", &[], "");
    let twinbench_engine::http::Answer::Now(response) = bench.raw(&request) else {
        panic!("it waits");
    };
    assert_eq!(response.status, 202);
    assert!(response.body.contains(r#""runtimeStatus":"Pending""#));
}

#[test]
fn one_that_has_ended_is_200_without_location() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Echo/done", r#""x""#);
    bench.ask("POST", "orchestrators/Fail/failed", "");
    bench.ask("POST", "orchestrators/Wait/ended", "");
    bench.ask("POST", "instances/ended/terminate?reason=no+more", "");
    for (id, status, output) in [
        ("done", "Completed", "x"),
        ("failed", "Failed", "as asked"),
        ("ended", "Terminated", "no more"),
    ] {
        let response = bench.ask("GET", &format!("instances/{id}"), "");
        assert_eq!(response.status, 200, "{id}");
        assert_eq!(response.headers, [], "{id}");
        let payload: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(payload["runtimeStatus"], status);
        assert_eq!(payload["output"], output);
    }
}

#[test]
fn a_failed_one_is_500_for_who_asks_for_that() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Fail/f", "");
    bench.ask("POST", "orchestrators/Echo/e", "1");
    let flag = "returnInternalServerErrorOnFailure=True";
    let payload = bench.json(500, "GET", &format!("instances/f?{flag}"), "");
    assert_eq!(payload["runtimeStatus"], "Failed");
    assert_eq!(bench.status("GET", &format!("instances/e?{flag}"), ""), 200);
    let off = "returnInternalServerErrorOnFailure=false";
    assert_eq!(bench.status("GET", &format!("instances/f?{off}"), ""), 200);
}

#[test]
fn the_input_may_be_left_out_and_the_history_asked_for() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Echo/e", r#"{"secret":1}"#);
    let payload = bench.json(
        200,
        "GET",
        "instances/e?showInput=false&SHOWHISTORY=true",
        "",
    );
    assert_eq!(payload["input"], Value::Null);
    assert_eq!(payload["output"], json!({"secret": 1}));
    assert!(payload["historyEvents"].is_array());
    let payload = bench.json(200, "GET", "instances/e", "");
    assert_eq!(payload["input"], json!({"secret": 1}));
    assert_eq!(payload.get("historyEvents"), None);
}

#[test]
fn an_unknown_one_is_404() {
    let mut bench = Bench::new();
    let response = bench.ask("GET", "instances/nobody", "");
    assert_eq!((response.status, response.body.as_str()), (404, ""));
}

#[test]
fn other_paths_and_methods_are_404() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Wait/w", "");
    for (method, path) in [
        ("GET", "orchestrators/Echo"),
        ("PUT", "orchestrators/Echo/x"),
        ("POST", "orchestrators"),
        ("POST", "orchestrators/Echo/x/y"),
        ("POST", "instances"),
        ("POST", "instances/w"),
        ("PUT", "instances/w"),
        ("POST", "instances/w/dance"),
        ("POST", "instances/w/raiseEvent"),
        ("POST", "instances/w/raiseEvent/Go/x"),
        ("GET", "instances/w/raiseEvent/Go"),
        ("GET", "instances/w/terminate"),
        ("DELETE", "instances/w/terminate"),
        ("PUT", "entities/Counter/a"),
        ("GET", "entities/Counter/a/b"),
        ("POST", "entities/Counter/a/b"),
        ("GET", "makeprimary"),
        ("POST", "makeprimary/now"),
        ("GET", ""),
        ("GET", "/"),
        ("GET", "instances//terminate"),
        ("GET", "nothing"),
    ] {
        assert_eq!(bench.status(method, path, ""), 404, "{method} {path}");
    }
}

#[test]
fn the_application_is_the_primary_one() {
    let mut bench = Bench::new();
    assert_eq!(bench.status("POST", "makeprimary", ""), 200);
    assert_eq!(bench.status("POST", "/MakePrimary/", ""), 200);
}
