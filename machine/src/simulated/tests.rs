//! What a device without firmware sends, and when.

use twinbench_model::DeviceId;

use super::*;

fn options(id: &str) -> SimulatedOptions {
    let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
    SimulatedOptions::new(DeviceId::new(id).unwrap(), 7, epoch)
}

fn sent(options: SimulatedOptions, until: u64) -> Vec<(VirtualTime, String)> {
    let mut machine = SimulatedMachine::new(options).unwrap();
    machine.run_until(VirtualTime::from_secs(until)).unwrap();
    let mut out = Vec::new();
    machine.drain(&mut out);
    out.into_iter()
        .map(|output| match output.kind {
            OutputKind::Message(message) => {
                assert_eq!(message.system[system::CONTENT_TYPE], "application/json");
                assert_eq!(message.system[system::CONTENT_ENCODING], "utf-8");
                (
                    output.time,
                    String::from_utf8(message.body.to_vec()).unwrap(),
                )
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn what_a_device_does_besides_reaches_its_messages() {
    let minute = VirtualDuration::from_secs(60);
    let mut options = constants(BodyStyle::Pascal);
    options.interval = VirtualDuration::from_secs(10);
    options.traffic = Traffic {
        burst: Some(Burst {
            every: VirtualDuration::from_secs(600),
            count: 5,
        }),
        misbehaviour: Some(Misbehaviour {
            every: minute,
            kinds: vec![
                Misdeed::Broken,
                Misdeed::Texts,
                Misdeed::Huge,
                Misdeed::Backdated,
                Misdeed::Repeated,
            ],
        }),
        ..Traffic::default()
    };
    let bodies = sent(options.clone(), 3600);
    // 360 of the interval, 6 bursts of 5, 60 misdeeds.
    assert!((449..=451).contains(&bodies.len()), "{}", bodies.len());
    let count = |wrong: &dyn Fn(&(VirtualTime, String)) -> bool| {
        bodies.iter().filter(|it| wrong(it)).count()
    };
    let broken =
        |it: &(VirtualTime, String)| serde_json::from_str::<serde_json::Value>(&it.1).is_err();
    assert!(count(&broken) > 3);
    assert!(count(&|(_, body)| body.contains(r#""Temperature":"21""#)) > 3);
    assert!(count(&|(_, body)| body.len() > 256 << 10) > 3);
    assert!(count(&|(_, body)| body.contains("2025-12-31")) > 3);
    let again = bodies.windows(2).filter(|pair| pair[0].1 == pair[1].1);
    assert!(again.count() > 3);
    assert_eq!(bodies, sent(options, 3600));
}

#[test]
fn an_update_is_an_absence_and_another_version() {
    let mut options = constants(BodyStyle::Pascal);
    let minutes = |n: u64| VirtualDuration::from_secs(60 * n);
    options.traffic.update = Some(Update {
        at: minutes(10),
        over: minutes(20),
        takes: minutes(2),
        from: "1.0".to_owned(),
        to: "1.1".to_owned(),
        fails: 0.0,
    });
    let mut machine = SimulatedMachine::new(options).unwrap();
    machine.run_until(VirtualTime::from_secs(3600)).unwrap();
    let mut out = Vec::new();
    machine.drain(&mut out);
    let versions: Vec<_> = out
        .iter()
        .filter_map(|output| match &output.kind {
            OutputKind::Message(message) => {
                Some((output.time, message.properties[VERSION].clone()))
            }
            _ => None,
        })
        .collect();
    let gap = versions.windows(2).find(|pair| pair[0].1 != pair[1].1);
    let [(before, _), (behind, _)] = gap.unwrap() else {
        panic!("{versions:?}");
    };
    assert!(behind.since(*before) >= minutes(2), "{before} {behind}");
    assert!(versions.last().unwrap().1 == "1.1" && versions[0].1 == "1.0");
    let note = out
        .iter()
        .any(|it| matches!(&it.kind, OutputKind::Note(text) if text == "updated to firmware 1.1"));
    assert!(note);
}

fn constants(style: BodyStyle) -> SimulatedOptions {
    let mut options = options("green-1");
    options.device_name = "Green \"house\"".to_owned();
    options.phase = Some(VirtualDuration::from_millis(250));
    options.style = style;
    options.sensors = [
        ("humidity", 55.5),
        ("temperature", 21.0),
        ("air-pressure", 1013.25),
    ]
    .map(|(name, value)| (name.to_owned(), Generator::Constant(value)))
    .into();
    options
}

#[test]
fn the_body_is_that_of_the_fleet_simulator() {
    let bodies = sent(constants(BodyStyle::Pascal), 6);
    let expected = r#"{"Timestamp":"2026-01-01T00:00:05.250+00:00","DeviceId":"green-1","DeviceName":"Green \"house\"","Data":{"Temperature":21,"Humidity":55.5,"AirPressure":1013.25}}"#;
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[1].1, expected);
    serde_json::from_str::<serde_json::Value>(expected).unwrap();
}

#[test]
fn or_that_of_the_rest_layer() {
    let bodies = sent(constants(BodyStyle::Camel), 1);
    let expected = r#"{"timestamp":"2026-01-01T00:00:00.250+00:00","deviceId":"green-1","deviceName":"Green \"house\"","data":{"temperature":21,"humidity":55.5,"airPressure":1013.25}}"#;
    assert_eq!(bodies[0].1, expected);
}

#[test]
fn a_fleet_is_spread_over_the_interval() {
    let mut first: Vec<u64> = (0..1000)
        .map(|n| sent(options(&format!("load-{n}")), 5)[0].0.as_nanos())
        .collect();
    assert!(
        first
            .iter()
            .all(|t| *t < 5_000_000_000 && t.is_multiple_of(1_000_000))
    );
    first.sort_unstable();
    // Uniform: the largest gap between a thousand of them is some 7 of a thousandth.
    let widest = first
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap();
    assert!(widest < 100_000_000, "{widest}");
}

#[test]
fn after_an_interruption_it_goes_on_in_its_grid() {
    let whole = sent(options("a"), 60);
    for start in [VirtualTime::from_secs(17), whole[4].0] {
        let mut rest = options("a");
        rest.start = start;
        let expected: Vec<_> = whole
            .iter()
            .filter(|(time, _)| *time > start)
            .cloned()
            .collect();
        assert_eq!(sent(rest, 60), expected);
    }
    assert_eq!(whole.len(), 12);
}

#[test]
fn a_value_set_by_hand_stays() {
    let mut machine = SimulatedMachine::new(options("a")).unwrap();
    let set = |value| Stimulus::Sensor {
        quantity: "temperature".to_owned(),
        value,
    };
    machine.apply(set(99.5)).unwrap();
    machine.run_until(VirtualTime::from_secs(5)).unwrap();
    let OutputKind::Message(message) = &machine.out[0].kind else {
        panic!()
    };
    assert!(
        message
            .body
            .windows(19)
            .any(|it| it == b"\"Temperature\":99.5,")
    );
    let error = machine.apply(set(f64::NAN)).unwrap_err();
    assert!(
        error.to_string().starts_with("temperature cannot be NaN"),
        "{error}"
    );
}

#[test]
fn no_interval_is_refused() {
    let mut options = options("a");
    options.interval = VirtualDuration::ZERO;
    let error = SimulatedMachine::new(options).unwrap_err();
    assert!(error.to_string().contains("such as 5s"), "{error}");
}
