//! Who is let in, who is not, and what they are told.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{EPOCH, Rig, at, connect, id, qos1, token, will};
use mqtt_proto::{
    Protocol,
    v3::{ConnectReturnCode as Code, Packet},
};
use twinbench_hub::{
    CloseReason, Options, Permission, Policy, SymmetricKey, registry::Status, sas,
};

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.add("dev1");
    rig
}

#[test]
fn a_device_with_its_token_is_let_in() {
    let mut rig = rig();
    assert_eq!(rig.connect(1, connect("dev1")), (Code::Accepted, false));
    assert!(rig.hub.is_connected(&id("dev1")));
    let facts = &rig.facts("connection/dev1")[0];
    assert_eq!(facts["event"], "connected");
    assert_eq!(facts["keepAliveSeconds"], 60);
    rig.packet(1, Packet::Disconnect);
    assert_eq!(rig.reason(1), Some(&CloseReason::ClientDisconnected));
    assert!(!rig.hub.is_connected(&id("dev1")));
    assert_eq!(rig.facts("connection/dev1")[1]["clean"], true);
}

#[test]
fn each_refusal_has_its_code_and_closes() {
    let mut rig = rig();
    rig.add("off");
    rig.hub.set_status(&id("off"), Status::Disabled, at(0));
    let mut connection = 0;
    let mut check = |code: Code, change: &dyn Fn(&mut mqtt_proto::v3::Connect)| {
        connection += 1;
        let mut connect = connect("dev1");
        change(&mut connect);
        assert_eq!(rig.connect(connection, connect), (code, false));
        let refused = rig.reason(connection).unwrap();
        assert!(matches!(refused, CloseReason::Refused { code: c, .. } if *c == code as u8));
        // Whatever follows is not heard.
        rig.packet(connection, qos1("devices/dev1/messages/events/", 1, "{}"));
        assert_eq!(rig.sent(connection), []);
        refused_text(&rig, connection)
    };
    let reason = check(Code::UnacceptableProtocolVersion, &|c| {
        c.protocol = Protocol::V310;
    });
    assert!(reason.contains("3.1.1"), "{reason}");
    check(Code::IdentifierRejected, &|c| c.client_id = "".into());
    check(Code::IdentifierRejected, &|c| {
        c.client_id = "dev1/module".into();
    });
    check(Code::IdentifierRejected, &|c| c.client_id = "other".into());
    check(Code::BadUserNameOrPassword, &|c| {
        (c.username, c.password) = (None, None);
    });
    check(Code::BadUserNameOrPassword, &|c| {
        c.username = Some("dev1".into());
    });
    check(Code::BadUserNameOrPassword, &|c| c.password = None);
    check(Code::BadUserNameOrPassword, &|c| {
        c.password = Some("secret".into());
    });
    check(Code::BadUserNameOrPassword, &|c| {
        c.password = Some(vec![0xff].into());
    });
    check(Code::NotAuthorized, &|c| {
        c.username = Some("evil.example/dev1/".into());
    });
    check(Code::NotAuthorized, &|c| {
        c.password = Some(token("off", 3600).into());
    });
    let reason = check(Code::NotAuthorized, &|c| {
        (c.client_id, c.username) = ("nobody".into(), Some("localhost/nobody/".into()));
        c.password = Some(token("nobody", 3600).into());
    });
    assert!(reason.contains("not registered"), "{reason}");
    let reason = check(Code::NotAuthorized, &|c| {
        (c.client_id, c.username) = ("off".into(), Some("localhost/off/".into()));
        c.password = Some(token("off", 3600).into());
    });
    assert!(reason.contains("disabled"), "{reason}");
    check(Code::NotAuthorized, &|c| {
        c.last_will = Some(will("devices/other/messages/events/", "x"));
    });
    assert_eq!(rig.hub.stats().connects_refused, 14);
    assert_eq!(rig.messages(), []);
}

fn refused_text(rig: &Rig, connection: u64) -> String {
    rig.reason(connection).unwrap().to_string()
}

#[test]
fn mqtt_5_is_told_so() {
    let mut rig = rig();
    rig.open(1);
    rig.bytes(1, b"\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0");
    let sent = rig.sent(1);
    assert!(
        matches!(&sent[..], [Packet::Connack(c)] if c.code == Code::UnacceptableProtocolVersion),
        "{sent:?}"
    );
}

#[test]
fn a_policy_key_admits_any_registered_device() {
    let key = SymmetricKey::new(&[9; 32]).unwrap();
    let mut options = Options::new(common::epoch());
    options.policies.push(Policy {
        name: "device".into(),
        primary: key.clone(),
        secondary: key.clone(),
        permissions: vec![Permission::DeviceConnect],
    });
    let mut rig = Rig::with(options);
    rig.add("dev1");
    let mut with_policy = connect("dev1");
    let token = sas::generate("localhost", &key, EPOCH + 60, Some("device"));
    with_policy.password = Some(token.into());
    assert_eq!(rig.connect(1, with_policy).0, Code::Accepted);
    assert_eq!(rig.facts("connection/dev1")[0]["authentication"], "hub");
}

#[test]
fn the_first_packet_must_be_connect_and_come_in_time() {
    let mut rig = rig();
    rig.open(1);
    rig.packet(1, Packet::Pingreq);
    assert!(matches!(
        rig.reason(1),
        Some(CloseReason::ProtocolViolation(_))
    ));
    rig.open(2);
    assert_eq!(rig.hub.next_timer(), Some(at(30)));
    rig.bytes(2, b"\x10");
    rig.tick(29);
    assert_eq!(rig.reason(2), None);
    rig.tick(30);
    assert_eq!(rig.reason(2), Some(&CloseReason::ConnectTimeout));
    assert_eq!(rig.hub.next_timer(), None);
}

#[test]
fn a_second_connect_ends_the_connection() {
    let mut rig = rig();
    rig.online(1, "dev1");
    rig.packet(1, connect("dev1"));
    assert!(matches!(
        rig.reason(1),
        Some(CloseReason::ProtocolViolation(_))
    ));
}

#[test]
fn a_connection_ends_with_its_token() {
    let mut rig = rig();
    let mut short = connect("dev1");
    short.keep_alive = 0;
    short.password = Some(token("dev1", 600).into());
    assert_eq!(rig.connect(1, short).0, Code::Accepted);
    // 600 s and 300 s of skew.
    assert_eq!(rig.hub.next_timer(), Some(at(900)));
    rig.tick(899);
    assert_eq!(rig.reason(1), None);
    rig.tick(900);
    assert_eq!(rig.reason(1), Some(&CloseReason::TokenExpired));
    assert_eq!(rig.connect(2, connect("dev1")).0, Code::Accepted);
}

#[test]
fn silence_beyond_one_and_a_half_keep_alives_ends_it() {
    let mut rig = rig();
    rig.online(1, "dev1");
    rig.tick(80);
    rig.packet(1, Packet::Pingreq);
    assert_eq!(rig.sent(1), [Packet::Pingresp]);
    rig.tick(169);
    assert_eq!(rig.reason(1), None);
    rig.tick(170);
    assert_eq!(rig.reason(1), Some(&CloseReason::KeepAliveTimeout));
}

#[test]
fn disabling_a_device_closes_its_connection() {
    let mut rig = rig();
    rig.online(1, "dev1");
    assert!(rig.hub.set_status(&id("dev1"), Status::Disabled, at(1)));
    rig.commit();
    assert_eq!(rig.reason(1), Some(&CloseReason::DeviceDisabled));
    let mut rig = rig.restart(Options::new(common::epoch()));
    assert_eq!(rig.connect(2, connect("dev1")).0, Code::NotAuthorized);
    assert!(!rig.hub.set_status(&id("nobody"), Status::Disabled, at(1)));
}

#[test]
fn secrets_are_never_shown() {
    let mut rig = rig();
    let token = token("dev1", 3600);
    let signature = token
        .split("sig=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let key = rig
        .hub
        .registry()
        .get(&id("dev1"))
        .unwrap()
        .keys()
        .unwrap()
        .0
        .to_base64();
    rig.online(1, "dev1");
    // A token in every place where a client may put a text.
    let mut strange = connect("dev1");
    strange.username = Some(format!("localhost/dev1/?api-version={token}").into());
    rig.connect(2, strange);
    let mut strange = connect("dev1");
    strange.client_id = token.as_str().into();
    rig.connect(3, strange);
    rig.packet(1, qos1(&format!("devices/dev1/{token}"), 1, "x"));
    rig.open(4);
    let part = connect("dev1");
    let bytes = Packet::from(part).encode().unwrap();
    rig.bytes(4, &bytes.as_ref()[..bytes.as_ref().len() - 1]);
    assert_eq!(rig.closed.len(), 3);
    let shown = format!("{:?} {:?} {:?}", rig.hub, rig.closed, rig.events);
    assert!(shown.contains("dev1"));
    for secret in [signature, &key, token.as_str()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
