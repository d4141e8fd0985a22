//! Twin, methods and messages of the cloud.

use serde_json::{Value, json};
use twinbench_machine::{NetworkRequest, OutputKind};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::common::{Bench, devkit, publish};

/// A devkit that signed in and reported itself.
fn connected() -> Bench {
    let mut bench = Bench::new(devkit());
    bench.run(VirtualTime::from_secs(15));
    assert_eq!(bench.hub.clients.len(), 1, "{}", bench.console());
    bench
}

/// Runs on for so many seconds.
fn go_on(bench: &mut Bench, secs: u64) {
    bench.run(bench.now + VirtualDuration::from_secs(secs));
}

/// What was reported to the twin, in order.
fn reported(bench: &Bench) -> Vec<Value> {
    let patches = bench
        .hub
        .requests
        .iter()
        .filter(|(topic, _)| topic.starts_with("$iothub/twin/PATCH/properties/reported/"));
    patches
        .map(|(_, body)| serde_json::from_slice(body).unwrap())
        .collect()
}

/// Calls a method; gives status and payload of its answer.
fn call(bench: &mut Bench, name: &str, payload: &str) -> (u16, Value) {
    let topic = format!("$iothub/methods/POST/{name}/?$rid=a7");
    bench.send(publish(&topic, payload.as_bytes(), None));
    go_on(bench, 1);
    let answer = bench.hub.requests.iter().rev().find_map(|(topic, body)| {
        let rest = topic.strip_prefix("$iothub/methods/res/")?;
        Some((rest.strip_suffix("/?$rid=a7")?, body))
    });
    let (status, body) = answer.unwrap();
    (
        status.parse().unwrap(),
        serde_json::from_slice(body).unwrap(),
    )
}

/// The display's first line, 16 pixels high.
fn first_line(bench: &Bench) -> Vec<u8> {
    let frame = bench
        .out
        .iter()
        .rev()
        .find_map(|output| match &output.kind {
            OutputKind::Display { frame } => Some(frame),
            _ => None,
        });
    frame.unwrap()[..256].to_vec()
}

#[test]
fn it_subscribes_asks_for_its_twin_and_reports_what_it_is() {
    let bench = connected();
    assert_eq!(
        bench.hub.filters,
        [
            "$iothub/twin/res/#",
            "$iothub/twin/PATCH/properties/desired/#",
            "$iothub/methods/POST/#",
            "devices/devkit-01/messages/devicebound/#",
        ]
    );
    assert!(bench.hub.requests[0].0.starts_with("$iothub/twin/GET/"));
    let reported = reported(&bench);
    assert_eq!(reported.len(), 1, "{reported:?}\n{}", bench.console());
    assert_eq!(reported[0]["ledState"], false);
    assert_eq!(
        reported[0]["telemetryInterval"],
        json!({"value": 10, "ac": 200, "av": 1, "ad": "success"})
    );
    assert_eq!(reported[0]["deviceInformation"]["manufacturer"], "MXCHIP");
    assert_eq!(reported[0]["deviceInformation"]["__t"], "c");
}

#[test]
fn a_desired_interval_is_acknowledged_and_kept_to() {
    let mut bench = connected();
    let topic = "$iothub/twin/PATCH/properties/desired/?$version=2";
    let patch = br#"{"telemetryInterval":2,"$version":2}"#;
    bench.send(publish(topic, patch, None));
    go_on(&mut bench, 1);
    assert_eq!(
        reported(&bench).last().unwrap()["telemetryInterval"],
        json!({"value": 2, "ac": 200, "av": 2, "ad": "success"})
    );
    let before = bench.hub.published.len();
    go_on(&mut bench, 20);
    let sent = bench.hub.published.len() - before;
    assert!((9..=11).contains(&sent), "{sent}\n{}", bench.console());

    let patch = br#"{"telemetryInterval":"often","$version":3}"#;
    bench.send(publish(topic, patch, None));
    go_on(&mut bench, 1);
    assert_eq!(
        reported(&bench).last().unwrap()["telemetryInterval"],
        json!({"value": 2, "ac": 400, "av": 3, "ad": "seconds from 1 to 86400"})
    );
}

#[test]
fn what_was_desired_while_it_was_away_counts_when_it_comes() {
    let mut bench = Bench::new(devkit());
    bench.hub.desired = json!({"telemetryInterval": 3, "fan": {"speed": 1}, "$version": 12});
    bench.run(VirtualTime::from_secs(40));
    assert_eq!(
        reported(&bench)[0]["telemetryInterval"],
        json!({"value": 3, "ac": 200, "av": 12, "ad": "success"})
    );
    let sent = bench.hub.published.len();
    assert!((10..=13).contains(&sent), "{sent}\n{}", bench.console());
}

#[test]
fn a_hub_that_refuses_the_twin_is_asked_again() {
    let mut bench = Bench::new(devkit());
    bench.hub.twin_status = Some(429);
    bench.run(VirtualTime::from_secs(100));
    let asked = bench.hub.requests.len();
    assert!((2..=4).contains(&asked), "{asked}\n{}", bench.console());
    assert!(bench.hub.published.len() >= 7, "telemetry goes on");
    bench.hub.twin_status = None;
    go_on(&mut bench, 40);
    assert_eq!(reported(&bench).len(), 1, "{}", bench.console());
}

#[test]
fn the_led_is_switched_and_its_state_reported() {
    let mut bench = connected();
    assert_eq!(call(&mut bench, "setLedState", "true"), (200, json!({})));
    assert_eq!(bench.pin("led-user"), Some(true));
    go_on(&mut bench, 1);
    assert_eq!(reported(&bench).last(), Some(&json!({"ledState": true})));
    bench.send(publish(
        "$iothub/methods/POST/setLedState/?$rid=a8",
        b"false",
        None,
    ));
    go_on(&mut bench, 2);
    assert_eq!(bench.pin("led-user"), Some(false));
    assert_eq!(reported(&bench).last(), Some(&json!({"ledState": false})));
}

#[test]
fn methods_it_does_not_know_and_payloads_that_do_not_fit_are_answered() {
    let mut bench = connected();
    assert_eq!(call(&mut bench, "reboot", "{}"), (501, json!({})));
    let (status, body) = call(&mut bench, "setLedState", "1");
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("the payload must be true or false"))
    );
    assert_eq!(bench.pin("led-user"), None, "never switched");
}

#[test]
fn texts_of_methods_and_messages_are_shown() {
    let mut bench = connected();
    let name = first_line(&bench);
    let answer = call(&mut bench, "setDisplayText", r#""Hello""#);
    assert_eq!(answer, (200, json!({})));
    let hello = first_line(&bench);
    assert_ne!(name, hello);

    let acknowledged = bench.hub.acknowledged;
    let topic = "devices/devkit-01/messages/devicebound/%24.mid=1";
    bench.send(publish(topic, b"Water the plants", Some(9)));
    go_on(&mut bench, 1);
    assert_eq!(bench.hub.acknowledged, acknowledged + 1);
    assert_ne!(first_line(&bench), hello);
    assert!(bench.console().contains("message: Water the plants"));
    bench.send(publish(topic, b"devkit-01", Some(10)));
    go_on(&mut bench, 1);
    assert_eq!(
        first_line(&bench),
        name,
        "the same text is the same picture"
    );

    // The hub's limit: more than this device keeps.
    bench.send(publish(topic, &vec![b'x'; 64 * 1024], Some(11)));
    go_on(&mut bench, 20);
    assert_eq!(bench.hub.acknowledged, acknowledged + 3);
    assert_eq!(bench.hub.clients.len(), 1, "{}", bench.console());
}

#[test]
fn a_hub_that_refuses_it_is_tried_with_the_stock_applications_pauses() {
    let mut bench = Bench::new(devkit());
    bench.hub.connack = 5;
    bench.run(VirtualTime::from_secs(1_700));
    let opened: Vec<VirtualTime> = bench
        .out
        .iter()
        .filter(|output| {
            matches!(
                output.kind,
                OutputKind::Network(NetworkRequest::Open { .. })
            )
        })
        .map(|output| output.time)
        .collect();
    let pauses: Vec<u64> = opened
        .windows(2)
        .map(|pair| pair[1].since(pair[0]).as_nanos() / 1_000_000_000)
        .collect();
    // Each is stretched by 1 to 1.6, and closing and opening take some seconds.
    let expected = [12..=24, 48..=82, 192..=313, 600..=966];
    assert_eq!(pauses.len(), expected.len(), "{pauses:?}");
    for (pause, expected) in pauses.iter().zip(expected) {
        assert!(expected.contains(pause), "{pauses:?}");
    }
    assert!(bench.hub.published.is_empty());
}
