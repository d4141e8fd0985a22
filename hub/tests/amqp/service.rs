//! The service's messages to devices, with azure-iot-hub and azure-iothub.
//!
//! Both speak to port 5671 only, so each test has a loopback address of its own.

use std::{net::SocketAddr, path::Path};

use serde_json::json;
use twinbench_hub::{
    Hub,
    amqp::AmqpListener,
    c2d::Ack,
    net::{Certificates, Tls, TlsOptions},
    registry::IdentityId,
    sas,
    uploads::UploadResult,
};
use twinbench_model::system;

use crate::{
    clients::{lacking, node_modules, python, run, run_with},
    served::{Served, id, key, options, serve},
    tls::server_config,
};

const PYTHON: &str = include_str!("python/service.py");
const NODE: &str = include_str!("node/service.js");

/// A served hub on port 5671 of a loopback address, and the file of its CA.
async fn on_5671(test: &str, host: &str) -> Option<(Served, AmqpListener, String)> {
    let mut options = options();
    options.host_names.push(host.to_owned());
    let served = serve(options).await;
    let ca = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.pem"));
    let address: SocketAddr = format!("{host}:5671").parse().unwrap();
    match served
        .server
        .listen(address, Some(server_config(&ca, host)))
        .await
    {
        Ok(listener) => Some((served, listener, ca.to_string_lossy().into_owned())),
        Err(error) => {
            lacking(test, &error.to_string());
            None
        }
    }
}

fn connection_string(host: &str) -> String {
    let key = key(1).to_base64();
    format!("HostName={host};SharedAccessKeyName=service;SharedAccessKey={key}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_iot_hub_sends_to_devices() {
    let (test, host) = ("azure_iot_hub_sends_to_devices", "127.0.0.77");
    let Some(program) = python(test) else {
        return;
    };
    let Some((served, _listener, ca)) = on_5671(test, host).await else {
        return;
    };
    let message = |device: &str, body: &str| {
        let properties =
            json!({"level": "high", "contentType": "text/plain", "iothub-ack": "full"});
        json!({"device": device, "body": body, "properties": properties})
    };
    let request = json!({
        "connection_string": connection_string(host), "ca": ca,
        "messages": [message("dev1", "one"), message("nobody", "x"), message("dev1", "two")],
    });
    let answer = run(program, PYTHON, request).await;
    assert_eq!(
        (&answer[0], &answer[2]),
        (&json!("sent"), &json!("sent")),
        "{answer}"
    );
    assert!(
        answer[1].as_str().unwrap().contains("send failure"),
        "{answer}"
    );
    let read = |hub: &mut Hub, _| {
        let queue = hub.c2d_queue(&IdentityId::from(id("dev1"))).unwrap();
        queue.values().cloned().collect::<Vec<_>>()
    };
    let queue = served.handle.run(read).await.unwrap();
    let bodies: Vec<_> = queue.iter().map(|one| &one.message.body[..]).collect();
    assert_eq!(bodies, [b"one", b"two"]);
    let first = &queue[0];
    assert_eq!(first.ack, Ack::Full);
    assert_eq!(first.message.properties["level"], "high");
    assert!(!first.message.properties.contains_key("iothub-ack"));
    assert_eq!(first.message.system[system::CONTENT_TYPE], "text/plain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_iothub_hears_what_became_of_a_message() {
    let (test, host) = ("azure_iothub_hears_what_became_of_a_message", "127.0.0.78");
    let Some(modules) = node_modules(test) else {
        return;
    };
    let Some((_served, _listener, ca)) = on_5671(test, host).await else {
        return;
    };
    // Nobody takes the message, so it expires.
    let request = json!({
        "connectionString": connection_string(host),
        "device": "dev2", "body": "hello", "expiresInMs": 3_000,
    });
    let arguments = vec!["-e".to_owned(), NODE.to_owned()];
    let environment = vec![("NODE_PATH", modules), ("NODE_EXTRA_CA_CERTS", ca.into())];
    let answer = run_with("node".into(), arguments, request, environment).await;
    let feedback = &answer["feedback"][0];
    assert_eq!(feedback["originalMessageId"], "n-1", "{answer}");
    assert_eq!(feedback["deviceId"], "dev2");
    assert_eq!(feedback["statusCode"], "Expired");
    assert_ne!(answer["unknown"], "", "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_iothub_hears_of_an_uploaded_file() {
    let (test, host) = ("azure_iothub_hears_of_an_uploaded_file", "127.0.0.81");
    let Some(modules) = node_modules(test) else {
        return;
    };
    let Some((served, _listener, ca)) = on_5671(test, host).await else {
        return;
    };
    let upload = |hub: &mut Hub, now| {
        let device = id("dev1");
        let begun = hub.begin_upload(&device, "a.txt", b"s", now).unwrap();
        hub.uploaded(&begun.blob, 5, now);
        let result = UploadResult {
            success: true,
            status: 201,
        };
        hub.finish_upload(&device, &begun.correlation_id, result, now)
            .unwrap();
    };
    served.handle.run(upload).await.unwrap();
    let request = json!({"connectionString": connection_string(host), "files": true});
    let arguments = vec!["-e".to_owned(), NODE.to_owned()];
    let environment = vec![("NODE_PATH", modules), ("NODE_EXTRA_CA_CERTS", ca.into())];
    let notice = run_with("node".into(), arguments, request, environment).await;
    assert_eq!(notice["deviceId"], "dev1", "{notice}");
    assert_eq!(notice["blobName"], "dev1/a.txt");
    assert_eq!(notice["blobSizeInBytes"], 5);
    // Accepted, so it is done with.
    let left = served.handle.run(Hub::receive_file_notification);
    assert_eq!(left.await.unwrap(), None);
}

/// uamqp with SASL PLAIN: `{policy}@sas.root.{hub}` and a token, or a policy and its key.
const PLAIN: &str = r#"
import json, sys
asked = json.load(sys.stdin)
import certifi
certifi.where = lambda: asked["ca"]
import uamqp
from uamqp import authentication
from uamqp.message import MessageProperties

seen = []
for user, password in asked["logins"]:
    auth = authentication.SASLPlain("localhost", user, password, port=asked["port"], verify=asked["ca"])
    to = MessageProperties(to="/devices/dev1/messages/devicebound", message_id=user)
    client = uamqp.SendClient("amqps://localhost/messages/devicebound", auth=auth,
                              error_policy=uamqp.errors.ErrorPolicy(max_retries=0))
    try:
        client.queue_message(uamqp.Message(b"plain", properties=to))
        seen.append([state.name for state in client.send_all_messages()])
    except Exception as error:
        seen.append(type(error).__name__)
print(json.dumps(seen))
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uamqp_with_sasl_plain() {
    let test = "uamqp_with_sasl_plain";
    let Some(program) = python(test) else {
        return;
    };
    let served = serve(options()).await;
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::open(folder.path(), &[]).unwrap();
    let ca = certificates.ca_path();
    let tls = Tls::new(&TlsOptions {
        chain_pem: certificates.chain_pem().unwrap(),
        key_pem: certificates.key_pem().unwrap(),
        authorities: Vec::new(),
    });
    let any = "127.0.0.1:0".parse().unwrap();
    let listener = served.server.listen_tls(any, tls.unwrap()).await.unwrap();
    let epoch = options().epoch.instant().as_second() as u64;
    let token = sas::generate("localhost", &key(1), epoch + 600, Some("service"));
    let request = json!({
        "ca": ca, "port": listener.address().port(),
        "logins": [
            ["service@sas.root.localhost", token],
            ["service", key(1).to_base64()],
            ["service", key(9).to_base64()],
        ],
    });
    let seen = run(program, PLAIN, request).await;
    assert_eq!(seen[0], json!(["SendComplete"]), "{seen}");
    assert_eq!(seen[1], json!(["SendComplete"]), "{seen}");
    assert!(seen[2].is_string(), "{seen}");
    let read = |hub: &mut Hub, _| {
        let queue = hub.c2d_queue(&IdentityId::from(id("dev1"))).unwrap();
        queue.len()
    };
    assert_eq!(served.handle.run(read).await.unwrap(), 2);
}
