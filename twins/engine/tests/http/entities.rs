//! `/entities`: listing, reading, signalling, deleting.

use serde_json::{Value, json};
use twinbench_model::EntityId;

use crate::common::{Bench, all};

fn bench() -> Bench {
    let mut bench = Bench::new();
    for (n, path) in ["Counter/a", "Counter/b", "Other/a", "Counter"]
        .into_iter()
        .enumerate()
    {
        bench.at(11_000 + 1000 * n as u64 + 250);
        assert_eq!(
            bench.status("POST", &format!("entities/{path}?op=add"), "5"),
            202
        );
    }
    bench
}

#[test]
fn a_signal_is_202_and_done() {
    let mut bench = Bench::new();
    let response = bench.ask("POST", "entities/Counter/My%20Key?op=add", "5");
    assert_eq!((response.status, response.body.as_str()), (202, ""));
    let id = EntityId::new("counter", "My Key").unwrap();
    assert_eq!(
        bench.engine.read(&id).unwrap().as_str(),
        r#"{"value":5,"note":null}"#
    );
}

#[test]
fn a_signal_without_op_is_the_empty_operation_and_may_have_no_body() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.ask_with("POST", "entities/counter/a", &[], "").status,
        202
    );
    let state = bench.json(200, "GET", "entities/counter/a", "");
    assert_eq!(state["note"], "the empty operation");
}

#[test]
fn a_body_that_is_no_json_is_a_text() {
    let mut bench = Bench::new();
    let headers = [("content-type", "text/plain")];
    let response = bench.ask_with("POST", "entities/counter/a?op=note", &headers, "say \"hi\"");
    assert_eq!(response.status, 202);
    let state = bench.json(200, "GET", "entities/counter/a", "");
    assert_eq!(state["note"], "say \"hi\"");
    bench.ask_with("POST", "entities/counter/b?op=note", &[], "5");
    assert_eq!(
        bench.json(200, "GET", "entities/counter/b", "")["note"],
        "5"
    );
}

#[test]
fn a_signal_that_cannot_be_is_400() {
    let mut bench = Bench::new();
    for (path, body) in [
        ("entities/Counter/a?op=add", "{"),
        ("entities/NoSuch/a?op=add", "1"),
        ("entities/Coun@ter/a?op=add", "1"),
        ("entities/Counter/a%2Fb?op=add", "1"),
        ("entities", "1"),
    ] {
        assert_eq!(bench.status("POST", path, body), 400, "{path}");
    }
    assert_eq!(bench.status("DELETE", "entities/NoSuch/a", ""), 400);
}

#[test]
fn the_state_is_read_as_it_is() {
    let mut bench = bench();
    let response = bench.ask("GET", "entities/COUNTER/a", "");
    assert_eq!(
        (response.status, response.body.as_str()),
        (200, r#"{"value":5,"note":null}"#)
    );
    for path in [
        "entities/Counter/A",
        "entities/Counter/nobody",
        "entities/NoSuch/a",
    ] {
        let response = bench.ask("GET", path, "");
        assert_eq!(
            (response.status, response.body.as_str()),
            (404, ""),
            "{path}"
        );
    }
}

#[test]
fn a_dollar_stands_for_the_empty_key_when_reading() {
    let mut bench = bench();
    assert_eq!(bench.json(200, "GET", "entities/Counter/$", "")["value"], 5);
    // Signalling, as in the original, it is a key like any other.
    bench.ask("POST", "entities/Counter/$?op=add", "7");
    assert_eq!(bench.json(200, "GET", "entities/Counter/$", "")["value"], 5);
    let dollar = EntityId::new("counter", "$").unwrap();
    assert!(bench.engine.read(&dollar).is_some());
}

#[test]
fn delete_is_202_and_signals_delete() {
    let mut bench = bench();
    assert_eq!(bench.status("DELETE", "entities/Counter/a?op=add", ""), 202);
    assert_eq!(bench.status("GET", "entities/Counter/a", ""), 404);
    assert_eq!(bench.status("DELETE", "entities/Counter", ""), 202);
    assert_eq!(bench.status("GET", "entities/Counter/$", ""), 404);
}

#[test]
fn all_are_listed_and_states_only_when_asked_for() {
    let mut bench = bench();
    let response = bench.ask("GET", "entities", "");
    assert_eq!(
        (response.status, response.header("x-ms-continuation-token")),
        (200, None)
    );
    assert_eq!(
        response.body,
        concat!(
            r#"[{"entityId":{"name":"counter","key":""},"lastOperationTime":"2026-01-01T00:00:14.25Z"},"#,
            r#"{"entityId":{"name":"counter","key":"a"},"lastOperationTime":"2026-01-01T00:00:11.25Z"},"#,
            r#"{"entityId":{"name":"counter","key":"b"},"lastOperationTime":"2026-01-01T00:00:12.25Z"},"#,
            r#"{"entityId":{"name":"other","key":"a"},"lastOperationTime":"2026-01-01T00:00:13.25Z"}]"#,
        )
    );
    let rows = bench.json(200, "GET", "entities?fetchState=true", "");
    assert_eq!(rows[1]["state"], json!({"value": 5, "note": null}));
}

#[test]
fn a_name_is_the_whole_name_in_any_case() {
    let mut bench = bench();
    let rows = bench.json(200, "GET", "entities/COUNTER", "");
    assert_eq!(all(&rows, "/entityId/key"), ["", "a", "b"]);
    for name in ["Count", "NoSuch", "@counter", "a@b"] {
        let rows = bench.json(200, "GET", &format!("entities/{name}"), "");
        assert_eq!(rows, json!([]), "{name}");
    }
}

#[test]
fn filters_by_the_time_of_the_last_operation() {
    let mut bench = bench();
    let mut keys = |query: &str| -> Vec<String> {
        let rows = bench.json(200, "GET", &format!("entities?{query}"), "");
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["entityId"]["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let (from, to) = (
        "lastOperationTimeFrom=2026-01-01T00:00:12Z",
        "lastOperationTimeTo=2026-01-01T00:00:14Z",
    );
    assert_eq!(keys(from), ["", "b", "a"]);
    assert_eq!(keys(to), ["a", "b", "a"]);
    assert_eq!(keys(&format!("{from}&{to}")), ["b", "a"]);
    assert_eq!(keys("lastOperationTimeTo=2020-01-01"), [""; 0]);
}

#[test]
fn pages_go_on_behind_their_token_and_come_to_an_end() {
    let mut bench = bench();
    let mut keys = Vec::new();
    let mut token = None::<String>;
    for _ in 0..3 {
        let value = token.clone().unwrap_or_default();
        let headers = [("x-ms-continuation-token", value.as_str())];
        let response = bench.ask_with("GET", "entities/Counter?top=1", &headers, "");
        let rows: Value = serde_json::from_str(&response.body).unwrap();
        keys.extend(all(&rows, "/entityId/key").into_iter().map(str::to_owned));
        token = response
            .header("x-ms-continuation-token")
            .map(str::to_owned);
    }
    assert_eq!(keys, ["", "a", "b"]);
    assert_eq!(token, None);
    let headers = [("x-ms-continuation-token", "bnVsbA==")];
    assert_eq!(bench.ask_with("GET", "entities", &headers, "").status, 400);
}
