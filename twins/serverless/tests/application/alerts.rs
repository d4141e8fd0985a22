//! Alerts: once, again after re-arming, to the device and to a telephone.

use serde_json::json;
use twinbench_engine::Status;
use twinbench_model::Room;
use twinbench_serverless::{Call, alert_of};

use crate::common::Hub;

#[test]
fn an_alert_fires_once_and_again_after_it_was_left() {
    let mut hub = Hub::new();
    hub.configure(
        "kitchen",
        r#"{"temperatureHighThreshold":30,"temperatureLowThreshold":10}"#,
    );
    let mut alerts = Vec::new();
    for (n, value) in [
        29.0, 30.0, 30.5, 31.0, 30.0, 30.5, 29.9, 30.1, 9.9, 5.0, 10.1, 9.0,
    ]
    .into_iter()
    .enumerate()
    {
        hub.at(10 * (n as u64 + 1)).reading("kitchen", value, 50.0);
        alerts.push(hub.application.alerts());
    }
    assert_eq!(alerts, [0, 0, 1, 1, 1, 1, 1, 2, 3, 3, 3, 4]);
}

#[test]
fn the_message_to_the_device_is_the_originals() {
    let mut hub = Hub::new();
    hub.configure("kitchen", r#"{"temperatureHighThreshold":30}"#);
    hub.at(10).send(
        "kitchen",
        r#"{"deviceName":"Kitchen","data":{"temperature":31.25,"humidity":50}}"#,
    );
    let outbox = hub.application.outbox();
    assert_eq!(outbox.len(), 1, "no SMS without a number");
    let call = Call {
        key: "[key]".into(),
        ..outbox[0].clone()
    };
    insta::assert_json_snapshot!(call, @r#"
    {
      "key": "[key]",
      "time": 10000000000,
      "connector": "SendMessageToDevice",
      "device": "kitchen",
      "to": "kitchen",
      "text": "Temperature 31.25 greater then 30.00 from Kitchen at 01/01/2026 00:00:10 +00:00.",
      "properties": {
        "CurrentValue": "31.25",
        "ThresholdValue": "30",
        "Type": "HighTemperature"
      },
      "expiry": "2026-01-01T00:10:10Z"
    }
    "#);
}

#[test]
fn an_sms_follows_when_there_is_a_number() {
    let mut hub = Hub::new();
    hub.configure(
        "kitchen",
        r#"{"temperatureLowThreshold":10,"notificationNumber":"+39 02 1234"}"#,
    );
    hub.at(10).reading("kitchen", 4.0, 50.0);
    let outbox = hub.application.outbox();
    let sent: Vec<_> = outbox
        .iter()
        .map(|call| (call.connector.as_str(), call.to.as_str()))
        .collect();
    assert_eq!(
        sent,
        [
            ("SendMessageToDevice", "kitchen"),
            ("SendMessageToTwilio", "+39 02 1234")
        ]
    );
    assert!(
        outbox[1].text.contains("4.00 less then 10.00 from kitchen"),
        "{}",
        outbox[1].text
    );
    assert_eq!(hub.application.alerts(), 1, "one alert, however it is sent");
    let instance = hub.engine.instances().next().unwrap();
    assert_eq!(
        (instance.name(), instance.status()),
        ("SendNotification", Status::Completed)
    );
    assert_eq!(
        instance
            .input()
            .unwrap()
            .read::<serde_json::Value>()
            .unwrap(),
        json!({
            "Timestamp": "2026-01-01T00:00:10Z", "CurrentValue": 4.0, "ThresholdValue": 10.0, "Type": 2,
            "NotificationNumber": "+39 02 1234", "DeviceName": "kitchen", "DeviceId": "kitchen",
        })
    );
}

#[test]
fn every_arrow_is_an_event() {
    let mut hub = Hub::new();
    hub.configure("kitchen", r#"{"temperatureHighThreshold":30}"#);
    hub.events("");
    hub.at(10).reading("kitchen", 31.0, 50.0);
    let mut events = Vec::new();
    hub.engine.drain_events(&mut events);
    hub.application.drain_events(&mut events);
    events.sort_by_key(|event| event.room);
    let rooms: Vec<_> = events
        .iter()
        .map(|event| (event.room, event.kind))
        .collect();
    let workflow = (Room::Workflows, "workflow");
    assert_eq!(
        rooms,
        [
            (Room::Functions, "function"),
            (Room::Entities, "entity"),
            workflow,
            workflow,
            workflow,
            workflow,
            (Room::Connectors, "connector"),
        ]
    );
    let twinbench_model::Payload::Json(facts) = &events[6].payload else {
        panic!("it is JSON")
    };
    let (device, text) = alert_of(facts).unwrap();
    assert_eq!(device, "kitchen");
    assert_eq!(text, "31 > 30 °C");
    assert_eq!(alert_of(r#"{"connector":"other"}"#), None);
}
