//! Types of twins from files: the application's own entity written as one, windows, hysteresis,
//! and every error with its message.

use std::{fs, path::Path, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};
use twinbench_serverless::{Options, TwinType, twins};

use crate::common::{Hub, epoch};

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/twins")
}

fn twin(name: &str) -> TwinType {
    let text = fs::read_to_string(fixtures().join(name)).unwrap();
    TwinType::parse(Path::new(name), &text).unwrap_or_else(|error| panic!("{}", error.plain()))
}

fn hub_with(twin: TwinType) -> Hub {
    Hub::with(Options {
        twins: vec![Arc::new(twin)],
        ..Options::new(epoch())
    })
}

/// Something that happens to a device.
#[derive(Debug, Clone)]
enum Happens {
    /// A reading; its own time is so many seconds off, if it gives one.
    Reading {
        name: Option<&'static str>,
        off: Option<i64>,
        temperature: Option<f64>,
        humidity: f64,
        upper: bool,
    },
    /// A new configuration.
    Configured(Value),
}

fn happens() -> impl Strategy<Value = Happens> {
    let reading = (
        prop::option::of(prop::sample::select(vec!["Kitchen", "Cellar", " "])),
        prop::option::of(-900i64..400),
        prop::option::weighted(0.9, -40.0..60.0f64),
        0.0..100.0f64,
        any::<bool>(),
    );
    let reading = reading.prop_map(
        |(name, off, temperature, humidity, upper)| Happens::Reading {
            name,
            off,
            temperature,
            humidity,
            upper,
        },
    );
    let configured = (
        prop::option::of(prop::sample::select(vec![
            "00:05:00",
            "-00:05:00",
            "500.00:00:00",
            "00:00:30",
        ])),
        prop::option::of(0.0..40.0f64),
        prop::option::of(-20.0..20.0f64),
        prop::option::of(Just("+39 02 1234")),
        prop::option::of(-3i32..20),
        prop::option::of(-3i32..20),
        prop::option::of(-3i32..20),
    );
    let configured = configured.prop_map(|(retention, high, low, number, t, h, window)| {
        let mut given = serde_json::Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                given.insert(name.to_owned(), value);
            }
        };
        put("historyRetention", retention.map(Value::from));
        put("temperatureHighThreshold", high.map(Value::from));
        put("temperatureLowThreshold", low.map(Value::from));
        put("notificationNumber", number.map(Value::from));
        put("temperatureDecimalPrecision", t.map(Value::from));
        put("humidityDecimalPrecision", h.map(Value::from));
        put(
            "storageCapture",
            window.map(|it| json!({"enabled": false, "timeWindowInMinutes": it})),
        );
        Happens::Configured(given.into())
    });
    prop_oneof![8 => reading, 1 => configured, 1 => Just(Happens::Configured(Value::Null))]
}

fn do_to(hub: &mut Hub, what: &Happens) {
    match what {
        Happens::Configured(given) => hub.configure("kitchen", &given.to_string()),
        Happens::Reading {
            name,
            off,
            temperature,
            humidity,
            upper,
        } => {
            let now = epoch().utc(hub.now);
            let time = off.map(|off| {
                let time = now + jiff::SignedDuration::from_secs(off);
                time.to_string()
            });
            let mut data = serde_json::Map::new();
            let cased = |name: &str| {
                if *upper {
                    name.to_uppercase()
                } else {
                    name.to_owned()
                }
            };
            if let Some(temperature) = temperature {
                data.insert(cased("temperature"), (*temperature).into());
            }
            data.insert(cased("humidity"), (*humidity).into());
            let mut body = serde_json::Map::new();
            body.insert(cased("data"), data.into());
            if let Some(name) = name {
                body.insert(cased("deviceName"), (*name).into());
            }
            if let Some(time) = time {
                body.insert(cased("timestamp"), time.into());
            }
            hub.send("kitchen", &Value::Object(body).to_string());
        }
    }
}

/// Names, inputs and outcomes of the workflows so far.
fn workflows(hub: &Hub) -> Vec<(String, Value, String)> {
    let mut all: Vec<_> = hub
        .engine
        .instances()
        .map(|it| {
            let input: Value = it.input().unwrap().read().unwrap();
            (it.name().to_owned(), input, format!("{:?}", it.status()))
        })
        .collect();
    all.sort_by_key(|it| it.1.to_string());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_applications_entity_written_as_a_file_has_the_same_states(
        stream in prop::collection::vec((0u64..200, happens()), 1..40)
    ) {
        let mut own = Hub::new();
        let mut file = hub_with(twin("standarddevice.toml"));
        let mut now = 1_000;
        for (later, what) in &stream {
            now += later;
            do_to(own.at(now), what);
            do_to(file.at(now), what);
            let mut expected = own.state("kitchen");
            // The regular export is not in the file.
            if let Some(state) = expected.as_object_mut() {
                prop_assert_eq!(state.remove("lastStorageCapture"), Some(Value::Null));
            }
            prop_assert_eq!(file.state("kitchen"), expected, "after {:?}", what);
        }
        prop_assert_eq!(workflows(&file), workflows(&own));
        prop_assert_eq!(file.application.counts(), own.application.counts());
    }
}

fn climate(hub: &mut Hub, secs: u64, temperature: f64, pressure: f64) {
    let body = format!(r#"{{"humidity":41.0,"temperature":{temperature},"pressure":{pressure}}}"#);
    hub.at(secs).send("devkit-07", &body);
}

fn pressures() -> Hub {
    hub_with(twin("devkit-pressure.toml"))
}

fn devkit(hub: &Hub) -> Value {
    let id = twinbench_model::EntityId::new("devkitpressure", "devkit-07").unwrap();
    hub.engine
        .read(&id)
        .map_or(Value::Null, |state| state.read().unwrap())
}

#[test]
fn windows_are_computed_of_the_readings_of_their_time() {
    let mut hub = pressures();
    climate(&mut hub, 0, 20.0, 1_000.0);
    climate(&mut hub, 300, 24.04, 1_010.0);
    assert_eq!(
        devkit(&hub)["windows"],
        json!({"pressure-mean": 1_005.0, "pressure-min": 1_000.0, "temperature-max": 24.0,
            "temperature-last": 24.0, "readings": 2})
    );
    climate(&mut hub, 901, 22.0, 1_020.0);
    assert_eq!(
        devkit(&hub)["windows"],
        json!({"pressure-mean": 1_020.0, "pressure-min": 1_000.0, "temperature-max": 24.0,
            "temperature-last": 22.0, "readings": 1})
    );
    // An hour after the first two, only the third is left of the history.
    climate(&mut hub, 4_400, 21.0, 1_015.0);
    assert_eq!(devkit(&hub)["historyData"].as_object().unwrap().len(), 2);
    assert_eq!(devkit(&hub)["windows"]["pressure-min"], 1_015.0);
}

#[test]
fn a_threshold_is_armed_again_beyond_its_hysteresis() {
    let mut hub = pressures();
    let mut started = Vec::new();
    for (n, pressure) in [989.0, 985.0, 992.0, 989.0, 994.9, 989.0, 995.1, 989.9]
        .into_iter()
        .enumerate()
    {
        // Each alone in its window.
        climate(&mut hub, 1_000 * (n as u64 + 1), 20.0, pressure);
        started.push(hub.engine.instances().count());
    }
    assert_eq!(started, [1, 1, 1, 1, 1, 1, 1, 2]);
    let inputs: Vec<Value> = workflows(&hub).into_iter().map(|it| it.1).collect();
    assert!(
        inputs.contains(
            &json!({"device": "devkit-07", "pressure": 989.9, "since": "2026-01-01T02:13:20Z"})
        ),
        "{inputs:?}"
    );
    assert_eq!(devkit(&hub)["storm"], true);
}

#[test]
fn messages_without_its_fields_are_not_for_it_and_other_devices_neither() {
    let mut hub = pressures();
    hub.at(10).send("devkit-07", r#"{"magnetometerX":1.0}"#);
    hub.at(20)
        .send("devkit-07", r#"{"temperature":"hot","pressure":1000}"#);
    let counts = hub.application.counts();
    assert_eq!((counts.skipped, counts.signalled), (2, 0));
    hub.at(30).send("devkit-07", "[1]");
    hub.at(40).send(
        "devkit-07",
        r#"{"deviceId":"other","temperature":1,"pressure":2}"#,
    );
    assert_eq!(hub.application.counts().dead_letters, 2);
    assert_eq!(devkit(&hub), Value::Null);
    hub.at(50).reading("kitchen", 21.0, 50.0);
    assert_eq!(hub.state("kitchen")["lastData"]["temperature"], 21.0);
}

#[test]
fn the_front_end_layer_knows_twins_of_files() {
    let mut hub = hub_with(twin("standarddevice.toml"));
    hub.at(10).reading("kitchen", 21.0, 50.0);
    let listed = hub.json(200, "GET", "devices", "");
    assert_eq!(listed[0]["lastTelemetry"]["temperature"], 21.0);
    let detail = hub.json(200, "GET", "devices/kitchen", "");
    assert_eq!(detail["telemetryHistory"].as_array().unwrap().len(), 1);
    let path = "devices/kitchen/configuration";
    hub.json(200, "PUT", path, r#"{"temperatureHighThreshold":20}"#);
    let configuration = hub.json(200, "GET", path, "");
    assert_eq!(configuration["temperatureHighThreshold"], 20.0);
    hub.at(20).reading("kitchen", 22.0, 50.0);
    assert_eq!(hub.application.alerts(), 1);
}

#[test]
fn twins_of_files_survive_a_restart() {
    let mut hub = pressures();
    climate(&mut hub, 10, 20.0, 985.0);
    hub.commit();
    let before = devkit(&hub);
    let mut hub = hub.restart();
    assert_eq!(devkit(&hub), before);
    climate(&mut hub, 20, 20.0, 984.0);
    assert_eq!(hub.engine.instances().count(), 1, "it has fired already");
}

#[test]
fn every_broken_file_has_its_message() {
    let mut names: Vec<String> = fs::read_dir(fixtures().join("_broken"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 40, "{}", names.len());
    for name in names {
        let text = fs::read_to_string(fixtures().join("_broken").join(&name)).unwrap();
        let Err(error) = TwinType::parse(Path::new(&name), &text) else {
            panic!("{name} is taken");
        };
        let text = error.plain();
        assert!(error.position().is_some(), "{name} has no place:\n{text}");
        assert!(text.contains('^'), "{name} has no caret:\n{text}");
        insta::assert_snapshot!(format!("twin-{}", name.trim_end_matches(".toml")), text);
    }
}

#[test]
fn the_schema_knows_every_table() {
    let schema = twins::schema();
    for table in ["setting", "field", "window", "threshold"] {
        assert!(
            schema["properties"][table].is_object(),
            "{table}: {schema:#}"
        );
    }
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(version = 1\n)?(name = \"[a-z/]{0,3}\"\n)?([a-z$\\[\\]=\" .0-9\n]{0,60})") {
        if let Err(error) = TwinType::parse(Path::new("t.toml"), &text) {
            prop_assert!(error.plain().starts_with("error: t.toml"));
        }
    }
}
