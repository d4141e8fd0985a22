//! The OpenAPI document says what there is.

use serde_json::Value;
use twinbench_engine::http::Answer;

use crate::common::{Bench, request};

fn document() -> Value {
    Bench::new().json(200, "GET", "/openapi.json", "")
}

#[test]
fn it_is_a_document_of_every_route() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["servers"][0]["url"],
        "/runtime/webhooks/durabletask"
    );
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            operations.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    operations.sort();
    assert_eq!(
        operations,
        [
            "DELETE /entities/{entityName}/{entityKey}",
            "DELETE /instances",
            "DELETE /instances/{instanceId}",
            "GET /entities",
            "GET /entities/{entityName}",
            "GET /entities/{entityName}/{entityKey}",
            "GET /instances",
            "GET /instances/{instanceId}",
            "GET /openapi.json",
            "POST /entities/{entityName}",
            "POST /entities/{entityName}/{entityKey}",
            "POST /instances/{instanceId}/raiseEvent/{eventName}",
            "POST /instances/{instanceId}/restart",
            "POST /instances/{instanceId}/resume",
            "POST /instances/{instanceId}/rewind",
            "POST /instances/{instanceId}/suspend",
            "POST /instances/{instanceId}/terminate",
            "POST /makeprimary",
            "POST /orchestrators/{functionName}",
            "POST /orchestrators/{functionName}/{instanceId}",
        ]
    );
}

#[test]
fn what_it_names_is_answered_as_it_says() {
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for instance in ["w", "done", "failed", "nobody"] {
                let mut bench = Bench::new();
                bench.ask("POST", "orchestrators/Wait/w", "");
                bench.ask("POST", "orchestrators/Echo/done", "1");
                bench.ask("POST", "orchestrators/Fail/failed", "");
                let path = path
                    .replace("{functionName}", "Echo")
                    .replace("{instanceId}", instance)
                    .replace("{eventName}", "Go")
                    .replace("{entityName}", "Counter")
                    .replace("{entityKey}", instance);
                let json = [("content-type", "application/json")];
                for query in [
                    "",
                    "?createdTimeFrom=2020-01-01&timeout=1&pollingInterval=1",
                ] {
                    let asked = format!("{path}{query}");
                    let response = match bench.raw(&request(method, &asked, &json, "1")) {
                        Answer::Now(response) => response,
                        Answer::Later(waiting) => {
                            waiting.answer(&bench.engine, waiting.until()).unwrap()
                        }
                    };
                    bench.engine.run(bench.now);
                    let said = &operation["responses"][response.status.to_string()];
                    assert!(said.is_object(), "{method} {asked}: {response:?}");
                    assert_eq!(
                        said["content"].is_object(),
                        !response.body.is_empty(),
                        "{method} {asked}: {response:?}"
                    );
                    for (name, _) in &response.headers {
                        let headers = said["headers"].as_object();
                        let known = headers.is_some_and(|headers| {
                            headers.keys().any(|own| own.eq_ignore_ascii_case(name))
                        });
                        assert!(known, "{method} {asked}: {name}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value.as_str().filter(|_| name == "$ref") {
                        Some(target) => found.push(target),
                        None => references(value, found),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 10);
    for target in found {
        let pointer = target.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
}
