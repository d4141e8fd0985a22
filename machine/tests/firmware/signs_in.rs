//! It finds its way through the modem to a hub, and back to it.

use super::common::{Bench, devkit, devkit_image, devkit_options};
use twinbench_machine::{EmulatorMachine, NetworkEvent, NetworkRequest, OutputKind, Stimulus};
use twinbench_model::{VirtualDuration, VirtualTime};

#[test]
fn it_joins_learns_the_time_signs_in_and_sends_what_its_sensors_measure() {
    let mut bench = Bench::new(devkit());
    bench.run(VirtualTime::from_secs(60));
    let console = bench.console();
    assert_eq!(bench.hub.clients, ["devkit-01"], "{console}");
    let opened = bench.out.iter().find_map(|output| match &output.kind {
        OutputKind::Network(NetworkRequest::Open {
            host, port, tls, ..
        }) => Some((host.as_str(), *port, *tls)),
        _ => None,
    });
    assert_eq!(opened, Some(("localhost", 8883, true)));

    let bodies: Vec<serde_json::Value> = bench
        .hub
        .published
        .iter()
        .map(|(_, body)| serde_json::from_slice(body).unwrap())
        .collect();
    assert!((5..=6).contains(&bodies.len()), "{bodies:?}\n{console}");
    assert!(
        bench.hub.published[0]
            .0
            .starts_with("devices/devkit-01/messages/events/")
    );
    let weather = &bodies[0];
    assert_eq!(weather["pressure"], 987.65, "{weather}");
    let temperature = weather["temperature"].as_f64().unwrap();
    assert!((17.8..34.2).contains(&temperature), "{temperature}");
    assert!(
        bodies[4]["temperature"] != weather["temperature"],
        "{bodies:?}"
    );
}

#[test]
fn its_settings_are_the_devices() {
    let mut options = devkit_options();
    options.device = super::common::device("other:device");
    options.hub_host = "hub.example".to_owned();
    options.telemetry_interval = Some(VirtualDuration::from_secs(2));
    let mut bench = Bench::new(EmulatorMachine::az3166(devkit_image(), options).unwrap());
    bench.run(VirtualTime::from_secs(20));
    assert_eq!(bench.hub.clients, ["other:device"], "{}", bench.console());
    assert!(
        bench.hub.published.len() > 5,
        "{}",
        bench.hub.published.len()
    );
}

#[test]
fn it_comes_back_when_the_hub_hangs_up_and_when_the_wifi_goes() {
    let mut bench = Bench::new(devkit());
    bench.run(VirtualTime::from_secs(20));
    assert_eq!(bench.hub.clients.len(), 1, "{}", bench.console());
    let reason = "test".to_owned();
    bench.give(Stimulus::Network(NetworkEvent::Closed {
        connection: 1,
        reason,
    }));
    bench.run(VirtualTime::from_secs(50));
    assert_eq!(bench.hub.clients.len(), 2, "{}", bench.console());
    bench.give(Stimulus::Wifi { up: false });
    bench.run(VirtualTime::from_secs(60));
    bench.give(Stimulus::Wifi { up: true });
    let before = bench.hub.published.len();
    bench.run(VirtualTime::from_secs(200));
    assert!(bench.hub.clients.len() > 2, "{}", bench.console());
    assert!(
        bench.hub.published.len() > before + 5,
        "{}",
        bench.console()
    );
}

#[test]
fn a_start_later_is_the_same_later() {
    let start = VirtualTime::from_secs(3600);
    let mut options = devkit_options();
    options.start = start;
    let mut late = Bench::new(EmulatorMachine::az3166(devkit_image(), options).unwrap());
    late.now = start;
    late.run(VirtualTime::from_secs(3600 + 15));
    let mut bench = Bench::new(devkit());
    bench.run(VirtualTime::from_secs(15));
    assert_eq!(late.hub.clients, bench.hub.clients);
    let first = |bench: &Bench| {
        bench
            .out
            .iter()
            .find(|it| matches!(it.kind, OutputKind::Network(_)))
            .cloned()
    };
    let (late, early) = (first(&late).unwrap(), first(&bench).unwrap());
    // To the microseconds that reading another time of day takes.
    let (late_after, early_after) = (late.time.since(start), early.time.since(VirtualTime::ZERO));
    let apart = late_after.as_nanos().abs_diff(early_after.as_nanos());
    assert!(apart < 100_000, "{late_after} and {early_after}");
    assert_eq!(late.kind, early.kind);
}

#[test]
fn buttons_are_felt_and_the_reset_line_starts_anew() {
    let mut bench = Bench::new(devkit());
    bench.run(VirtualTime::from_secs(12));
    let before = bench.hub.published.len();
    let button = |pressed| Stimulus::Button {
        name: "a".to_owned(),
        pressed,
    };
    bench.give(button(true));
    bench.run(VirtualTime::from_millis(12_200));
    bench.give(button(false));
    bench.run(VirtualTime::from_secs(13));
    assert_eq!(bench.hub.published.len(), before + 1, "{}", bench.console());
    bench.give(Stimulus::Reset);
    bench.run(VirtualTime::from_secs(40));
    assert_eq!(bench.hub.clients.len(), 2, "{}", bench.console());
}
