//! `--serve`: the Durable Functions HTTP API over a real socket, with the fixture's own workflow.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::serve::{Served, serve, serve_with};

const API: &str = "/runtime/webhooks/durabletask";

struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

/// A request with the key in its address, as the links have it.
fn ask(served: &Served, method: &str, target: &str, headers: &str, body: &str) -> Response {
    let mut stream = TcpStream::connect(&served.address).unwrap();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nhost: {}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        served.address,
        body.len(),
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Response {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// A request below the API's base.
fn call(served: &Served, method: &str, path: &str, body: &str) -> Response {
    let mark = if path.contains('?') { '&' } else { '?' };
    let target = format!("{API}{path}{mark}code={}", served.key);
    ask(
        served,
        method,
        &target,
        "content-type: application/json\r\n",
        body,
    )
}

/// The target of a link of ours.
fn target<'a>(served: &Served, link: &'a str) -> &'a str {
    let origin = format!("http://{}", served.address);
    link.strip_prefix(&origin)
        .unwrap_or_else(|| panic!("{link} does not lead to {origin}"))
}

fn notification() -> String {
    json!({
        "Timestamp": "2026-01-01T00:00:05Z",
        "CurrentValue": 31.5,
        "ThresholdValue": 30.0,
        "Type": 1,
        "NotificationNumber": "+390123456789",
        "DeviceName": "Greenhouse",
        "DeviceId": "greenhouse-01",
    })
    .to_string()
}

#[test]
fn the_workflow_is_started_followed_by_its_links_and_purged() {
    let served = serve("1m");
    served.wait_for(60);
    let start = format!("{API}/orchestrators/SendNotification/by-hand");
    assert_eq!(ask(&served, "POST", &start, "", "{}").status, 401);

    let response = call(
        &served,
        "POST",
        "/orchestrators/SendNotification/by-hand",
        &notification(),
    );
    assert_eq!(response.status, 202, "{}", response.body);
    assert_eq!(response.header("retry-after"), Some("10"));
    assert_eq!(
        response.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let links = response.json();
    assert_eq!(links["id"], "by-hand");
    let location = response.header("location").unwrap();
    assert_eq!(Some(location), links["statusQueryGetUri"].as_str());
    assert!(location.contains("taskHub=journey&connection=Storage&code="));

    // The links hold the key: nothing but them is needed.
    let link = |name: &str| target(&served, links[name].as_str().unwrap()).to_owned();
    let history = format!(
        "{}&showHistory=true&showHistoryOutput=true",
        link("statusQueryGetUri")
    );
    let response = ask(&served, "GET", &history, "", "");
    assert_eq!(response.status, 200, "{}", response.body);
    let status = response.json();
    assert_eq!(status["runtimeStatus"], "Completed", "{status}");
    assert_eq!(status["input"]["DeviceId"], "greenhouse-01");
    let rows: Vec<_> = status["historyEvents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["EventType"].as_str().unwrap(),
                row["FunctionName"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("ExecutionStarted", Some("SendNotification")),
            ("TaskCompleted", Some("SendMessageToDevice")),
            ("TaskCompleted", Some("SendMessageToTwilio")),
            ("ExecutionCompleted", None),
        ]
    );

    let gone = link("terminatePostUri").replace("{text}", "late");
    let response = ask(&served, "POST", &gone, "", "");
    assert_eq!((response.status, response.body.as_str()), (410, ""));
    let response = ask(&served, "POST", &link("restartPostUri"), "", "");
    assert_eq!(response.status, 202);
    assert_ne!(response.json()["id"], "by-hand");
    let response = ask(&served, "DELETE", &link("purgeHistoryDeleteUri"), "", "");
    assert_eq!(
        (response.status, response.body.as_str()),
        (200, r#"{"instancesDeleted":1}"#)
    );
    let response = ask(&served, "GET", &link("statusQueryGetUri"), "", "");
    assert_eq!((response.status, response.body.as_str()), (404, ""));
    assert_eq!(response.header("content-type"), None);
}

#[test]
fn whoever_waits_gets_the_end() {
    let served = serve("1m");
    served.wait_for(60);
    let path = "/orchestrators/SendNotification?timeout=30&pollingInterval=1";
    let response = call(&served, "POST", path, &notification());
    assert_eq!((response.status, response.body.as_str()), (200, "null"));
    let response = call(&served, "POST", path, r#"{"no":"notification"}"#);
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["runtimeStatus"], "Failed");
}

#[test]
fn whoever_waits_too_long_gets_links_after_that_time() {
    // With a door for workers, what is not registered waits for one.
    let served = serve_with(&[], "\n[durable_task]\nlisten = true\nport = 0\n");
    let path = "/orchestrators/Elsewhere/e?timeout=1.5&pollingInterval=0.5";
    #[expect(clippy::disallowed_methods, reason = "the bench runs at real time")]
    let start = std::time::Instant::now();
    let response = call(&served, "POST", path, "1");
    assert_eq!(response.status, 202, "{}", response.body);
    assert!(start.elapsed().as_secs_f64() > 1.2, "{:?}", start.elapsed());
    assert_eq!(response.json()["id"], "e");
    let response = call(&served, "GET", "/instances/e", "");
    assert_eq!(response.status, 202);
    assert_eq!(response.header("retry-after"), Some("5"));
    // And whoever waits still when it ends has the end at once.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let path = "/orchestrators/Elsewhere/f?timeout=60&pollingInterval=1";
            call(&served, "POST", path, "1").json()
        });
        let started = || call(&served, "GET", "/instances/f", "").status == 202;
        assert!((0..1000).any(|_| started()), "it is not started");
        let ended = call(&served, "POST", "/instances/f/terminate?reason=enough", "");
        assert_eq!(ended.status, 202);
        let status = waiting.join().unwrap();
        assert_eq!(status["runtimeStatus"], "Terminated");
        assert_eq!(status["output"], "enough");
    });
    assert!(start.elapsed().as_secs_f64() < 40.0);
}

#[test]
fn entities_of_the_run_are_listed_in_pages_read_and_signalled() {
    let served = serve("1m");
    served.wait_for(60);
    let mut keys = Vec::new();
    let mut token = String::new();
    for _ in 0..3 {
        let target = format!("{API}/entities?top=1&fetchState=true&code={}", served.key);
        let header = format!("x-ms-continuation-token: {token}\r\n");
        let response = ask(&served, "GET", &target, &header, "");
        assert_eq!(response.status, 200);
        let rows = response.json();
        assert!(rows[0]["state"].is_object(), "{rows}");
        let id = &rows[0]["entityId"];
        keys.push((
            id["name"].as_str().unwrap().to_owned(),
            id["key"].as_str().unwrap().to_owned(),
        ));
        response
            .header("x-ms-continuation-token")
            .unwrap_or_default()
            .clone_into(&mut token);
    }
    let entity = |name: &str, key: &str| (name.to_owned(), key.to_owned());
    assert_eq!(
        keys,
        [
            entity("standarddeviceentity", "devkit-01"),
            entity("standarddeviceentity", "greenhouse-01"),
            entity("weatherdeviceentity", "roofWeatherDevice"),
        ]
    );
    assert_eq!(token, "");

    let path = "/entities/StandardDeviceEntity/greenhouse-01";
    let before = call(&served, "GET", path, "");
    assert_eq!(before.status, 200);
    assert_eq!(before.json()["deviceName"], "Greenhouse");
    let configuration = r#"{"historyRetention":"00:05:00"}"#;
    let signal = format!("{path}?op=SetConfiguration");
    assert_eq!(call(&served, "POST", &signal, configuration).status, 202);
    let after = call(&served, "GET", path, "").json();
    assert_eq!(after["entityConfig"]["historyRetention"], "00:05:00");
    assert_eq!(
        call(&served, "GET", "/entities/StandardDeviceEntity/nobody", "").status,
        404
    );
}

#[test]
fn the_document_describes_it() {
    let served = serve("1m");
    let document = call(&served, "GET", "/openapi.json", "").json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], API);
    let target = format!("{API}/openapi.json");
    assert_eq!(ask(&served, "GET", &target, "", "").status, 401);
}
