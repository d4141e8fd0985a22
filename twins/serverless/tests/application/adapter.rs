//! The flat telemetry of the AZ3166 firmware, with the adapter and without it.

use serde_json::{Value, json};

use crate::common::Hub;

const FLAT: [&str; 4] = [
    r#"{"humidity":41.00,"temperature":25.50,"pressure":1013.20}"#,
    r#"{"magnetometerX":1.0,"magnetometerY":2.0,"magnetometerZ":3.0}"#,
    r#"{"accelerometerX":1.0,"accelerometerY":2.0,"accelerometerZ":3.0}"#,
    r#"{"gyroscopeX":1.0,"gyroscopeY":2.0,"gyroscopeZ":3.0}"#,
];

fn send_in_turn(hub: &mut Hub) {
    for (n, body) in FLAT.iter().cycle().take(8).enumerate() {
        hub.at(10 * (n as u64 + 1)).send("devkit", body);
    }
}

#[test]
fn with_it_the_climate_message_is_a_reading_and_the_others_are_skipped() {
    let mut hub = Hub::new();
    send_in_turn(&mut hub);
    assert_eq!(
        hub.history("devkit"),
        [
            ("2026-01-01T00:00:10Z".to_owned(), 25.5),
            ("2026-01-01T00:00:50Z".to_owned(), 25.5)
        ]
    );
    assert_eq!(hub.state("devkit")["deviceName"], "devkit");
    let counts = hub.application.counts();
    assert_eq!(
        (counts.signalled, counts.skipped, counts.dead_letters),
        (2, 6, 0)
    );
    let (_, facts) = hub.events("function").pop().unwrap();
    assert_eq!(
        facts,
        json!({
            "function": "IoTHubDispatcher", "partition": 1, "messages": 1, "signalled": 0,
            "skipped": 1, "deadLetters": 0, "clocksCorrected": 0,
        })
    );
}

#[test]
fn without_it_the_entity_is_empty_as_in_the_original() {
    let mut hub = Hub::with_adapter(false);
    send_in_turn(&mut hub);
    let state = hub.state("devkit");
    assert_eq!(state["historyData"], json!({}));
    assert_eq!(
        (&state["deviceName"], &state["lastData"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(hub.application.counts().signalled, 8);
    let rows = hub.json(200, "GET", "devices?name=dev", "");
    assert_eq!(rows, json!([]), "a search by name does not fail on it");
    let rows = hub.json(200, "GET", "devices", "");
    assert_eq!(
        rows,
        json!([{"deviceId": "devkit", "deviceName": null, "lastTelemetry": null}])
    );
    hub.with_weather_data_missing();
}

impl Hub {
    /// The original's weather entity failed here.
    fn with_weather_data_missing(&mut self) {
        self.send("WeatherDevice", FLAT[0]);
        let operations = self.events("entity");
        assert!(
            operations.iter().all(|(_, facts)| facts["result"] == "ok"),
            "{operations:?}"
        );
    }
}
