//! What an entity keeps of its readings, and for how long.

use serde_json::{Value, json};

use crate::common::Hub;

fn time(secs: u64) -> String {
    format!("2026-01-01T00:{:02}:{:02}Z", secs / 60, secs % 60)
}

fn times(hub: &Hub) -> Vec<String> {
    hub.history("kitchen").into_iter().map(|it| it.0).collect()
}

#[test]
fn ten_minutes_are_kept_unless_it_is_configured() {
    let mut hub = Hub::new();
    for secs in (0..=1200).step_by(300) {
        hub.at(secs).reading("kitchen", 20.0, 50.0);
    }
    assert_eq!(times(&hub), [time(600), time(900), time(1200)]);
    hub.configure("kitchen", r#"{"historyRetention":"00:05:00"}"#);
    hub.at(1210).reading("kitchen", 21.0, 50.0);
    assert_eq!(
        times(&hub),
        ["2026-01-01T00:20:00Z", "2026-01-01T00:20:10Z"]
    );
}

#[test]
fn values_are_rounded_half_to_even_and_names_follow_the_newest() {
    let mut hub = Hub::new();
    hub.at(10).send(
        "kitchen",
        r#"{"deviceName":"Kitchen","data":{"temperature":20.125,"humidity":55.555}}"#,
    );
    hub.at(20).send(
        "kitchen",
        r#"{"deviceName":"Renamed","data":{"temperature":20.375,"humidity":50}}"#,
    );
    let state = hub.state("kitchen");
    assert_eq!(
        state["historyData"]["2026-01-01T00:00:10Z"]["temperature"],
        20.12
    );
    assert_eq!(
        state["lastData"],
        json!({"temperature": 20.38, "humidity": 50.0})
    );
    assert_eq!(state["deviceName"], "Renamed");
    assert_eq!(state["lastUpdate"], "2026-01-01T00:00:20Z");
}

#[test]
fn weather_devices_have_their_own_entity_to_the_tenth_without_alerts() {
    let mut hub = Hub::new();
    let device = "roof-WeatherDevice";
    hub.configure(
        device,
        r#"{"temperatureHighThreshold":1.0,"temperatureDecimalPrecision":3}"#,
    );
    hub.at(10).reading(device, 20.25, 50.55);
    let state = hub.state(device);
    assert_eq!(
        state["lastData"],
        json!({"temperature": 20.2, "humidity": 50.6})
    );
    assert_eq!(state["entityConfig"]["temperatureDecimalPrecision"], 1);
    assert_eq!(hub.application.alerts(), 0);
    let members: Vec<_> = state.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "deviceName",
            "entityConfig",
            "historyData",
            "lastData",
            "lastUpdate"
        ]
    );
    let ids: Vec<_> = hub
        .engine
        .entities("")
        .map(|(id, _)| id.to_string())
        .collect();
    assert_eq!(ids, ["@weatherdeviceentity@roof-WeatherDevice"]);
}

#[test]
fn a_late_reading_is_kept_but_is_not_the_last() {
    let mut hub = Hub::new();
    hub.at(100).reading("kitchen", 20.0, 50.0);
    let late = format!(
        r#"{{"timestamp":"{}","data":{{"temperature":99,"humidity":1}}}}"#,
        time(50)
    );
    hub.at(110).send("kitchen", &late);
    assert_eq!(times(&hub), [time(50), time(100)]);
    assert_eq!(hub.state("kitchen")["lastData"]["temperature"], 20.0);
}

#[test]
fn telemetry_that_is_too_old_makes_no_entity() {
    let mut hub = Hub::new();
    let old = r#"{"timestamp":"2025-12-31T23:00:00Z","data":{"temperature":9,"humidity":1}}"#;
    hub.at(10).send("ghost", old);
    assert_eq!(hub.state("ghost"), Value::Null);
    hub.reading("kitchen", 20.0, 50.0);
    hub.send("kitchen", old);
    assert_eq!(times(&hub), [time(10)], "an entity that is there stays");
}

#[test]
fn a_clock_that_cannot_be_right_is_not_believed() {
    let mut hub = Hub::new();
    for (secs, timestamp) in [
        (10, "1970-01-01T00:00:05Z"),
        (20, "2000-01-01T00:00:05Z"),
        (30, "2026-01-01T00:05:31Z"),
    ] {
        let body =
            format!(r#"{{"timestamp":"{timestamp}","data":{{"temperature":1,"humidity":1}}}}"#);
        hub.at(secs).send("kitchen", &body);
    }
    assert_eq!(times(&hub), [time(10), time(20), time(30)]);
    assert_eq!(hub.application.counts().clocks_corrected, 3);
    let ahead = r#"{"timestamp":"2026-01-01T00:05:40Z","data":{"temperature":1,"humidity":1}}"#;
    hub.at(40).send("kitchen", ahead);
    assert_eq!(
        times(&hub).last().unwrap(),
        &time(340),
        "five minutes are believed"
    );
}
