//! Direct methods: answers, and every way in which there is none.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{Rig, id, publish, subscribe};
use mqtt_proto::{QoS, v3::Packet};
use serde_json::{Value, json};
use twinbench_hub::{
    methods::{InvocationId, MethodAnswer, MethodCall, MethodError, MethodResult},
    registry::IdentityId,
};
use twinbench_model::VirtualDuration;

const METHODS: &str = "$iothub/methods/POST/#";

fn dev1() -> IdentityId {
    id("dev1").into()
}

fn method(name: &str, connect: u64) -> MethodCall {
    MethodCall {
        name: name.into(),
        payload: json!({"x": 1}),
        response_timeout: VirtualDuration::from_secs(30),
        connect_timeout: VirtualDuration::from_secs(connect),
    }
}

fn listening() -> Rig {
    let mut rig = Rig::new();
    rig.add("dev1");
    rig.online(1, "dev1");
    rig.packet(1, subscribe(1, &[(METHODS, QoS::Level0)]));
    rig.sent(1);
    rig
}

fn call(rig: &mut Rig, call: MethodCall) -> InvocationId {
    let number = rig.hub.invoke_method(&dev1(), call, rig.now).unwrap();
    rig.commit();
    number
}

fn results(rig: &mut Rig) -> Vec<(InvocationId, MethodResult)> {
    let mut results = Vec::new();
    rig.hub.drain_method_results(&mut results);
    results
}

/// The topic and body of the one method that was sent to a connection.
fn asked(rig: &mut Rig, connection: u64) -> (String, String) {
    match rig.sent(connection).as_slice() {
        [Packet::Publish(publish)] => {
            let body = String::from_utf8(publish.payload.to_vec()).unwrap();
            (publish.topic_name.to_string(), body)
        }
        other => panic!("expected a PUBLISH, got {other:?}"),
    }
}

#[test]
fn a_device_answers_once() {
    let mut rig = listening();
    let number = call(&mut rig, method("set LED/ü", 0));
    let (topic, body) = asked(&mut rig, 1);
    assert_eq!(body, r#"{"x":1}"#);
    let request = topic
        .strip_prefix("$iothub/methods/POST/set%20LED%2F%C3%BC/?$rid=")
        .unwrap();
    let answer = format!("$iothub/methods/res/201/?$rid={request}");
    rig.packet(1, publish("$iothub/methods/res/200/?$rid=ffff", "1"));
    rig.packet(1, publish("$iothub/methods/res/200/?$rid=what", "1"));
    assert_eq!(results(&mut rig), []);
    rig.packet(1, publish(&answer, r#"{"ok":true}"#));
    rig.packet(1, publish(&answer, r#"{"again":true}"#));
    let payload = json!({"ok": true});
    assert_eq!(
        results(&mut rig),
        [(
            number,
            Ok(MethodAnswer {
                status: 201,
                payload
            })
        )]
    );
    assert_eq!(rig.hub.next_timer().map(|time| time > rig.now), Some(true));
}

#[test]
fn answers_may_be_empty_but_not_broken() {
    let mut rig = listening();
    for (body, expected) in [
        (
            "",
            Ok(MethodAnswer {
                status: 501,
                payload: Value::Null,
            }),
        ),
        ("{", Err(MethodError::BadAnswer(dev1()))),
        (&"1".repeat(200_000), Err(MethodError::BadAnswer(dev1()))),
    ] {
        let number = call(&mut rig, method("m", 0));
        let (topic, _) = asked(&mut rig, 1);
        let request = topic.rsplit('=').next().unwrap();
        rig.packet(
            1,
            publish(&format!("$iothub/methods/res/501/?$rid={request}"), body),
        );
        assert_eq!(results(&mut rig), [(number, expected)]);
    }
}

#[test]
fn a_device_that_is_not_there_or_does_not_listen_is_not_online() {
    let mut rig = Rig::new();
    rig.add("dev1");
    let number = call(&mut rig, method("m", 0));
    assert_eq!(
        results(&mut rig),
        [(number, Err(MethodError::NotOnline(dev1())))]
    );
    rig.online(1, "dev1");
    let number = call(&mut rig, method("m", 0));
    assert_eq!(
        results(&mut rig),
        [(number, Err(MethodError::NotOnline(dev1())))]
    );
    let nobody = IdentityId::from(id("nobody"));
    let refused = rig.hub.invoke_method(&nobody, method("m", 0), rig.now);
    assert_eq!(refused, Err(MethodError::NotFound(nobody)));
}

#[test]
fn a_method_waits_for_its_device() {
    let mut rig = Rig::new();
    rig.add("dev1");
    let late = call(&mut rig, method("late", 10));
    let found = call(&mut rig, method("found", 20));
    rig.tick(10);
    assert_eq!(
        results(&mut rig),
        [(late, Err(MethodError::NotOnline(dev1())))]
    );
    rig.online(1, "dev1");
    rig.packet(1, subscribe(1, &[(METHODS, QoS::Level0)]));
    let sent = rig.sent(1);
    assert!(
        matches!(&sent[..], [Packet::Suback(_), Packet::Publish(_)]),
        "{sent:?}"
    );
    // From here on its time to answer counts.
    rig.tick(39);
    assert_eq!(results(&mut rig), []);
    rig.tick(40);
    assert_eq!(
        results(&mut rig),
        [(found, Err(MethodError::Timeout(dev1())))]
    );
}

#[test]
fn a_connection_that_ends_ends_its_methods() {
    let mut rig = listening();
    let number = call(&mut rig, method("m", 0));
    rig.packet(1, Packet::Disconnect);
    assert_eq!(
        results(&mut rig),
        [(number, Err(MethodError::ConnectionClosed(dev1())))]
    );
    let names: Vec<Value> = rig
        .facts("method/dev1")
        .into_iter()
        .map(|mut facts| facts["event"].take())
        .collect();
    assert_eq!(names, ["called", "failed"]);
}

#[test]
fn another_device_cannot_answer() {
    let mut rig = listening();
    rig.add("dev2");
    rig.online(2, "dev2");
    call(&mut rig, method("m", 0));
    let (topic, _) = asked(&mut rig, 1);
    let request = topic.rsplit('=').next().unwrap();
    rig.packet(
        2,
        publish(&format!("$iothub/methods/res/200/?$rid={request}"), "1"),
    );
    assert_eq!(results(&mut rig), []);
}
