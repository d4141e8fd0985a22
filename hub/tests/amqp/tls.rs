//! The built-in endpoint over TLS, with a certificate of the test's own.

use std::{path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{
    clients::{python, run},
    served::{key, options, serve},
};

const SCRIPT: &str = include_str!("python/events.py");

/// A server's configuration for a host; the CA's certificate goes to a file.
pub(crate) fn server_config(ca_file: &Path, host: &str) -> Arc<ServerConfig> {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "test CA");
    std::fs::write(ca_file, ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let leaf_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], leaf_key)
        .unwrap();
    Arc::new(config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_reads_over_tls() {
    let Some(program) = python("a_consumer_reads_over_tls") else {
        return;
    };
    let served = serve(options()).await;
    let ca = Path::new(env!("CARGO_TARGET_TMPDIR")).join("amqp-ca.pem");
    let any = "127.0.0.1:0".parse().unwrap();
    let listener = served
        .server
        .listen(any, Some(server_config(&ca, "localhost")))
        .await
        .unwrap();
    let (partition, _) = served.publish_number("dev1", 7).await;
    let port = listener.address().port();
    let request = json!({
        "endpoint": format!(
            "Endpoint=sb://localhost/;SharedAccessKeyName=service;SharedAccessKey={};EntityPath=hub",
            key(1).to_base64()
        ),
        "client": {
            "connection_verify": ca.to_string_lossy(),
            "custom_endpoint_address": format!("sb://localhost:{port}"),
        },
        "work": "receive",
        "arguments": {"partition": partition.to_string(), "start": "-1"},
    });
    let answer = run(program, SCRIPT, request).await;
    assert_eq!(answer["errors"], json!([]), "{answer}");
    assert_eq!(answer["events"][0]["body"], "7");
}
