//! rumqttc and mosquitto over TLS, on any port.

use std::{sync::Arc, time::Duration};

use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, MqttOptions, QoS, TlsConfiguration, Transport,
    tokio_rustls::rustls::{
        ClientConfig, RootCertStore, SupportedProtocolVersion,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, pem::PemObject},
        version::{TLS12, TLS13},
    },
};
use twinbench_hub::{derive_key, sas};
use twinbench_model::DeviceId;

use crate::{
    client::{Client, needed},
    host::{Host, Wishes},
};

fn password(host: &Host, device: &str) -> String {
    let id = DeviceId::new(device).unwrap();
    let expiry = host.epoch.instant().as_second() as u64 + 3_600;
    sas::device_token(&host.name, &id, &derive_key(1, &id), expiry)
}

/// A device with rumqttc.
pub(crate) struct Device {
    id: &'static str,
    client: AsyncClient,
    events: EventLoop,
}

/// Registers a device, and connects it with either version of TLS.
pub(crate) async fn device(host: &Host, id: &'static str) -> Device {
    host.add(id).await;
    let mut device = device_over(host, id, &[&TLS12, &TLS13]);
    let connected = device.events.poll().await.unwrap();
    assert!(matches!(connected, Event::Incoming(Incoming::ConnAck(_))));
    device
}

fn device_over(
    host: &Host,
    id: &'static str,
    versions: &[&'static SupportedProtocolVersion],
) -> Device {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(host.ca()).unwrap();
    roots.add(ca).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut options = MqttOptions::new(id, "localhost", host.mqtt.port());
    options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::new(config))));
    let user = format!("127.0.0.1/{id}/?api-version=2021-04-12");
    options.set_credentials(user, password(host, id));
    options.set_keep_alive(Duration::from_mins(1));
    let (client, events) = AsyncClient::new(options, 10);
    Device { id, client, events }
}

impl Device {
    /// Sends a message and waits until it is acknowledged.
    pub(crate) async fn send(&mut self, body: &str) {
        let topic = format!("devices/{}/messages/events/", self.id);
        let sent = self.client.publish(topic, QoS::AtLeastOnce, false, body);
        sent.await.unwrap();
        while !matches!(
            self.events.poll().await.unwrap(),
            Event::Incoming(Incoming::PubAck(_))
        ) {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rumqttc_over_both_versions_of_tls() {
    let host = Host::start("127.0.0.1", (0, 0), Wishes::default())
        .await
        .unwrap();
    host.add("dev-1").await;
    for version in [&TLS12, &TLS13] {
        device_over(&host, "dev-1", &[version]).send("x").await;
    }
    assert_eq!(host.messages().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_pub_over_tls() {
    let test = "mosquitto_pub_over_tls";
    if needed_program(test, "mosquitto_pub").is_none() {
        return;
    }
    let host = Host::start("127.0.0.1", (0, 0), Wishes::default())
        .await
        .unwrap();
    host.add("dev-1").await;
    let (port, password) = (host.mqtt.port().to_string(), password(&host, "dev-1"));
    let ca = host.ca().display().to_string();
    let arguments = [
        "-h",
        "localhost",
        "-p",
        &port,
        "--cafile",
        &ca,
        "-i",
        "dev-1",
        "-u",
        "127.0.0.1/dev-1/?api-version=2021-04-12",
        "-P",
        &password,
        "-t",
        "devices/dev-1/messages/events/level=high",
        "-m",
        "hello",
        "-q",
        "1",
        "-V",
        "mqttv311",
    ];
    Client::start("mosquitto_pub", arguments, &[]).ends().await;
    let messages = host.messages().await;
    assert_eq!(messages[0].message.properties["level"], "high");
    // MQTT 5 is refused as the cloud does.
    let refused = std::process::Command::new("mosquitto_pub")
        .args(&arguments[..arguments.len() - 1])
        .arg("mqttv5")
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert_eq!(host.messages().await.len(), 1);
}

/// A program of the system; a lack skips loudly, and fails in CI.
pub(crate) fn needed_program(test: &str, program: &str) -> Option<()> {
    let there = std::process::Command::new(program)
        .arg("--help")
        .output()
        .is_ok();
    if !there {
        let lack = format!("install {program}");
        assert!(std::env::var_os("CI").is_none(), "{test}: {lack}");
        eprintln!("SKIPPED {test}: {lack}");
    }
    there.then_some(())
}

#[test]
fn the_set_up_names_its_programs() {
    // Where CI runs, the clients are there, so no test of this folder is skipped.
    if std::env::var_os("CI").is_some() {
        assert!(needed("set-up", "TWINBENCH_PYTHON").is_some());
        assert!(needed("set-up", "TWINBENCH_NODE_MODULES").is_some());
    }
}
