//! The REST of the front-end layer: its shapes, and what it refuses.

use serde_json::json;
use twinbench_serverless::rest::{self, Request, Routed};

use crate::common::Hub;

fn two_devices() -> Hub {
    let mut hub = Hub::new();
    hub.at(10).send(
        "kitchen-01",
        r#"{"deviceName":"Kitchen","data":{"temperature":21.3,"humidity":55.1}}"#,
    );
    hub.at(10).send(
        "roof-WeatherDevice",
        r#"{"deviceName":"Roof","data":{"temperature":5.04,"humidity":80}}"#,
    );
    hub.at(20).send(
        "kitchen-01",
        r#"{"timestamp":"2026-01-01T00:00:20.5Z","deviceName":"Kitchen","data":{"temperature":22,"humidity":54.999}}"#,
    );
    hub
}

#[test]
fn the_list_has_the_originals_shape() {
    let mut hub = two_devices();
    insta::assert_json_snapshot!(hub.json(200, "GET", "devices", ""), @r#"
    [
      {
        "deviceId": "kitchen-01",
        "deviceName": "Kitchen",
        "lastTelemetry": {
          "humidity": 55.0,
          "temperature": 22.0,
          "timestamp": "2026-01-01T00:00:20.5Z"
        }
      },
      {
        "deviceId": "roof-WeatherDevice",
        "deviceName": "Roof",
        "lastTelemetry": {
          "humidity": 80.0,
          "temperature": 5.04,
          "timestamp": "2026-01-01T00:00:10Z"
        }
      }
    ]
    "#);
}

#[test]
fn members_come_in_the_originals_order() {
    let mut hub = two_devices();
    assert_eq!(
        hub.ask("GET", "devices?id=roof", "").body,
        r#"[{"deviceId":"roof-WeatherDevice","deviceName":"Roof","lastTelemetry":{"timestamp":"2026-01-01T00:00:10Z","temperature":5.04,"humidity":80.0}}]"#
    );
}

#[test]
fn the_list_is_searched_by_parts_in_any_case() {
    let mut hub = two_devices();
    let mut ids = |query: &str| -> Vec<String> {
        let rows = hub.json(200, "GET", &format!("devices{query}"), "");
        let rows = rows.as_array().unwrap();
        rows.iter()
            .map(|row| row["deviceId"].as_str().unwrap().to_owned())
            .collect()
    };
    let (kitchen, roof) = ("kitchen-01", "roof-WeatherDevice");
    assert_eq!(ids("?name=KITCH"), [kitchen]);
    assert_eq!(ids("?id=weather"), [roof]);
    assert_eq!(ids("?name=o&id=roof"), [roof]);
    assert_eq!(ids("?name=&id="), [kitchen, roof]);
    assert_eq!(ids("?code=secret&name=r%6Fof"), [roof]);
    assert!(ids("?name=nobody").is_empty());
}

#[test]
fn the_detail_has_the_originals_shape() {
    let mut hub = two_devices();
    insta::assert_json_snapshot!(hub.json(200, "GET", "devices/kitchen-01", ""), @r#"
    {
      "deviceId": "kitchen-01",
      "deviceName": "Kitchen",
      "lastTelemetry": {
        "humidity": 55.0,
        "temperature": 22.0,
        "timestamp": "2026-01-01T00:00:20.5Z"
      },
      "telemetryHistory": [
        {
          "humidity": 55.1,
          "temperature": 21.3,
          "timestamp": "2026-01-01T00:00:10Z"
        },
        {
          "humidity": 55.0,
          "temperature": 22.0,
          "timestamp": "2026-01-01T00:00:20.5Z"
        }
      ]
    }
    "#);
    assert_eq!(hub.json(404, "GET", "devices/nobody", ""), json!("nobody"));
    assert_eq!(hub.json(404, "GET", "devices/a%20b", ""), json!("a b"));
}

#[test]
fn a_configuration_is_echoed_as_it_is_kept() {
    let mut hub = two_devices();
    let sent = r#"{"historyRetention":"00:20:00","temperatureHighThreshold":30.5,"temperatureDecimalPrecision":-1}"#;
    let echoed = hub.json(200, "PUT", "devices/kitchen-01/configuration", sent);
    assert_eq!(echoed["temperatureDecimalPrecision"], 2);
    insta::assert_json_snapshot!(hub.json(200, "GET", "devices/kitchen-01/configuration", ""), @r#"
    {
      "historyRetention": "00:20:00",
      "humidityDecimalPrecision": 2,
      "notificationNumber": null,
      "storageCapture": {
        "enabled": false,
        "timeWindowInMinutes": 5
      },
      "temperatureDecimalPrecision": 2,
      "temperatureHighThreshold": 30.5,
      "temperatureLowThreshold": null
    }
    "#);
    for method in ["GET", "PUT"] {
        let path = "devices/nobody/configuration";
        assert_eq!(hub.json(404, method, path, sent), json!("nobody"));
    }
    let refused = hub.json(
        400,
        "PUT",
        "devices/kitchen-01/configuration",
        r#"{"historyRetention":"soon"}"#,
    );
    assert!(
        refused["error"].as_str().unwrap().contains("hh:mm:ss"),
        "{refused}"
    );
}

#[test]
fn telemetry_may_come_by_http() {
    let mut hub = Hub::new();
    let sent = r#"{"timestamp":"2026-01-01T00:00:05Z","deviceId":"web","deviceName":"Web","data":{"temperature":1.5,"humidity":2.5}}"#;
    let echoed = hub.at(10).json(200, "POST", "deviceTelemetries", sent);
    assert_eq!(
        echoed,
        serde_json::from_str::<serde_json::Value>(sent).unwrap()
    );
    assert_eq!(
        hub.history("web"),
        [("2026-01-01T00:00:05Z".to_owned(), 1.5)]
    );
    for bad in [
        "",
        "nonsense",
        r#"{"data":{"temperature":1}}"#,
        r#"{"deviceId":"a/b"}"#,
    ] {
        let refused = hub.json(400, "POST", "deviceTelemetries", bad);
        assert!(refused["error"].is_string(), "{bad}: {refused}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let mut hub = two_devices();
    let told = hub.json(
        501,
        "POST",
        "devices/kitchen-01/method",
        r#"{"method":"setLedState"}"#,
    );
    assert!(
        told["error"].as_str().unwrap().contains("no hub here"),
        "{told}"
    );
    for (method, path) in [
        ("DELETE", "devices/kitchen-01"),
        ("GET", "nothing"),
        ("GET", ""),
    ] {
        assert!(
            hub.json(404, method, path, "")["error"].is_string(),
            "{method} {path}"
        );
    }
}

#[test]
fn a_method_is_read_and_its_answer_told() {
    let mut hub = two_devices();
    let mut ask = |path: &str, body: &str| {
        let request = Request {
            method: "POST".into(),
            path: path.into(),
            query: String::new(),
            body: body.to_owned().into(),
        };
        rest::route(&mut hub.engine, &mut hub.application, &request, hub.now)
    };
    let routed = ask(
        "devices/kitchen-01/method",
        r#"{"Method":"setLedState","Payload":"{\"on\":true}"}"#,
    );
    let Routed::Method(method) = routed else {
        panic!("{routed:?}")
    };
    assert_eq!(
        (method.device.as_str(), method.name.as_str()),
        ("kitchen-01", "setLedState")
    );
    assert_eq!(method.payload, json!({"on": true}));
    for (path, body, status) in [
        ("devices/nobody/method", r#"{"method":"a"}"#, 404),
        ("devices/kitchen-01/method", r#"{"method":" "}"#, 400),
        (
            "devices/kitchen-01/method",
            r#"{"method":"a","payload":"{"}"#,
            400,
        ),
        ("devices/kitchen-01/method", "nonsense", 400),
    ] {
        let Routed::Answered(response) = ask(path, body) else {
            panic!("{body} is a method")
        };
        assert_eq!(response.status, status, "{body}: {}", response.body);
    }
    let told = |status, payload| rest::method_response(&hub.application, status, &payload).status;
    assert_eq!(told(200, json!(null)), 200);
    assert_eq!(told(501, json!({})), 502);
    assert_eq!(told(404, json!({"error": "not online"})), 504);
    assert_eq!(told(504, json!({"error": "timeout"})), 504);
    let original = Hub::original();
    let told = rest::method_response(&original.application, 504, &json!({"error": "timeout"}));
    assert_eq!(told.status, 200);
}
