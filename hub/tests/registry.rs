//! Identities of devices and modules, and enrollments: made, changed, deleted, kept.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{EPOCH, Rig, connect, id, options, publish, subscribe};
use mqtt_proto::{
    QoS,
    v3::{Connect, ConnectReturnCode, Packet},
};
use serde_json::{Value, json};
use twinbench_hub::{
    CloseReason, SymmetricKey,
    c2d::SendC2d,
    derive_key,
    dps::{Attestation, Enrollment, EnrollmentError, EnrollmentKind, group_device_key},
    registry::{Authentication, IdentityId, IdentitySettings, RegistryError, Status},
    sas,
    twin::TwinWrite,
    uploads::{UploadError, UploadResult},
};

fn identity(text: &str) -> IdentityId {
    IdentityId::parse(text).unwrap()
}

fn settings(device: &str) -> IdentitySettings {
    let key = derive_key(1, &identity(device).device);
    IdentitySettings::new(Authentication::Sas {
        primary: key.clone(),
        secondary: key,
    })
}

fn module_connect() -> Connect {
    let mut connect = Connect::new("dev1/mod".into(), 60);
    connect.username = Some("localhost/dev1/mod/?api-version=2021-04-12".into());
    let key = derive_key(1, &id("dev1"));
    let resource = "localhost/devices/dev1/modules/mod";
    connect.password = Some(sas::generate(resource, &key, EPOCH + 3_600, None).into());
    connect
}

#[test]
fn modules_live_and_end_with_their_device() {
    let mut rig = Rig::new();
    let orphan = rig
        .hub
        .create_identity(identity("dev1/mod"), settings("dev1"), rig.now);
    assert_eq!(
        orphan.unwrap_err(),
        RegistryError::NotFound(identity("dev1"))
    );
    for name in ["dev1", "dev1/mod", "dev1/other", "dev10"] {
        rig.hub
            .create_identity(identity(name), settings("dev1"), rig.now)
            .unwrap();
    }
    let again = rig
        .hub
        .create_identity(identity("dev1"), settings("dev1"), rig.now);
    assert_eq!(
        again.unwrap_err(),
        RegistryError::AlreadyExists(identity("dev1"))
    );
    let device = id("dev1");
    let modules: Vec<String> = rig
        .hub
        .registry()
        .modules(&device)
        .map(|module| module.id.to_string())
        .collect();
    assert_eq!(modules, ["dev1/mod", "dev1/other"]);
    assert_eq!(rig.hub.registry().len(), 2);
    let (code, _) = rig.connect(1, module_connect());
    assert_eq!(code, ConnectReturnCode::Accepted);
    rig.online(2, "dev1");
    let topic = "devices/dev1/modules/mod/messages/events/";
    rig.packet(1, publish(topic, "x"));
    let system = &rig.messages()[0].message.system;
    assert_eq!(system["iothub-connection-module-id"], "mod");
    rig.hub.delete_identity(&identity("dev1"), rig.now).unwrap();
    rig.commit();
    for connection in [1, 2] {
        assert_eq!(rig.reason(connection), Some(&CloseReason::DeviceDeleted));
    }
    let left: Vec<String> = rig
        .hub
        .registry()
        .all()
        .map(|left| left.id.to_string())
        .collect();
    assert_eq!(left, ["dev10"]);
}

#[test]
fn nothing_of_a_deleted_device_is_left() {
    let mut rig = Rig::new();
    rig.commit();
    let before = rig.store.len();
    rig.hub
        .create_identity(identity("dev1"), settings("dev1"), rig.now)
        .unwrap();
    let mut kept = connect("dev1");
    kept.clean_session = false;
    rig.connect(1, kept);
    rig.packet(1, subscribe(1, &[("$iothub/methods/POST/#", QoS::Level0)]));
    rig.hub
        .send_c2d(&identity("dev1"), SendC2d::default(), rig.now)
        .unwrap();
    let tags = Some(serde_json::from_value(json!({"a": 1})).unwrap());
    let write = TwinWrite {
        tags,
        desired: None,
    };
    rig.hub
        .patch_twin(&identity("dev1"), write, rig.now)
        .unwrap();
    rig.commit();
    assert!(rig.store.len() >= before + 4);
    rig.hub.delete_identity(&identity("dev1"), rig.now).unwrap();
    rig.commit();
    assert_eq!(rig.store.len(), before);
    // One of the same id is another device.
    rig.tick(5);
    let made = rig
        .hub
        .create_identity(identity("dev1"), settings("dev1"), rig.now)
        .unwrap();
    assert_eq!(made.version, 1);
    assert!(rig.hub.twin(&identity("dev1")).unwrap().tags.is_empty());
}

#[test]
fn changes_close_connections_and_are_kept() {
    let mut rig = Rig::new();
    rig.add("dev1");
    rig.online(1, "dev1");
    let etag = rig.hub.identity(&identity("dev1")).unwrap().etag();
    let mut changed = rig
        .hub
        .identity(&identity("dev1"))
        .unwrap()
        .settings
        .clone();
    changed.status_reason = Some("looks fine".into());
    rig.hub
        .update_identity(&identity("dev1"), changed.clone(), rig.now)
        .unwrap();
    rig.commit();
    assert_eq!(rig.reason(1), None);
    assert_ne!(rig.hub.identity(&identity("dev1")).unwrap().etag(), etag);
    changed.authentication = Authentication::Authority;
    rig.hub
        .update_identity(&identity("dev1"), changed.clone(), rig.now)
        .unwrap();
    rig.commit();
    assert_eq!(rig.reason(1), Some(&CloseReason::CredentialsChanged));
    changed.status = Status::Disabled;
    rig.hub
        .update_identity(&identity("dev1"), changed, rig.now)
        .unwrap();
    rig.commit();
    let before = rig.hub.identity_document(&identity("dev1")).unwrap();
    let rig = rig.restart(options());
    let after = rig.hub.identity_document(&identity("dev1")).unwrap();
    assert_eq!(after, before);
    assert_eq!(after["status"], "disabled");
    assert_eq!(after["authentication"]["type"], "certificateAuthority");
    assert_eq!(rig.hub.count_devices(Status::Disabled), 1);
}

const GROUP: &str = "$dps/registrations/res/#";

fn registering(name: &str, key: &SymmetricKey) -> Connect {
    let mut connect = Connect::new(name.into(), 60);
    connect.username =
        Some(format!("0ne1/registrations/{name}/api-version=2019-03-31&ClientVersion=x").into());
    let resource = format!("0ne1/registrations/{name}");
    let token = sas::generate(&resource, key, EPOCH + 3_600, Some("registration"));
    connect.password = Some(token.into());
    connect
}

#[test]
fn a_device_registers_by_its_group_also_after_a_restart() {
    let mut rig = Rig::new();
    let key = SymmetricKey::new(&[8; 32]).unwrap();
    let keys = Attestation::SymmetricKey {
        primary: SymmetricKey::new(&[9; 32]).unwrap(),
        secondary: key.clone(),
    };
    let wrong = Enrollment::new(EnrollmentKind::Group, "no name", keys.clone());
    assert!(matches!(
        rig.hub.put_enrollment(wrong),
        Err(EnrollmentError::Name(_))
    ));
    let group = Enrollment::new(EnrollmentKind::Group, "all", keys);
    rig.hub.put_enrollment(group.clone()).unwrap();
    rig.commit();
    let mut rig = rig.restart(options());
    assert_eq!(rig.hub.enrollments().collect::<Vec<_>>(), [&group]);
    let own = group_device_key(&key, "dev9");
    let (code, _) = rig.connect(1, registering("dev8", &own));
    assert_eq!(code, ConnectReturnCode::NotAuthorized);
    let (code, _) = rig.connect(2, registering("dev9", &own));
    assert_eq!(code, ConnectReturnCode::Accepted);
    rig.packet(2, subscribe(1, &[(GROUP, QoS::Level1)]));
    let topic = "$dps/registrations/PUT/iotdps-register/?$rid=1";
    rig.packet(2, publish(topic, r#"{"registrationId":"dev9"}"#));
    let said = rig.sent(2);
    let [Packet::Suback(_), Packet::Publish(answer)] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(
        answer.topic_name.to_string(),
        "$dps/registrations/res/202/?$rid=1&retry-after=3"
    );
    let body: Value = serde_json::from_slice(&answer.payload).unwrap();
    let operation = body["operationId"].as_str().unwrap();
    let topic = format!(
        "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={operation}"
    );
    rig.packet(2, publish(&topic, ""));
    let said = rig.sent(2);
    let [Packet::Publish(answer)] = &said[..] else {
        panic!("{said:?}")
    };
    let body: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(body["registrationState"]["assignedHub"], "localhost");
    let device = rig.hub.identity(&identity("dev9")).unwrap();
    assert_eq!(*device.keys().unwrap().1, own);
    // A device that registers may do nothing else.
    rig.packet(2, publish("devices/dev9/messages/events/", "x"));
    assert!(matches!(rig.reason(2), Some(CloseReason::Topic(_))));
}

#[test]
fn upload_addresses_are_bounded_and_end() {
    let mut rig = Rig::new();
    rig.add("dev1");
    let device = id("dev1");
    let address = rig
        .hub
        .begin_upload(&device, "a/b.txt", b"secret", rig.now)
        .unwrap();
    let place = (address.container.as_str(), address.blob.as_str());
    let query = address.token.trim_start_matches('?');
    assert_eq!(rig.hub.check_upload(place, query, rig.now), Ok(()));
    for (wrong, token) in [
        (("other", place.1), query),
        (("uploads", "dev2/a"), query),
        (place, "sig=x"),
    ] {
        assert_eq!(
            rig.hub.check_upload(wrong, token, rig.now),
            Err(UploadError::NotFound)
        );
    }
    rig.hub.uploaded(place.1, 7, rig.now);
    let good = UploadResult {
        success: true,
        status: 201,
    };
    let other = rig
        .hub
        .finish_upload(&id("dev2"), &address.correlation_id, good, rig.now);
    assert_eq!(other, Err(UploadError::NotFound));
    rig.hub
        .finish_upload(&device, &address.correlation_id, good, rig.now)
        .unwrap();
    assert_eq!(rig.hub.take_file_notification().unwrap().size, 7);
    assert_eq!(
        rig.hub.check_upload(place, query, rig.now),
        Err(UploadError::NotFound)
    );
    let mut last = None;
    for _ in 0..10 {
        last = Some(
            rig.hub
                .begin_upload(&device, "x", b"secret", rig.now)
                .unwrap(),
        );
    }
    let refused = rig.hub.begin_upload(&device, "x", b"secret", rig.now);
    assert_eq!(refused, Err(UploadError::TooMany));
    rig.tick(3_600);
    let (last, now) = (last.unwrap(), rig.now);
    let ended = rig.hub.check_upload(
        ("uploads", &last.blob),
        last.token.trim_start_matches('?'),
        now,
    );
    assert_eq!(ended, Err(UploadError::NotFound));
    assert!(rig.hub.begin_upload(&device, "x", b"secret", now).is_ok());
}

#[test]
fn uploads_and_their_news_survive_a_restart() {
    let mut rig = Rig::new();
    rig.add("dev1");
    let device = id("dev1");
    let begun = rig
        .hub
        .begin_upload(&device, "a.txt", b"secret", rig.now)
        .unwrap();
    rig.commit();
    let mut rig = rig.restart(options());
    let query = begun.token.trim_start_matches('?');
    let place = (begun.container.as_str(), begun.blob.as_str());
    assert_eq!(rig.hub.check_upload(place, query, rig.now), Ok(()));
    rig.hub.uploaded(place.1, 9, rig.now);
    rig.commit();
    let mut rig = rig.restart(options());
    let good = UploadResult {
        success: true,
        status: 201,
    };
    rig.hub
        .finish_upload(&device, &begun.correlation_id, good, rig.now)
        .unwrap();
    rig.commit();
    let mut rig = rig.restart(options());
    // Locked while somebody has it, given again when its lock has ended or it is given back.
    let (number, notice) = rig.hub.receive_file_notification(rig.now).unwrap();
    assert_eq!((notice.size, &*notice.blob_name), (9, "dev1/a.txt"));
    assert_eq!(rig.hub.receive_file_notification(rig.now), None);
    rig.tick(60);
    assert!(rig.hub.complete_file_notification(number).is_err());
    let (number, _) = rig.hub.receive_file_notification(rig.now).unwrap();
    assert_eq!(rig.hub.abandon_file_notification(number), Ok(()));
    let (number, _) = rig.hub.receive_file_notification(rig.now).unwrap();
    assert_eq!(rig.hub.complete_file_notification(number), Ok(()));
    rig.commit();
    let mut rig = rig.restart(options());
    assert_eq!(rig.hub.take_file_notification(), None);
    // What nobody takes ends after an hour.
    let begun = rig
        .hub
        .begin_upload(&device, "b", b"secret", rig.now)
        .unwrap();
    rig.hub.uploaded(&begun.blob, 1, rig.now);
    rig.hub
        .finish_upload(&device, &begun.correlation_id, good, rig.now)
        .unwrap();
    rig.tick(60 + 3_600);
    assert_eq!(rig.hub.take_file_notification(), None);
}
