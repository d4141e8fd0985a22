//! Clients that take RSA signatures only, as small devices do, beside those that take ECDSA.

use std::process::{Command, Stdio};

use crate::{
    client::{Client, needed},
    host::{Host, Wishes},
    rust::needed_program,
};

async fn host() -> Host {
    Host::start("127.0.0.1", (0, 0), Wishes::default())
        .await
        .unwrap()
}

/// What `openssl s_client` says of a handshake with these settings.
async fn handshake(host: &Host, settings: &'static [&'static str]) -> String {
    let (address, ca) = (host.mqtt.to_string(), host.ca());
    let run = move || {
        Command::new("openssl")
            .args(["s_client", "-connect", &address, "-CAfile"])
            .arg(ca)
            .args(settings)
            // Its input ends at once, and so does it after the handshake.
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_is_of_the_kind_that_the_client_takes() {
    let test = "the_key_is_of_the_kind_that_the_client_takes";
    if needed_program(test, "openssl").is_none() {
        return;
    }
    let host = host().await;
    let rsa = "Server public key is 2048 bit";
    let ecdsa = "Server public key is 256 bit";
    for (settings, expected) in [
        (
            &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"][..],
            rsa,
        ),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"], rsa),
        (&["-tls1_2", "-sigalgs", "RSA+SHA256"], rsa),
        (&["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"], rsa),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
            ecdsa,
        ),
        (&["-tls1_2"], ecdsa),
        (&["-tls1_3"], ecdsa),
        (&[], ecdsa),
    ] {
        let said = handshake(&host, settings).await;
        assert!(said.contains(expected), "{settings:?}: {said}");
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }
    // Suites that rustls does not have are refused, not served with something weaker.
    for settings in [
        &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"],
        &["-tls1_2", "-cipher", "AES128-SHA256"],
    ] {
        let said = handshake(&host, settings).await;
        assert!(said.contains("handshake failure"), "{said}");
    }
}

/// azure-iot-device, held to one RSA suite of TLS 1.2.
const PROGRAM: &str = r#"
import sys
from azure.iot.device import IoTHubDeviceClient
client = IoTHubDeviceClient.create_from_connection_string(
    sys.argv[1], server_verification_cert=open(sys.argv[2]).read(),
    cipher="ECDHE-RSA-AES128-GCM-SHA256")
client.connect()
client.send_message("over rsa")
client.shutdown()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_iot_device_over_rsa() {
    let test = "azure_iot_device_over_rsa";
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let Some(host) = Host::on_fixed_ports(test, "127.0.0.66", Wishes::default()).await else {
        return;
    };
    let (text, ca) = (host.add("dev-1").await, host.ca());
    let arguments = ["-c", PROGRAM, &text, &ca.display().to_string()];
    Client::start(python, arguments, &[]).ends().await;
    assert_eq!(&host.messages().await[0].message.body[..], b"over rsa");
}
