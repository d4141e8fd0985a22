//! `GET /instances`: filters, pages, tokens.

use serde_json::{Value, json};

use crate::common::{Bench, all};

/// Instances that were started at 11, 12, … s.
fn bench() -> Bench {
    let mut bench = Bench::new();
    for (n, (name, id)) in [
        ("Echo", "a-1"),
        ("Fail", "a-2"),
        ("Wait", "a-3"),
        ("Wait", "b-1"),
        ("Echo", "b-2"),
    ]
    .into_iter()
    .enumerate()
    {
        bench.at(11_000 + 1000 * n as u64);
        bench.ask("POST", &format!("orchestrators/{name}/{id}"), "1");
    }
    bench.ask("POST", "instances/b-1/suspend", "");
    bench
}

fn ids(bench: &mut Bench, query: &str) -> Vec<String> {
    let rows = bench.json(200, "GET", &format!("instances?{query}"), "");
    all(&rows, "/instanceId")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[test]
fn all_are_listed_in_the_order_of_their_ids() {
    let mut bench = bench();
    let response = bench.ask("GET", "/instances/", "");
    assert_eq!(
        (response.status, response.header("x-ms-continuation-token")),
        (200, None)
    );
    let rows: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(
        all(&rows, "/instanceId"),
        ["a-1", "a-2", "a-3", "b-1", "b-2"]
    );
    assert_eq!(
        rows[0],
        json!({
            "name": "Echo", "instanceId": "a-1", "runtimeStatus": "Completed", "input": 1,
            "customStatus": null, "output": 1,
            "createdTime": "2026-01-01T00:00:11Z", "lastUpdatedTime": "2026-01-01T00:00:11Z",
        })
    );
    let mut empty = Bench::new();
    assert_eq!(empty.ask("GET", "instances", "").body, "[]");
}

#[test]
fn inputs_may_be_left_out() {
    let rows = bench().json(200, "GET", "instances?showInput=false", "");
    assert!(
        rows.as_array()
            .unwrap()
            .iter()
            .all(|row| row["input"].is_null())
    );
}

#[test]
fn filters_by_prefix_time_and_state() {
    let mut bench = bench();
    assert_eq!(ids(&mut bench, "instanceIdPrefix=b-"), ["b-1", "b-2"]);
    assert_eq!(ids(&mut bench, "instanceIdPrefix=A"), [""; 0]);
    assert_eq!(
        ids(
            &mut bench,
            "createdTimeFrom=2026-01-01T00:00:12Z&createdTimeTo=2026-01-01T00:00:14Z"
        ),
        ["a-2", "a-3", "b-1"]
    );
    assert_eq!(ids(&mut bench, "createdTimeFrom=2025-01-01").len(), 5);
    assert_eq!(ids(&mut bench, "createdTimeTo=2025-01-01"), [""; 0]);
    assert_eq!(
        ids(&mut bench, "runtimeStatus=Running,Failed"),
        ["a-2", "a-3"]
    );
    assert_eq!(
        ids(
            &mut bench,
            "runtimeStatus=Suspended&runtimeStatus=Completed&instanceIdPrefix=b"
        ),
        ["b-1", "b-2"]
    );
    assert_eq!(ids(&mut bench, "runtimeStatus=Canceled"), [""; 0]);
}

#[test]
fn what_cannot_be_read_does_not_filter() {
    let mut bench = bench();
    for query in [
        "createdTimeFrom=soon",
        "runtimeStatus=Dancing",
        "top=many",
        "top=-1",
    ] {
        assert_eq!(ids(&mut bench, query).len(), 5, "{query}");
    }
}

/// Walks through the pages of a list.
fn pages(bench: &mut Bench, path: &str) -> Vec<usize> {
    let mut sizes = Vec::new();
    let mut token = String::new();
    loop {
        let headers = [("X-MS-Continuation-Token", token.as_str())];
        let response = bench.ask_with("GET", path, &headers, "");
        assert_eq!(response.status, 200, "{response:?}");
        let rows: Value = serde_json::from_str(&response.body).unwrap();
        sizes.push(rows.as_array().unwrap().len());
        assert!(sizes.len() < 100, "the pages have no end");
        match response.header("x-ms-continuation-token") {
            None => return sizes,
            Some(next) => {
                assert!(!next.is_empty() && next != "bnVsbA==" && next != "null");
                next.clone_into(&mut token);
            }
        }
    }
}

#[test]
fn pages_go_on_behind_their_token_and_come_to_an_end() {
    let mut bench = bench();
    assert_eq!(pages(&mut bench, "instances?top=2"), [2, 2, 1]);
    assert_eq!(pages(&mut bench, "instances?top=5"), [5]);
    assert_eq!(
        pages(&mut bench, "instances?top=1&instanceIdPrefix=a"),
        [1, 1, 1]
    );
    for n in 0..150 {
        bench.ask("POST", &format!("orchestrators/Echo/c-{n:03}"), "");
    }
    assert_eq!(pages(&mut bench, "instances"), [100, 55]);
}

#[test]
fn a_token_that_was_never_given_is_400() {
    let mut bench = bench();
    for token in ["bnVsbA==", "nonsense", "🙂"] {
        let headers = [("x-ms-continuation-token", token)];
        assert_eq!(
            bench.ask_with("GET", "instances", &headers, "").status,
            400,
            "{token}"
        );
    }
    // Nor the token of another list.
    for key in ["a", "b"] {
        bench.ask("POST", &format!("entities/Counter/{key}?op=add"), "1");
    }
    let response = bench.ask("GET", "instances?top=1", "");
    let token = response
        .header("x-ms-continuation-token")
        .unwrap()
        .to_owned();
    let headers = [("x-ms-continuation-token", token.as_str())];
    assert_eq!(bench.ask_with("GET", "entities", &headers, "").status, 400);
}

#[test]
fn entities_are_instances_as_on_azure_storage_for_who_wants_that() {
    let mut bench = bench();
    for key in ["a", "b"] {
        bench.ask("POST", &format!("entities/Counter/{key}?op=add"), "1");
    }
    assert_eq!(ids(&mut bench, "").len(), 5);
    bench.config.entity_rows = true;
    assert_eq!(ids(&mut bench, "")[..2], ["@counter@a", "@counter@b"]);
    assert_eq!(
        ids(&mut bench, "instanceIdPrefix=@counter@b"),
        ["@counter@b"]
    );
    assert_eq!(ids(&mut bench, "instanceIdPrefix=a"), ["a-1", "a-2", "a-3"]);
    assert_eq!(ids(&mut bench, "runtimeStatus=Failed"), ["a-2"]);
    for (top, sizes) in [(1, vec![1; 7]), (2, vec![2, 2, 2, 1]), (3, vec![3, 3, 1])] {
        assert_eq!(pages(&mut bench, &format!("instances?top={top}")), sizes);
    }
    let rows = bench.json(200, "GET", "instances?top=1", "");
    assert_eq!(
        (&rows[0]["name"], &rows[0]["runtimeStatus"]),
        (&json!("@counter"), &json!("Running"))
    );
    assert_eq!(rows[0]["input"]["state"], r#"{"value":1,"note":null}"#);
}
