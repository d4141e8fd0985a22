//! A crash between two commits: the history goes on, and nothing is sent twice.

use crate::common::Hub;

#[test]
fn the_history_goes_on() {
    let mut hub = Hub::new();
    hub.configure("kitchen", r#"{"temperatureHighThreshold":30}"#);
    hub.at(10).reading("kitchen", 20.0, 50.0);
    hub.at(20).reading("kitchen", 31.0, 50.0);
    hub.at(25).send("kitchen", "not json");
    hub.commit();
    let committed = hub.state("kitchen");
    // Lost with the crash: the hub sends it again, since its checkpoint is of the same commit.
    hub.at(30).reading("kitchen", 40.0, 50.0);
    let outbox = hub.application.outbox();

    let mut hub = hub.restart();
    assert_eq!(hub.state("kitchen"), committed);
    assert_eq!(hub.application.outbox(), outbox);
    assert_eq!(hub.application.dead_letters().len(), 1);
    hub.at(30).reading("kitchen", 40.0, 50.0);
    let temperatures: Vec<f64> = hub.history("kitchen").into_iter().map(|it| it.1).collect();
    assert_eq!(temperatures, [20.0, 31.0, 40.0]);
    assert_eq!(
        hub.application.outbox(),
        outbox,
        "the alert is not raised again"
    );
    assert_eq!(
        hub.application.alerts(),
        0,
        "alerts are counted from the start"
    );

    hub.send("kitchen", "not json either");
    hub.at(40).reading("kitchen", 29.0, 50.0);
    hub.at(50).reading("kitchen", 33.0, 50.0);
    hub.commit();
    let hub = hub.restart();
    assert_eq!(hub.application.outbox().len(), 2);
    assert_eq!(hub.application.dead_letters().len(), 2);
    assert_eq!(hub.history("kitchen").len(), 5);
}

#[test]
fn an_alert_under_way_is_sent_once() {
    let mut hub = Hub::new();
    hub.configure("kitchen", r#"{"temperatureHighThreshold":30}"#);
    hub.commit();
    let input = twinbench_engine::Json::parse(
        r#"{"timestamp":"2026-01-01T00:00:10Z","deviceId":"kitchen","deviceName":"Kitchen","data":{"temperature":31,"humidity":50}}"#,
    );
    let id = crate::common::entity("kitchen");
    hub.at(10);
    hub.engine
        .signal(&id, "TelemetryReceived", input.unwrap(), hub.now)
        .unwrap();
    // The signal is committed, its turn is not.
    hub.commit();
    let mut hub = hub.restart();
    assert!(hub.application.outbox().is_empty());
    hub.engine.run(hub.now);
    assert_eq!(hub.application.outbox().len(), 1);
    hub.commit();
    let mut hub = hub.restart();
    hub.engine.run(hub.now);
    assert_eq!(hub.application.outbox().len(), 1);
}
