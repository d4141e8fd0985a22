//! What reaches the built-in endpoint by routes.

use serde_json::{Value, json};
use twinbench_hub::{
    ConnectionId, Hub,
    registry::{Authentication, IdentityId, IdentitySettings},
    routes::{EVENTS, Route, Routes, Source},
    twin::TwinWrite,
};
use twinbench_model::{DeviceId, Epoch, EventData, Message, VirtualTime, system};

use crate::host::{DEVICE, Device, options};

const NOW: VirtualTime = VirtualTime::from_secs(10);

fn epoch() -> Epoch {
    Epoch::new("2026-01-01T00:00:00Z".parse().unwrap())
}

fn hub(routes: &[(&str, Source, &str)], fallback: bool) -> Hub {
    let make = |(name, source, condition): &(&str, Source, &str)| {
        Route::new(name, *source, condition, EVENTS).unwrap()
    };
    let mut options = options(epoch());
    options.routes = Routes::new(routes.iter().map(make).collect(), fallback).unwrap();
    Hub::new(options).unwrap()
}

fn events(hub: &Hub) -> Vec<EventData> {
    let partitions = 0..hub.log().partitions().len() as u16;
    partitions
        .flat_map(|p| {
            hub.read(p, 0, usize::MAX)
                .unwrap()
                .cloned()
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Source, operation and body of each event.
fn told(hub: &Hub) -> Vec<(String, String, Value)> {
    let one = |event: EventData| {
        let message = event.message;
        assert_eq!(message.system[system::CONTENT_TYPE], "application/json");
        let operation = message.properties["opType"].clone();
        let body = serde_json::from_slice(&message.body).unwrap();
        (
            message.system[system::MESSAGE_SOURCE].clone(),
            operation,
            body,
        )
    };
    events(hub).into_iter().map(one).collect()
}

fn object(value: &Value) -> Option<serde_json::Map<String, Value>> {
    value.as_object().cloned()
}

fn made(hub: &mut Hub) -> IdentityId {
    let id = IdentityId::parse("d").unwrap();
    let settings = IdentitySettings::new(Authentication::Authority);
    hub.create_identity(id.clone(), settings, NOW).unwrap();
    id
}

#[test]
fn without_routes_only_telemetry_arrives() {
    let mut hub = hub(&[], true);
    let id = made(&mut hub);
    hub.patch_twin(
        &id,
        TwinWrite {
            tags: object(&json!({"a": 1})),
            desired: None,
        },
        NOW,
    )
    .unwrap();
    hub.publish(&id.device, Message::default(), NOW).unwrap();
    let sources: Vec<_> = events(&hub)
        .iter()
        .map(|event| event.message.system[system::MESSAGE_SOURCE].clone())
        .collect();
    assert_eq!(sources, ["Telemetry"]);
}

#[test]
fn identities_tell_of_their_making_and_end() {
    let mut hub = hub(
        &[(
            "life",
            Source::Lifecycle,
            "opType = 'createDeviceIdentity' OR $connectionModuleId = 'm'",
        )],
        true,
    );
    let id = made(&mut hub);
    let module = IdentityId::parse("d/m").unwrap();
    hub.create_identity(
        module,
        IdentitySettings::new(Authentication::Authority),
        NOW,
    )
    .unwrap();
    hub.delete_identity(&id, NOW).unwrap();
    let told: Vec<_> = told(&hub)
        .into_iter()
        .map(|(source, operation, body)| {
            assert_eq!(source, "deviceLifecycleEvents");
            (
                operation,
                body["deviceId"].clone(),
                body["moduleId"].clone(),
            )
        })
        .collect();
    let (d, m) = (json!("d"), json!("m"));
    let expected = [
        ("createDeviceIdentity", &Value::Null),
        ("createModuleIdentity", &m),
        ("deleteModuleIdentity", &m),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, m)| ((*name).to_owned(), d.clone(), (*m).clone()))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn twins_tell_what_was_written() {
    let mut hub = hub(&[("twins", Source::TwinChange, "")], true);
    let id = made(&mut hub);
    let write = TwinWrite {
        tags: object(&json!({"floor": 1})),
        desired: object(&json!({"a": {"b": 1}})),
    };
    hub.patch_twin(&id, write, NOW).unwrap();
    let patch = json!({"c": 2});
    hub.patch_reported(&id, patch.as_object().unwrap(), None, NOW)
        .unwrap();
    hub.replace_twin(
        &id,
        TwinWrite {
            tags: None,
            desired: object(&json!({"z": 1})),
        },
        NOW,
    )
    .unwrap();
    let told = told(&hub);
    let operations: Vec<&str> = told
        .iter()
        .map(|(_, operation, _)| operation.as_str())
        .collect();
    assert_eq!(operations, ["updateTwin", "updateTwin", "replaceTwin"]);
    let desired = &told[0].2["properties"]["desired"];
    assert_eq!(
        (&told[0].2["tags"], &desired["a"], &desired["$version"]),
        (&json!({"floor": 1}), &json!({"b": 1}), &json!(2))
    );
    assert!(desired["$metadata"]["a"]["b"]["$lastUpdated"].is_string());
    assert_eq!(told[1].2["properties"]["reported"]["c"], 2);
    assert_eq!(told[1].2["properties"]["desired"], Value::Null);
    assert_eq!(told[2].2["properties"]["desired"]["z"], 1);
}

#[test]
fn a_route_can_ask_for_what_was_written() {
    let mut hub = hub(
        &[(
            "fast",
            Source::TwinChange,
            "$body.properties.desired.every < 10",
        )],
        true,
    );
    let id = made(&mut hub);
    for every in [20, 5] {
        let desired = object(&json!({"every": every}));
        hub.patch_twin(
            &id,
            TwinWrite {
                tags: None,
                desired,
            },
            NOW,
        )
        .unwrap();
    }
    let told = told(&hub);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].2["properties"]["desired"]["every"], 5);
}

#[test]
fn connections_tell_of_their_state() {
    let mut hub = hub(&[("state", Source::ConnectionState, "")], true);
    Device::connect(&mut hub, epoch(), NOW);
    hub.disconnected(ConnectionId(1), VirtualTime::from_secs(20));
    let told = told(&hub);
    let operations: Vec<&str> = told
        .iter()
        .map(|(_, operation, _)| operation.as_str())
        .collect();
    assert_eq!(operations, ["deviceConnected", "deviceDisconnected"]);
    let number = |n: usize| told[n].2["sequenceNumber"].as_str().unwrap().to_owned();
    assert!(number(0).len() == 64 && number(0) < number(1));
    assert_eq!(events(&hub)[0].message.properties["deviceId"], DEVICE);
}

#[test]
fn without_the_fallback_only_routed_telemetry_arrives() {
    let routes = [
        ("hot", Source::Telemetry, "level = 'hot'"),
        ("body", Source::Telemetry, "$body.t > 30"),
        ("floor", Source::Telemetry, "$twin.tags.floor = 7"),
    ];
    let mut hub = hub(&routes, false);
    let id = made(&mut hub);
    let send = |hub: &mut Hub, level: &str, body: &'static str| {
        let mut message = Message {
            body: body.into(),
            ..Message::default()
        };
        message.properties.insert("level".into(), level.into());
        message
            .system
            .insert(system::CONTENT_TYPE.into(), "application/json".into());
        message
            .system
            .insert(system::CONTENT_ENCODING.into(), "utf-8".into());
        hub.publish(&DeviceId::new("d").unwrap(), message, NOW)
            .unwrap();
        events(hub).len()
    };
    assert_eq!(send(&mut hub, "cold", r#"{"t": 20}"#), 0);
    assert_eq!(send(&mut hub, "hot", r#"{"t": 20}"#), 1);
    assert_eq!(send(&mut hub, "cold", r#"{"t": 31}"#), 2);
    hub.patch_twin(
        &id,
        TwinWrite {
            tags: object(&json!({"floor": 7})),
            desired: None,
        },
        NOW,
    )
    .unwrap();
    assert_eq!(send(&mut hub, "cold", r#"{"t": 20}"#), 3);
}
