//! Histories as they are shown.

use serde_json::{Value, json};

use crate::common::{Bench, all};

/// An instance that did a bit of everything.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Mixed/m", r#""World""#);
    bench.at(12_000);
    bench.ask("POST", "instances/m/raiseEvent/Go", r#"{"now":true}"#);
    bench
}

fn history(bench: &mut Bench, query: &str) -> Value {
    let path = format!("instances/m?showHistory=true{query}");
    bench.json(200, "GET", &path, "")["historyEvents"].take()
}

#[test]
fn turns_are_left_out_and_what_was_asked_for_is_merged_into_what_came_of_it() {
    let mut bench = bench();
    let rows = history(&mut bench, "&showHistoryOutput=true");
    assert_eq!(
        all(&rows, "/EventType"),
        [
            "ExecutionStarted",
            "TaskCompleted",
            "SubOrchestrationInstanceCompleted",
            "EventSent",
            "TimerCreated",
            "TimerFired",
            "EventRaised",
            "ExecutionCompleted",
        ]
    );
    assert_eq!(
        rows[0],
        json!({
            "EventType": "ExecutionStarted", "FunctionName": "Mixed", "Input": "\"World\"",
            "Timestamp": "2026-01-01T00:00:10.25Z",
        })
    );
    assert_eq!(
        rows[1],
        json!({
            "EventType": "TaskCompleted", "FunctionName": "Say", "Input": "\"World\"",
            "Result": "Hello World!", "ScheduledTime": "2026-01-01T00:00:10.25Z",
            "Timestamp": "2026-01-01T00:00:10.25Z",
        })
    );
    assert_eq!(rows[2]["FunctionName"], "Echo");
    assert_eq!(rows[2]["Result"], json!(["Hello World!"]));
    assert_eq!(
        (&rows[3]["InstanceId"], &rows[3]["Name"]),
        (&json!("@counter@a"), &json!("op"))
    );
    assert_eq!(rows[5]["FireAt"], "2026-01-01T00:00:11.75Z");
    assert_eq!(
        (&rows[6]["Name"], &rows[6]["Input"]),
        (&json!("Go"), &json!(r#"{"now":true}"#))
    );
    assert_eq!(
        rows[7],
        json!({
            "EventType": "ExecutionCompleted", "OrchestrationStatus": "Completed",
            "Result": {"echoed": ["Hello World!"], "go": {"now": true}},
            "Timestamp": "2026-01-01T00:00:12Z",
        })
    );
}

#[test]
fn no_row_has_the_engines_numbers() {
    let rows = history(&mut bench(), "&showHistoryOutput=true");
    for row in rows.as_array().unwrap() {
        for name in [
            "EventId",
            "IsPlayed",
            "TaskScheduledId",
            "TimerId",
            "Version",
        ] {
            assert_eq!(row.get(name), None, "{row}");
        }
    }
}

#[test]
fn results_come_only_when_asked_for_and_inputs_go_when_told_so() {
    let mut bench = bench();
    let rows = history(&mut bench, "");
    let has = |rows: &Value, name| {
        rows.as_array()
            .unwrap()
            .iter()
            .any(|row| row.get(name).is_some())
    };
    assert!(!has(&rows, "Result") && has(&rows, "Input"));
    let rows = history(&mut bench, "&showHistoryOutput=true&showInput=false");
    assert!(has(&rows, "Result") && !has(&rows, "Input"));
    // Without the history the other switch does nothing.
    let payload = bench.json(200, "GET", "instances/m?showHistoryOutput=true", "");
    assert_eq!(payload.get("historyEvents"), None);
}

#[test]
fn what_has_not_come_yet_is_shown_as_asked_for() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Sleep/s", "60");
    let payload = bench.json(202, "GET", "instances/s?showHistory=true", "");
    let rows = &payload["historyEvents"];
    assert_eq!(
        all(rows, "/EventType"),
        ["ExecutionStarted", "TimerCreated"]
    );
    assert_eq!(rows[1]["FireAt"], "2026-01-01T00:01:10.25Z");
}

#[test]
fn failures_say_what_happened() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Fail/f", "");
    let payload = bench.json(200, "GET", "instances/f?showHistory=true", "");
    let rows = &payload["historyEvents"];
    assert_eq!(
        all(rows, "/EventType"),
        ["ExecutionStarted", "TaskFailed", "ExecutionCompleted"]
    );
    assert_eq!(
        (&rows[1]["FunctionName"], &rows[1]["Reason"]),
        (&json!("Fail"), &json!("as asked"))
    );
    assert_eq!(rows[1]["FailureDetails"]["ErrorType"], "Planned");
    assert_eq!(rows[2]["OrchestrationStatus"], "Failed");
    assert_eq!(rows[0]["Input"], Value::Null);
}

#[test]
fn what_clients_told_it_is_there() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Wait/w", "");
    for word in ["suspend", "resume", "terminate"] {
        bench.ask("POST", &format!("instances/w/{word}?reason={word}-it"), "");
    }
    let payload = bench.json(200, "GET", "instances/w?showHistory=true", "");
    let rows = payload["historyEvents"].as_array().unwrap();
    let said = |kind: &str, member: &str| {
        let row = rows.iter().find(|row| row["EventType"] == kind);
        row.unwrap_or_else(|| panic!("no {kind} in {rows:?}"))[member].clone()
    };
    assert_eq!(said("ExecutionSuspended", "Reason"), "suspend-it");
    assert_eq!(said("ExecutionResumed", "Reason"), "resume-it");
    assert_eq!(said("ExecutionTerminated", "Input"), "terminate-it");
}
