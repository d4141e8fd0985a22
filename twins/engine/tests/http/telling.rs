//! Telling instances: events, terminate, suspend, resume, rewind.

use serde_json::json;
use twinbench_engine::Status;

use crate::common::Bench;

/// A bench with an instance that waits (`w`), one that has failed (`f`) and one that is done (`d`).
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Wait/w", "");
    bench.ask("POST", "orchestrators/Fail/f", "");
    bench.ask("POST", "orchestrators/Echo/d", "1");
    bench
}

#[test]
fn an_event_is_202_and_arrives() {
    let mut bench = bench();
    let response = bench.ask_with(
        "POST",
        "instances/w/RAISEEVENT/Go",
        &[("Content-Type", "Application/JSON; charset=utf-8")],
        r#"{"yes":true}"#,
    );
    assert_eq!((response.status, response.body.as_str()), (202, ""));
    assert_eq!(
        bench.json(200, "GET", "instances/w", "")["output"],
        json!({"yes": true})
    );
}

#[test]
fn an_event_of_another_type_or_form_is_400() {
    let mut bench = bench();
    let path = "instances/w/raiseEvent/Go";
    for kind in ["text/plain", "application/jsonx", ""] {
        let response = bench.ask_with("POST", path, &[("content-type", kind)], "1");
        assert_eq!(response.status, 400, "{kind:?}");
    }
    assert_eq!(bench.ask_with("POST", path, &[], "1").status, 400);
    for body in ["", "{", "yes"] {
        assert_eq!(bench.status("POST", path, body), 400, "{body:?}");
    }
    assert_eq!(
        bench.engine.instance("w").unwrap().status(),
        Status::Running
    );
}

#[test]
fn an_event_for_nobody_is_404_and_for_one_that_has_ended_410() {
    let mut bench = bench();
    // Before its type is looked at.
    for (id, status) in [("nobody", 404), ("d", 410), ("f", 410)] {
        let path = format!("instances/{id}/raiseEvent/Go");
        assert_eq!(
            bench.ask_with("POST", &path, &[], "").status,
            status,
            "{id}"
        );
    }
}

#[test]
fn terminate_ends_it_with_the_reason_as_output() {
    let mut bench = bench();
    let response = bench.ask("POST", "instances/w/terminate?reason=no%20need", "");
    assert_eq!((response.status, response.body.as_str()), (202, ""));
    let payload = bench.json(200, "GET", "instances/w", "");
    assert_eq!(payload["runtimeStatus"], "Terminated");
    assert_eq!(payload["output"], "no need");
    assert_eq!(bench.status("POST", "instances/w/terminate", ""), 410);
    assert_eq!(bench.status("POST", "instances/nobody/terminate", ""), 404);
}

#[test]
fn suspend_lets_it_wait_and_resume_go_on() {
    let mut bench = bench();
    assert_eq!(
        bench.status("POST", "instances/w/suspend?reason=wait", ""),
        202
    );
    assert_eq!(
        bench.json(202, "GET", "instances/w", "")["runtimeStatus"],
        "Suspended"
    );
    assert_eq!(bench.status("POST", "instances/w/raiseEvent/Go", "5"), 202);
    assert_eq!(
        bench.json(202, "GET", "instances/w", "")["runtimeStatus"],
        "Suspended"
    );
    assert_eq!(
        bench.status("POST", "instances/w/resume?reason=go", ""),
        202
    );
    assert_eq!(bench.json(200, "GET", "instances/w", "")["output"], 5);
    for word in ["suspend", "resume"] {
        for (id, status) in [("nobody", 404), ("w", 410), ("d", 410)] {
            let path = format!("instances/{id}/{word}");
            assert_eq!(bench.status("POST", &path, ""), status, "{path}");
        }
    }
}

#[test]
fn rewind_lets_a_failed_one_try_again() {
    let mut bench = bench();
    bench.at(20_000);
    assert_eq!(
        bench.status("POST", "instances/f/rewind?reason=again", ""),
        202
    );
    let payload = bench.json(200, "GET", "instances/f?showHistory=true", "");
    assert_eq!(payload["runtimeStatus"], "Failed");
    assert_eq!(payload["lastUpdatedTime"], "2026-01-01T00:00:20Z");
}

#[test]
fn only_a_failed_one_is_rewound() {
    let mut bench = bench();
    bench.ask("POST", "orchestrators/Wait/t", "");
    bench.ask("POST", "instances/t/terminate", "");
    for (id, status) in [("nobody", 404), ("d", 410), ("t", 410), ("w", 500)] {
        let path = format!("instances/{id}/rewind");
        assert_eq!(bench.status("POST", &path, ""), status, "{id}");
    }
}
