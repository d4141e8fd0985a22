//! `POST /orchestrators/…`, restarts, and waiting for the end.

use serde_json::{Value, json};
use twinbench_engine::{Status, http::Answer};

use crate::common::{Bench, json_of, request};

const BASE: &str = "http://127.0.0.1:7071/runtime/webhooks/durabletask";

#[test]
fn a_start_answers_202_with_location_retry_after_and_links() {
    let mut bench = Bench::new();
    let response = bench.ask("POST", "/orchestrators/Wait/my-id", r#"{"a":1}"#);
    assert_eq!(response.status, 202);
    assert_eq!(response.header("Retry-After"), Some("10"));
    let links = json_of(&response);
    let suffix = "taskHub=journey&connection=Storage&code=the-key";
    let instance = format!("{BASE}/instances/my-id");
    assert_eq!(
        links,
        json!({
            "id": "my-id",
            "statusQueryGetUri": format!("{instance}?{suffix}"),
            "sendEventPostUri": format!("{instance}/raiseEvent/{{eventName}}?{suffix}"),
            "terminatePostUri": format!("{instance}/terminate?reason={{text}}&{suffix}"),
            "purgeHistoryDeleteUri": format!("{instance}?{suffix}"),
            "restartPostUri": format!("{instance}/restart?{suffix}"),
            "suspendPostUri": format!("{instance}/suspend?reason={{text}}&{suffix}"),
            "resumePostUri": format!("{instance}/resume?reason={{text}}&{suffix}"),
        })
    );
    assert_eq!(
        response.header("location"),
        links["statusQueryGetUri"].as_str()
    );
    let instance = bench.engine.instance("my-id").unwrap();
    assert_eq!(instance.input().unwrap().as_str(), r#"{"a":1}"#);
}

#[test]
fn links_name_the_host_the_hub_and_the_connection_of_the_request() {
    let mut bench = Bench::new();
    let response = bench.ask_with(
        "POST",
        "/orchestrators/Echo/a%20b?TASKHUB=other%20hub&connection=Mine&code=whatever",
        &[("Host", "bench.local:8123")],
        "",
    );
    assert_eq!(
        response.header("location"),
        Some(
            "http://bench.local:8123/runtime/webhooks/durabletask/instances/a+b?taskHub=other+hub&connection=Mine&code=the-key"
        )
    );
    // And the link leads to the instance.
    assert_eq!(
        bench.status("GET", "instances/a+b?taskHub=other+hub", ""),
        200
    );
}

#[test]
fn without_an_id_a_new_one_is_made() {
    let mut bench = Bench::new();
    let id = |bench: &mut Bench| {
        let links = bench.json(202, "POST", "orchestrators/Echo", "1");
        links["id"].as_str().unwrap().to_owned()
    };
    let (first, second) = (id(&mut bench), id(&mut bench));
    assert_ne!(first, second);
    assert_eq!(first.len(), 32);
    assert_eq!(
        bench.engine.instance(&first).unwrap().status(),
        Status::Completed
    );
}

#[test]
fn bad_json_an_unknown_function_and_an_impossible_id_are_400() {
    let mut bench = Bench::new();
    for (path, body) in [
        ("orchestrators/Echo/i", "{"),
        ("orchestrators/Echo/i", "a text"),
        ("orchestrators/NoSuch/i", "1"),
        ("orchestrators/Echo/@counter@a", "1"),
        ("orchestrators/Echo/a%2Fb", "1"),
    ] {
        let response = bench.ask("POST", path, body);
        assert_eq!(response.status, 400, "{path}");
        assert!(json_of(&response)["Message"].is_string(), "{path}");
    }
    assert_eq!(bench.engine.instances().count(), 0);
    let long = format!("{:?}", "x".repeat(300 << 10));
    assert_eq!(bench.status("POST", "orchestrators/Echo/i", &long), 400);
}

#[test]
fn function_names_count_in_any_case_and_a_body_may_be_missing() {
    let mut bench = Bench::new();
    assert_eq!(bench.status("post", "ORCHESTRATORS/eCHO/i", ""), 202);
    let instance = bench.engine.instance("i").unwrap();
    assert_eq!((instance.name(), instance.input()), ("Echo", None));
}

#[test]
fn an_id_that_is_at_work_is_409_and_one_that_has_ended_is_replaced() {
    let mut bench = Bench::new();
    bench.json(202, "POST", "orchestrators/Wait/i", "1");
    let execution = bench.engine.instance("i").unwrap().execution().to_owned();
    bench.json(409, "POST", "orchestrators/Echo/i", "2");
    assert_eq!(bench.engine.instance("i").unwrap().execution(), execution);
    bench.ask("POST", "instances/i/terminate", "");
    bench.json(202, "POST", "orchestrators/Echo/i", "3");
    assert_eq!(bench.json(200, "GET", "instances/i", "")["output"], 3);
}

#[test]
fn the_version_and_the_trace_go_with_it() {
    let mut bench = Bench::new();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("traceparent", parent), ("tracestate", "a=b")];
    bench.ask_with("POST", "orchestrators/Echo/i?version=1.2", &headers, "1");
    let instance = bench.engine.instance("i").unwrap();
    assert_eq!(instance.version(), Some("1.2"));
    let trace = instance.trace().unwrap();
    assert_eq!(
        (trace.parent.as_str(), trace.span.as_str()),
        (parent, "b7ad6b7169203331")
    );
    assert_eq!(trace.state.as_deref(), Some("a=b"));
    bench.ask_with(
        "POST",
        "orchestrators/Echo/j",
        &[("traceparent", "nonsense")],
        "1",
    );
    assert_eq!(bench.engine.instance("j").unwrap().trace(), None);
}

#[test]
fn whoever_waits_gets_the_raw_output_of_what_completed() {
    let mut bench = Bench::new();
    let waiting = bench.wait(
        "POST",
        "orchestrators/Sleep/i?timeout=30&pollingInterval=1",
        "7",
    );
    assert_eq!(waiting.answer(&bench.engine, bench.now), None);
    bench.at(17_250);
    let response = waiting.answer(&bench.engine, bench.now).unwrap();
    assert_eq!((response.status, response.body.as_str()), (200, "7"));
    assert_eq!(response.header("location"), None);
    // A text that is JSON already is not packed once more.
    let waiting = bench.wait(
        "POST",
        "orchestrators/Echo?timeout=0&pollingInterval=0",
        r#"{"x": 1.50}"#,
    );
    let response = waiting.answer(&bench.engine, bench.now).unwrap();
    assert_eq!(response.body, r#"{"x": 1.50}"#);
    let waiting = bench.wait("POST", "orchestrators/Echo?timeout=1&pollingInterval=1", "");
    let response = waiting.answer(&bench.engine, bench.now).unwrap();
    assert_eq!((response.status, response.body.as_str()), (200, "null"));
}

#[test]
fn whoever_waits_gets_the_status_of_what_failed_or_was_terminated() {
    let mut bench = Bench::new();
    let waiting = bench.wait(
        "POST",
        "orchestrators/Fail/f?timeout=5&pollingInterval=1&showInput=false",
        r#""secret""#,
    );
    let response = waiting.answer(&bench.engine, bench.now).unwrap();
    assert_eq!(response.status, 200);
    let status = json_of(&response);
    assert_eq!(status["runtimeStatus"], "Failed");
    assert_eq!(
        (&status["output"], &status["input"]),
        (&json!("as asked"), &Value::Null)
    );

    let waiting = bench.wait(
        "POST",
        "orchestrators/Wait/w?timeout=5&pollingInterval=1",
        "",
    );
    bench.ask("POST", "instances/w/terminate?reason=enough", "");
    let status = json_of(&waiting.answer(&bench.engine, bench.now).unwrap());
    assert_eq!(
        (&status["runtimeStatus"], &status["output"]),
        (&json!("Terminated"), &json!("enough"))
    );
}

#[test]
fn whoever_waits_too_long_gets_202_with_links() {
    let mut bench = Bench::new();
    let waiting = bench.wait(
        "POST",
        "orchestrators/Wait/w?timeout=2.5&pollingInterval=0.5",
        "",
    );
    assert_eq!(
        (waiting.instance(), waiting.until().as_nanos()),
        ("w", 12_750_000_000)
    );
    bench.at(12_749);
    assert_eq!(waiting.answer(&bench.engine, bench.now), None);
    bench.at(12_750);
    let response = waiting.answer(&bench.engine, bench.now).unwrap();
    assert_eq!(response.status, 202);
    assert_eq!(response.header("retry-after"), Some("10"));
    assert_eq!(json_of(&response)["id"], "w");
    assert_eq!(
        response.header("location"),
        json_of(&response)["statusQueryGetUri"].as_str()
    );
}

#[test]
fn one_of_the_two_times_alone_is_no_wait_and_impossible_ones_are_400() {
    let mut bench = Bench::new();
    for query in [
        "timeout=5",
        "pollingInterval=5",
        "timeout=x&pollingInterval=1",
    ] {
        let path = format!("orchestrators/Wait?{query}");
        let answer = bench.raw(&request("POST", &path, &[], ""));
        assert!(
            matches!(answer, Answer::Now(it) if it.status == 202),
            "{query}"
        );
    }
    let before = bench.engine.instances().count();
    for query in [
        "timeout=1&pollingInterval=2",
        "timeout=NaN&pollingInterval=1",
    ] {
        let path = format!("orchestrators/Wait?{query}");
        assert_eq!(bench.status("POST", &path, ""), 400, "{query}");
    }
    assert_eq!(bench.engine.instances().count(), before);
}

#[test]
fn a_restart_has_the_old_input_and_a_new_id_unless_told_otherwise() {
    let mut bench = Bench::new();
    bench.json(202, "POST", "orchestrators/Echo/i", r#"{"n":5}"#);
    let response = bench.ask("POST", "instances/i/restart", "");
    assert_eq!(
        (response.status, response.header("retry-after")),
        (202, Some("10"))
    );
    let id = json_of(&response)["id"].as_str().unwrap().to_owned();
    assert_ne!(id, "i");
    let status = bench.json(200, "GET", &format!("instances/{id}"), "");
    assert_eq!(
        (&status["name"], &status["output"]),
        (&json!("Echo"), &json!({"n": 5}))
    );

    let execution = bench.engine.instance("i").unwrap().execution().to_owned();
    let links = bench.json(
        202,
        "POST",
        "instances/i/restart?restartWithNewInstanceId=FALSE",
        "",
    );
    assert_eq!(links["id"], "i");
    assert_ne!(bench.engine.instance("i").unwrap().execution(), execution);
    let waiting = bench.wait(
        "POST",
        "instances/i/restart?timeout=9&pollingInterval=3",
        "",
    );
    let response = waiting.answer(&bench.engine, bench.now).unwrap();
    assert_eq!(
        (response.status, response.body.as_str()),
        (200, r#"{"n":5}"#)
    );
}

#[test]
fn an_unknown_instance_is_not_restarted_and_one_at_work_not_in_its_place() {
    let mut bench = Bench::new();
    assert_eq!(bench.status("POST", "instances/nobody/restart", ""), 400);
    bench.ask("POST", "orchestrators/Wait/w", "");
    let path = "instances/w/restart?restartWithNewInstanceId=false";
    assert_eq!(bench.status("POST", path, ""), 409);
    assert_eq!(bench.status("POST", "instances/w/restart", ""), 202);
}
