//! What an entity makes of a configuration.

use serde_json::{Value, json};

use crate::common::Hub;

#[test]
fn nonsense_is_made_sense_of() {
    let mut hub = Hub::new();
    hub.configure(
        "kitchen",
        r#"{"historyRetention":"-00:01:00","temperatureDecimalPrecision":-3,"humidityDecimalPrecision":400,"storageCapture":{"enabled":true,"timeWindowInMinutes":-1}}"#,
    );
    let configuration = &hub.state("kitchen")["entityConfig"];
    assert_eq!(configuration["historyRetention"], "00:10:00");
    assert_eq!(configuration["temperatureDecimalPrecision"], 2);
    assert_eq!(configuration["humidityDecimalPrecision"], 15);
    assert_eq!(
        configuration["storageCapture"],
        json!({"enabled": true, "timeWindowInMinutes": 5})
    );
    hub.at(10).reading("kitchen", 20.125, 50.0);
    assert_eq!(hub.history("kitchen").len(), 1, "no poisoned entity");
}

#[test]
fn null_changes_nothing_and_rubbish_fails() {
    let mut hub = Hub::new();
    hub.configure("kitchen", r#"{"temperatureHighThreshold":30}"#);
    let before = hub.state("kitchen");
    hub.configure("kitchen", "null");
    hub.configure("kitchen", r#"{"historyRetention":"soon"}"#);
    assert_eq!(hub.state("kitchen"), before);
    let results: Vec<Value> = hub
        .events("entity")
        .into_iter()
        .map(|it| it.1["result"].clone())
        .collect();
    assert_eq!(results, ["ok", "ok", "error"]);
}

#[test]
fn an_alert_that_was_raised_stays_raised() {
    let mut hub = Hub::new();
    hub.configure("kitchen", r#"{"temperatureHighThreshold":30}"#);
    hub.at(10).reading("kitchen", 35.0, 50.0);
    hub.configure("kitchen", r#"{"temperatureHighThreshold":32}"#);
    hub.at(20).reading("kitchen", 36.0, 50.0);
    assert_eq!(hub.application.alerts(), 1);
    assert_eq!(
        hub.state("kitchen")["temperatureHighNotificationFired"],
        true
    );
}
