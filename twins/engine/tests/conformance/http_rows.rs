//! The rows of the HTTP API as a client meets them; each in detail has tests of its own beside the
//! API.

use serde_json::{Value, json};
use twinbench_engine::{
    OrchestrationContext,
    http::{Answer, Config, Request, Response, handle},
};

use crate::common::{Bed, Way, each, functions, ledger};

fn ask(bed: &mut Bed, method: &str, path: &str, query: &str, body: &Value) -> Response {
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        },
    };
    let now = bed.now;
    let answer = handle(&mut bed.engine, &request, &Config::default(), now);
    bed.run();
    match answer {
        Answer::Now(response) => response,
        Answer::Later(_) => panic!("{path} waits"),
    }
}

/// Each row of section 10 with its status; the headers that carry meaning.
#[test]
fn check_13_http_rows() {
    let functions = functions()
        .orchestration("Wait", |cx: OrchestrationContext, _: Value| async move {
            cx.external_event::<Value>("Go").await
        })
        .orchestration("Fail", |_: OrchestrationContext, _: Value| async move {
            Err::<(), _>(twinbench_engine::Failure::new("Planned", "as asked"))
        });
    each(&functions, |bed| {
        let none = json!(null);
        let rows: &[(&str, &str, &str, Value, u16)] = &[
            ("POST", "orchestrators/Wait/i", "", json!(1), 202),
            ("POST", "orchestrators/Wait/gone", "", json!(1), 202),
            ("POST", "orchestrators/Fail/f", "", json!(1), 202),
            ("GET", "instances/i", "", none.clone(), 202),
            ("GET", "instances/f", "", none.clone(), 200),
            (
                "GET",
                "instances/f",
                "returnInternalServerErrorOnFailure=true",
                none.clone(),
                500,
            ),
            ("GET", "instances/unknown", "", none.clone(), 404),
            ("GET", "instances", "", none.clone(), 200),
            ("POST", "instances/i/suspend", "reason=x", none.clone(), 202),
            ("POST", "instances/i/resume", "reason=x", none.clone(), 202),
            ("POST", "instances/i/raiseEvent/Go", "", json!("done"), 202),
            ("GET", "instances/i", "", none.clone(), 200),
            ("POST", "instances/i/raiseEvent/Go", "", json!("late"), 410),
            ("POST", "instances/unknown/raiseEvent/Go", "", json!(1), 404),
            ("POST", "instances/i/terminate", "", none.clone(), 410),
            (
                "POST",
                "instances/gone/terminate",
                "reason=x",
                none.clone(),
                202,
            ),
            ("POST", "instances/f/rewind", "reason=x", none.clone(), 202),
            ("POST", "instances/i/rewind", "", none.clone(), 410),
            (
                "POST",
                "instances/i/restart",
                "restartWithNewInstanceId=true",
                none.clone(),
                202,
            ),
            ("POST", "instances/unknown/restart", "", none.clone(), 400),
            ("DELETE", "instances/i", "", none.clone(), 200),
            ("DELETE", "instances/i", "", none.clone(), 404),
            ("DELETE", "instances", "", none.clone(), 400),
            (
                "DELETE",
                "instances",
                "createdTimeFrom=1960-01-01T00:00:00Z&runtimeStatus=Terminated",
                none.clone(),
                200,
            ),
            ("POST", "entities/Ledger/Key", "op=write", json!(5), 202),
            ("GET", "entities/ledger/Key", "", none.clone(), 200),
            ("GET", "entities/ledger/key", "", none.clone(), 404),
            ("GET", "entities", "fetchState=true", none.clone(), 200),
            ("GET", "entities/Ledger", "", none.clone(), 200),
            ("DELETE", "entities/Ledger/Key", "", none.clone(), 202),
            ("GET", "entities/ledger/Key", "", none.clone(), 404),
            ("POST", "entities/Ledger", "op=write", json!(6), 202),
            ("GET", "entities/Ledger/$", "", none.clone(), 200),
            ("POST", "makeprimary", "", none.clone(), 200),
            ("GET", "nothing/of/the/kind", "", none.clone(), 404),
            ("PUT", "instances/f", "", none.clone(), 404),
        ];
        for (method, path, query, body, status) in rows {
            let answer = ask(bed, method, path, query, body);
            assert_eq!(
                answer.status, *status,
                "{:?} {method} {path}?{query}: {}",
                bed.way, answer.body
            );
            if *status == 202 && path.starts_with("orchestrators") {
                assert!(answer.header("Location").is_some());
                assert_eq!(answer.header("Retry-After"), Some("10"));
            }
        }
        // The empty key's own entity; a name that nobody knows is refused where all are known.
        assert_eq!(bed.lines(""), Some(vec![6]));
        assert!(bed.engine.entity(&ledger("Key")).is_none());
        let unknown = ask(bed, "POST", "orchestrators/Nobody", "", &json!(1));
        let expected = if bed.way == Way::Here { 400 } else { 202 };
        assert_eq!(unknown.status, expected);
    });
}
