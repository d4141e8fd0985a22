//! azure-iot-device 2.14.

use serde_json::{Value, json};
use twinbench_hub::{
    c2d::{Ack, SendC2d},
    methods::{InvocationId, MethodAnswer, MethodCall, MethodError, MethodResult},
    registry::{Authentication, IdentityId, Thumbprint},
    twin::TwinWrite,
};
use twinbench_model::{Message, VirtualDuration, system};

use crate::{
    client::{Client, needed, script},
    host::{Host, Wishes},
};

fn start(python: &std::path::Path) -> Client {
    Client::start(python, [script("device.py")], &[])
}

/// Calls a method and waits for its end.
pub(crate) async fn call(host: &Host, id: &str, name: &str, seconds: u64) -> MethodResult {
    let (id, name) = (IdentityId::parse(id).unwrap(), name.to_owned());
    let number: InvocationId = host
        .with(move |hub, now| {
            let call = MethodCall {
                name,
                payload: json!({"n": [1, "ü"]}),
                response_timeout: VirtualDuration::from_secs(seconds),
                connect_timeout: VirtualDuration::ZERO,
            };
            hub.invoke_method(&id, call, now).unwrap()
        })
        .await;
    loop {
        let ended = host.with(move |hub, _| {
            let mut results = Vec::new();
            hub.drain_method_results(&mut results);
            results.into_iter().find(|(ended, _)| *ended == number)
        });
        if let Some((_, result)) = ended.await {
            return result;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

/// Telemetry, twin, methods and messages of a connected client.
async fn everything(host: &Host, client: &mut Client, id: &str) {
    client.tell(&json!({
        "do": "send", "body": "{\"t\":21.5}", "id": "m-1", "correlation": "c/1",
        "type": "application/json", "encoding": "utf-8", "properties": {"a b": "1+1&ü", "level": "high"},
    }));
    client.says("sent").await;
    let messages = host.messages().await;
    let last = &messages.last().unwrap().message;
    assert_eq!(&last.body[..], b"{\"t\":21.5}");
    assert_eq!(last.properties["a b"], "1+1&ü");
    for (name, value) in [
        (system::MESSAGE_ID, "m-1"),
        (system::CORRELATION_ID, "c/1"),
        (system::CONTENT_TYPE, "application/json"),
        (system::CONTENT_ENCODING, "utf-8"),
    ] {
        assert_eq!(last.system[name], value);
    }

    client.tell(&json!({"do": "listen"}));
    client.says("listening").await;
    client.tell(&json!({"do": "report", "patch": {"led": {"on": true}, "gone": null}}));
    assert_eq!(client.says("reported").await, true);
    client.tell(&json!({"do": "report", "patch": {"bad.name": 1}}));
    assert_eq!(client.says("reported").await, "ClientError");
    client.tell(&json!({"do": "twin"}));
    let twin = client.says("twin").await;
    assert_eq!(
        twin["reported"],
        json!({"led": {"on": true}, "$version": 2})
    );
    let own = IdentityId::parse(id).unwrap();
    let patched = own.clone();
    host.with(move |hub, now| {
        let write = TwinWrite {
            tags: Some(object(json!({"site": "x"}))),
            desired: Some(object(json!({"interval": 5, "old": null}))),
        };
        hub.patch_twin(&patched, write, now).unwrap();
    })
    .await;
    let patch = client.says("desired").await;
    assert_eq!(patch, json!({"interval": 5, "old": null, "$version": 2}));

    let echoed = call(host, id, "echo", 10).await;
    let payload = json!({"n": [1, "ü"]});
    assert_eq!(
        echoed,
        Ok(MethodAnswer {
            status: 200,
            payload
        })
    );
    let unknown = call(host, id, "part*other", 10).await.unwrap();
    assert_eq!(unknown.status, 501);
    client.says("method").await;
    assert_eq!(client.says("method").await["name"], "part*other");
    let silent = call(host, id, "silent", 1).await;
    assert_eq!(silent, Err(MethodError::Timeout(own)));
}

async fn send(host: &Host, id: &str, body: &str, ack: Ack) {
    let (id, body) = (IdentityId::parse(id).unwrap(), body.to_owned());
    host.with(move |hub, now| {
        let mut message = Message {
            body: body.into_bytes().into(),
            ..Message::default()
        };
        for (name, value) in [
            (system::MESSAGE_ID, "c2d-1"),
            (system::CORRELATION_ID, "x"),
            (system::CONTENT_TYPE, "text/plain"),
            (system::CONTENT_ENCODING, "utf-8"),
            (system::ACK, ack.name()),
        ] {
            message.system.insert(name.into(), value.into());
        }
        message.properties.insert("a b".into(), "1+1&ü/#".into());
        hub.send_c2d(
            &id,
            SendC2d {
                message,
                expires: None,
                ack,
            },
            now,
        )
        .unwrap();
    })
    .await;
}

async fn queued(host: &Host, id: &str) -> usize {
    let id = IdentityId::parse(id).unwrap();
    host.with(move |hub, _| hub.c2d_count(&id)).await
}

/// The whole life of a device with a key, over either transport.
async fn device_with_a_key(test: &str, address: &str, websockets: bool) {
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let Some(host) = Host::on_fixed_ports(test, address, Wishes::default()).await else {
        return;
    };
    let connection = host.add("dev-1").await;
    let mut client = start(&python);
    let product = "dtmi:com:example:Thermostat;1";
    client.tell(&json!({
        "ca": host.ca(), "connection": connection, "websockets": websockets, "product": product,
    }));
    assert_eq!(client.says("connected").await, true);
    everything(&host, &mut client, "dev-1").await;
    let model = host.with(|hub, _| {
        let id = IdentityId::parse("dev-1").unwrap();
        hub.twin_document(&id).unwrap()["modelId"].take()
    });
    assert_eq!(model.await, product);

    send(&host, "dev-1", "hello", Ack::Full).await;
    let c2d = client.says("c2d").await;
    let expected = json!({
        "body": "hello", "id": "c2d-1", "correlation": "x", "type": "text/plain",
        "encoding": "utf-8", "ack": "full", "properties": {"a b": "1+1&ü/#"},
    });
    assert_eq!(c2d, expected);
    client.tell(&json!({"do": "disconnect"}));
    client.says("disconnected").await;
    // The client tells so by a thread of its own, which must have ended before it connects again.
    assert_eq!(client.says("connected").await, false);
    assert_eq!(queued(&host, "dev-1").await, 0);
    let feedback = host.with(|hub, now| hub.receive_feedback(now).unwrap().records);
    assert_eq!(feedback.await[0].original_message_id, "c2d-1");

    // What is sent meanwhile waits, and comes once the session is taken up again.
    send(&host, "dev-1", "later", Ack::None).await;
    assert_eq!(queued(&host, "dev-1").await, 1);
    client.tell(&json!({"do": "connect"}));
    assert_eq!(client.says("c2d").await["body"], "later");
    assert_eq!(host.connections(), 1);
    drop(client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_device_over_tls() {
    device_with_a_key("python_device_over_tls", "127.0.0.21", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_device_over_websocket() {
    device_with_a_key("python_device_over_websocket", "127.0.0.22", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_module() {
    let test = "python_module";
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let Some(host) = Host::on_fixed_ports(test, "127.0.0.23", Wishes::default()).await else {
        return;
    };
    host.add("dev-1").await;
    let connection = host.add("dev-1/mod-1").await;
    let mut client = start(&python);
    client.tell(&json!({"ca": host.ca(), "connection": connection, "module": true}));
    assert_eq!(client.says("connected").await, true);
    everything(&host, &mut client, "dev-1/mod-1").await;
    client.tell(&json!({"do": "send", "body": "x", "output": "out1"}));
    client.says("sent").await;
    let messages = host.messages().await;
    let system = &messages.last().unwrap().message.system;
    assert_eq!(system[system::OUTPUT_NAME], "out1");
    assert_eq!(system[system::MODULE_ID], "mod-1");
    assert!(system[system::AUTH_METHOD].contains("\"scope\":\"module\""));
}

/// A certificate of a device and its key, in PEM, signed by an authority or by itself.
pub(crate) fn certificate(
    name: &str,
    by: Option<&rcgen::CertifiedIssuer<'_, rcgen::KeyPair>>,
) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let made = match by {
        None => params.self_signed(&key),
        Some(issuer) => params.signed_by(&key, issuer),
    };
    (made.unwrap().pem(), key.serialize_pem())
}

pub(crate) fn authority() -> rcgen::CertifiedIssuer<'static, rcgen::KeyPair> {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "fleet root");
    rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_device_with_a_certificate() {
    let test = "python_device_with_a_certificate";
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let root = authority();
    let wishes = Wishes {
        authorities: vec![("fleet".into(), root.pem())],
        ..Wishes::default()
    };
    let Some(host) = Host::on_fixed_ports(test, "127.0.0.24", wishes).await else {
        return;
    };
    let own = certificate("anything", None);
    let print = twinbench_hub::net::client_certificate(own.0.as_bytes()).unwrap();
    for (id, print) in [("self-1", print.sha1), ("self-2", print.sha256)] {
        let how = Authentication::SelfSigned {
            primary: None,
            secondary: Some(print),
        };
        host.add_as(IdentityId::parse(id).unwrap(), how).await;
    }
    let other = Authentication::SelfSigned {
        primary: Some(Thumbprint::parse(&"0".repeat(40)).unwrap()),
        secondary: None,
    };
    host.add_as(IdentityId::parse("self-3").unwrap(), other)
        .await;
    for id in ["signed-1", "signed-2"] {
        host.add_as(IdentityId::parse(id).unwrap(), Authentication::Authority)
            .await;
    }
    let signed = certificate("signed-1", Some(&root));
    let foreign = certificate("signed-1", Some(&authority()));
    for (id, (pem, key), lets_in) in [
        ("self-1", &own, true),
        ("self-2", &own, true),
        ("self-3", &own, false),
        ("signed-1", &signed, true),
        ("signed-1", &foreign, false),
        ("signed-2", &signed, false),
    ] {
        let path = |name: &str, text: &str| {
            let path = host.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut client = start(&python);
        client.tell(&json!({
            "ca": host.ca(), "host": host.name, "device": id,
            "x509": {"cert_file": path("own.pem", pem), "key_file": path("own.key", key)},
        }));
        if lets_in {
            assert_eq!(client.says("connected").await, true, "{id}");
            client.tell(&json!({"do": "send", "body": id}));
            client.says("sent").await;
            let messages = host.messages().await;
            let taken = messages
                .iter()
                .find(|event| event.device.as_str() == id)
                .unwrap();
            assert!(taken.message.system[system::AUTH_METHOD].contains("x509"));
        } else {
            let refused = client.says("refused").await;
            assert!(
                ["CredentialError", "ConnectionFailedError"].contains(&refused.as_str().unwrap()),
                "{refused}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_device_with_a_wrong_key_is_refused() {
    let test = "python_device_with_a_wrong_key_is_refused";
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let Some(host) = Host::on_fixed_ports(test, "127.0.0.25", Wishes::default()).await else {
        return;
    };
    let connection = host
        .add("dev-1")
        .await
        .replace("DeviceId=dev-1", "DeviceId=dev-2");
    let mut client = start(&python);
    client.tell(&json!({"ca": host.ca(), "connection": connection}));
    assert_eq!(client.says("refused").await, "CredentialError");
    client.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_device_with_the_clouds_connection_string() {
    let test = "python_device_with_the_clouds_connection_string";
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let wishes = Wishes {
        change: Some(Box::new(|options| {
            options
                .host_names
                .push("production.azure-devices.net".into());
        })),
        ..Wishes::default()
    };
    let Some(host) = Host::on_fixed_ports(test, "127.0.0.26", wishes).await else {
        return;
    };
    let connection = host.add("dev-1").await;
    let connection = connection.replace(&host.name, "production.azure-devices.net");
    let connection = format!("{connection};GatewayHostName={}", host.name);
    let mut client = start(&python);
    client.tell(&json!({"ca": host.ca(), "connection": connection}));
    assert_eq!(client.says("connected").await, true);
    client.tell(&json!({"do": "send", "body": "1"}));
    client.says("sent").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_device_uploads_a_file() {
    let test = "python_device_uploads_a_file";
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let Some(host) = Host::on_fixed_ports(test, "127.0.0.27", Wishes::default()).await else {
        return;
    };
    let connection = host.add("dev-1").await;
    let mut client = start(&python);
    client.tell(&json!({"ca": host.ca(), "connection": connection}));
    client.says("connected").await;
    // Put in one piece, then in blocks, and read in ranges.
    let long = "0123456789 ".repeat(400);
    let (short, long) = (json!("hällo"), json!(long));
    client.tell(&json!({
        "do": "upload", "ca": host.ca(), "blob": "logs/a 1.txt", "bodies": ["", long, short],
    }));
    let storage = client.says("storage").await;
    assert_eq!(storage["blobName"], "dev-1/logs/a 1.txt");
    for body in [json!(""), long, short] {
        assert_eq!(client.says("read").await, body);
    }
    assert_eq!(client.says("again").await, "BlobAlreadyExists");
    assert_eq!(client.says("notified").await, 201);
    let stored = host.folder.path().join("files/dev-1/logs/a 1.txt");
    assert_eq!(std::fs::read(&stored).unwrap(), "hällo".as_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&stored), 0o600);
        assert_eq!(mode(stored.parent().unwrap()), 0o700);
    }
    let notice = host
        .with(|hub, _| hub.take_file_notification().unwrap())
        .await;
    assert_eq!(
        (notice.blob_name.as_str(), notice.size),
        ("dev-1/logs/a 1.txt", 6)
    );
    // Finished, the address is of no use any more.
    for name in ["../x", "a//b", "a/./b", "", "a\\b", "c:d"] {
        let device = IdentityId::parse("dev-1").unwrap().device;
        let refused = host
            .with(move |hub, now| hub.begin_upload(&device, name, b"", now))
            .await;
        assert!(refused.is_err(), "{name:?}");
    }
}
