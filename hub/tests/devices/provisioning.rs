//! azure-iot-device's provisioning client: symmetric keys and certificates, one by one and in
//! groups.

use serde_json::{Value, json};
use twinbench_hub::{
    SymmetricKey,
    dps::{Attestation, Enrollment, EnrollmentKind, group_device_key},
    registry::IdentityId,
};

use crate::{
    client::{Client, needed, script},
    host::{Host, Wishes},
    python::{authority, certificate},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_devices_register() {
    let (test, address) = ("python_devices_register", "127.0.0.41");
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let root = authority();
    let wishes = Wishes {
        authorities: vec![("fleet".into(), root.pem())],
        change: Some(Box::new(|options| {
            options.assigned_hub = "127.0.0.41".into();
            options.id_scope = Some("0ne00000001".into());
        })),
        ..Wishes::default()
    };
    let Some(host) = Host::on_fixed_ports(test, address, wishes).await else {
        return;
    };
    let (own, group) = (
        SymmetricKey::new(&[7; 32]).unwrap(),
        SymmetricKey::new(&[8; 64]).unwrap(),
    );
    let alone = certificate("alone-2", None);
    let signed = certificate("fleet-1", Some(&root));
    let print = twinbench_hub::net::client_certificate(alone.0.as_bytes())
        .unwrap()
        .sha256;
    let keys = |key: &SymmetricKey| Attestation::SymmetricKey {
        primary: key.clone(),
        secondary: key.clone(),
    };
    let mut renamed = Enrollment::new(EnrollmentKind::Individual, "alone-1", keys(&own));
    renamed.device_id = Some("kitchen".into());
    renamed.tags.insert("site".into(), json!("x"));
    renamed.desired.insert("interval".into(), json!(5));
    let enrollments = [
        renamed,
        Enrollment::new(
            EnrollmentKind::Individual,
            "alone-2",
            Attestation::Certificate(print),
        ),
        Enrollment::new(EnrollmentKind::Group, "keys", keys(&group)),
        Enrollment::new(
            EnrollmentKind::Group,
            "roots",
            Attestation::Authority("fleet".into()),
        ),
    ];
    host.with(move |hub, _| {
        for enrollment in enrollments {
            hub.put_enrollment(enrollment).unwrap();
        }
    })
    .await;
    let in_group = |name: &str| group_device_key(&group, name).to_base64();
    let files = |name: &str, (pem, key): &(String, String)| {
        let path = |end: &str, text: &str| {
            let path = host.folder.path().join(format!("{name}.{end}"));
            std::fs::write(&path, text).unwrap();
            path
        };
        json!({"cert_file": path("pem", pem), "key_file": path("key", key)})
    };
    let register = |id: &'static str, how: Value, websockets: bool| {
        let mut order = json!({
            "ca": host.ca(), "provisioning_host": address, "registration_id": id,
            "id_scope": "0ne00000001", "websockets": websockets,
        });
        for (name, value) in how.as_object().unwrap() {
            order[name.as_str()] = value.clone();
        }
        let script = script("register.py").into_os_string();
        Client::start(&python, [script, order.to_string().into()], &[])
    };
    let good = [
        (
            register("alone-1", json!({"key": own.to_base64()}), false),
            "kitchen",
        ),
        (
            register("group-1", json!({"key": in_group("group-1")}), true),
            "group-1",
        ),
        (
            register("alone-2", json!({"x509": files("a", &alone)}), false),
            "alone-2",
        ),
        (
            register("fleet-1", json!({"x509": files("f", &signed)}), false),
            "fleet-1",
        ),
    ];
    for (mut client, device) in good {
        let expected = json!({"status": "assigned", "hub": address, "device": device});
        assert_eq!(client.says("sent").await, expected);
    }
    let bad = [
        register("group-2", json!({"key": in_group("group-1")}), false),
        register("alone-1", json!({"key": in_group("alone-1")}), false),
        register("fleet-2", json!({"x509": files("g", &signed)}), false),
    ];
    for mut client in bad {
        client.says("refused").await;
    }
    let mut senders: Vec<String> = Vec::new();
    for event in host.messages().await {
        senders.push(event.device.to_string());
    }
    senders.sort();
    assert_eq!(senders, ["alone-2", "fleet-1", "group-1", "kitchen"]);
    let twin = host.with(|hub, _| {
        hub.twin_document(&IdentityId::parse("kitchen").unwrap())
            .unwrap()
    });
    let twin = twin.await;
    assert_eq!(twin["tags"], json!({"site": "x"}));
    assert_eq!(twin["properties"]["desired"]["interval"], 5);
}
