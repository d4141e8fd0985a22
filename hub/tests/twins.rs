//! Twins: what the device and the service see of each other's writes, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{Rig, at, connect, id, options, publish, subscribe};
use mqtt_proto::{QoS, v3::Packet};
use serde_json::{Map, Value, json};
use twinbench_hub::{
    registry::IdentityId,
    twin::{TwinError, TwinWrite},
};

fn dev1() -> IdentityId {
    id("dev1").into()
}

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn desired(value: Value) -> TwinWrite {
    TwinWrite {
        desired: Some(object(value)),
        tags: None,
    }
}

/// A connected device that listens to everything about its twin.
fn listening() -> Rig {
    let mut rig = Rig::new();
    rig.add("dev1");
    rig.online(1, "dev1");
    let filters = [
        ("$iothub/twin/res/#", QoS::Level0),
        ("$iothub/twin/PATCH/properties/desired/#", QoS::Level1),
    ];
    rig.packet(1, subscribe(1, &filters));
    rig.sent(1);
    rig
}

/// What the hub has published to a connection: topics and bodies.
fn published(rig: &mut Rig, connection: u64) -> Vec<(String, Value)> {
    let publish = |packet: Packet| match packet {
        Packet::Publish(publish) => {
            let body = serde_json::from_slice(&publish.payload).unwrap_or(Value::Null);
            Some((publish.topic_name.to_string(), body))
        }
        _ => None,
    };
    rig.sent(connection)
        .into_iter()
        .filter_map(publish)
        .collect()
}

fn ask(rig: &mut Rig, topic: &str, body: &str) -> Vec<(String, Value)> {
    rig.packet(1, publish(topic, body));
    published(rig, 1)
}

#[test]
fn a_device_reads_its_twin_without_tags_and_metadata() {
    let mut rig = listening();
    let write = TwinWrite {
        tags: Some(object(json!({"site": 1}))),
        desired: None,
    };
    rig.hub.patch_twin(&dev1(), write, rig.now).unwrap();
    let answer = ask(&mut rig, "$iothub/twin/GET/?$rid=a-1%2F", "");
    let body = json!({"desired": {"$version": 1}, "reported": {"$version": 1}});
    assert_eq!(answer, [("$iothub/twin/res/200/?$rid=a-1%2F".into(), body)]);
    assert_eq!(rig.facts("twin/dev1")[0]["tags"]["site"], 1);
}

#[test]
fn reported_properties_merge_and_count() {
    let mut rig = listening();
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=7";
    let patch = |rig: &mut Rig, body: &str| ask(rig, topic, body)[0].0.clone();
    assert_eq!(
        patch(&mut rig, r#"{"a":{"x":1,"y":2}}"#),
        "$iothub/twin/res/204/?$rid=7&$version=2"
    );
    patch(&mut rig, r#"{"a":{"y":null},"l":[1,2]}"#);
    let twin = rig.hub.twin(&dev1()).unwrap();
    assert_eq!(
        Value::from(twin.reported.values.clone()),
        json!({"a": {"x": 1}, "l": [1, 2]})
    );
    assert_eq!((twin.reported.version, twin.version), (3, 4));
    for (wrong, status) in [
        ("{", "400"),
        ("[1]", "400"),
        ("\u{fffd}", "400"),
        (r#"{"a.b":1}"#, "400"),
        (r#"{"$x":1}"#, "400"),
        (&format!(r#"{{"big":"{}"}}"#, "x".repeat(5_000)), "400"),
    ] {
        let refused = patch(&mut rig, wrong);
        assert_eq!(
            refused,
            format!("$iothub/twin/res/{status}/?$rid=7"),
            "{wrong}"
        );
    }
    assert_eq!(rig.hub.twin(&dev1()).unwrap().reported.version, 3);
    let conditional = ask(&mut rig, &format!("{topic}&$version=2"), r#"{"z":1}"#);
    assert_eq!(conditional[0].0, "$iothub/twin/res/412/?$rid=7");
}

#[test]
fn the_whole_section_is_bounded() {
    let mut rig = listening();
    for n in 0..8 {
        let patch = object(json!({format!("p{n}"): "x".repeat(4_000)}));
        rig.hub
            .patch_reported(&dev1(), &patch, None, rig.now)
            .unwrap();
    }
    let patch = object(json!({"p8": "x".repeat(4_000)}));
    let refused = rig.hub.patch_reported(&dev1(), &patch, None, rig.now);
    assert!(matches!(refused, Err(TwinError::Limit(_))));
    let tags = TwinWrite {
        tags: Some(object(
            json!({"a": "x".repeat(4_000), "b": "x".repeat(4_000), "c": "x".repeat(300)}),
        )),
        desired: None,
    };
    assert!(matches!(
        rig.hub.patch_twin(&dev1(), tags, rig.now),
        Err(TwinError::Limit(_))
    ));
    assert!(rig.hub.twin(&dev1()).unwrap().tags.is_empty());
}

#[test]
fn a_device_hears_of_desired_properties_while_it_listens() {
    let mut rig = listening();
    let topic = "$iothub/twin/PATCH/properties/desired/?$version=";
    rig.hub
        .patch_twin(&dev1(), desired(json!({"a": 1, "gone": null})), rig.now)
        .unwrap();
    rig.commit();
    let patch = json!({"a": 1, "gone": null, "$version": 2});
    assert_eq!(published(&mut rig, 1), [(format!("{topic}2"), patch)]);
    rig.hub
        .patch_twin(&dev1(), desired(json!({"b": 2})), rig.now)
        .unwrap();
    rig.hub
        .replace_twin(&dev1(), desired(json!({"c": 3})), rig.now)
        .unwrap();
    rig.commit();
    let news = published(&mut rig, 1);
    assert_eq!(
        news[1],
        (format!("{topic}4"), json!({"c": 3, "$version": 4}))
    );
    // Offline, it hears nothing, and nothing is kept for it.
    rig.packet(1, Packet::Disconnect);
    rig.hub
        .patch_twin(&dev1(), desired(json!({"d": 4})), rig.now)
        .unwrap();
    rig.online(2, "dev1");
    assert_eq!(published(&mut rig, 2), []);
}

#[test]
fn the_service_sees_metadata_and_a_new_etag_for_every_write() {
    let mut rig = listening();
    rig.now = at(5);
    rig.hub
        .patch_twin(&dev1(), desired(json!({"a": {"b": 1}})), rig.now)
        .unwrap();
    let document = rig.hub.twin_document(&dev1()).unwrap();
    let etag = document["etag"].clone();
    let written = json!({"$lastUpdated": "2026-01-01T00:00:05.000Z", "$lastUpdatedVersion": 2});
    assert_eq!(
        document["properties"]["desired"]["$metadata"]["a"]["b"],
        written
    );
    assert_eq!(document["connectionState"], "Connected");
    assert_eq!(document["authenticationType"], "sas");
    rig.hub
        .patch_reported(&dev1(), &object(json!({"r": 1})), None, rig.now)
        .unwrap();
    let document = rig.hub.twin_document(&dev1()).unwrap();
    assert_ne!(document["etag"], etag);
    assert_eq!(document["version"], 4);
    let reported = &document["properties"]["reported"]["$metadata"]["r"];
    assert_eq!(
        *reported,
        json!({"$lastUpdated": "2026-01-01T00:00:05.000Z"})
    );
}

#[test]
fn twins_survive_a_restart() {
    let mut rig = listening();
    rig.hub
        .patch_twin(&dev1(), desired(json!({"a": {"b": [1, null]}})), at(3))
        .unwrap();
    rig.hub
        .patch_reported(&dev1(), &object(json!({"r": 1.5})), None, at(4))
        .unwrap();
    rig.commit();
    let before = rig.hub.twin(&dev1()).unwrap().clone();
    let rig = rig.restart(options());
    assert_eq!(*rig.hub.twin(&dev1()).unwrap(), before);
}

#[test]
fn a_model_id_is_kept() {
    let mut rig = Rig::new();
    rig.add("dev1");
    let mut announcing = connect("dev1");
    let user = "localhost/dev1/?api-version=2020-09-30&model-id=dtmi%3Aa%3Bb%3B1";
    announcing.username = Some(user.into());
    rig.connect(1, announcing);
    let model = rig.hub.twin_document(&dev1()).unwrap()["modelId"].take();
    assert_eq!(model, "dtmi:a;b;1");
}
