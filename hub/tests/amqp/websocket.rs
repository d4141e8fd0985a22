//! AMQP over WebSocket, on the port that everything else of HTTPS has.

use std::{net::SocketAddr, path::PathBuf};

use serde_json::{Value, json};
use twinbench_hub::net::{Certificates, Net, NetEvent, NetOptions, Tls, TlsOptions};

use crate::{
    clients::{lacking, node_modules, python, run, run_with},
    served::{Served, key, options, serve},
};

const EVENTS: &str = include_str!("python/events.py");
const SERVICE: &str = include_str!("python/service.py");
const NODE: &str = include_str!("node/service.js");

/// A served hub behind HTTPS.
struct Secured {
    served: Served,
    address: SocketAddr,
    certificates: Certificates,
    _net: Net,
    _events: tokio::sync::mpsc::Receiver<NetEvent>,
    _folder: tempfile::TempDir,
}

impl Secured {
    async fn start(address: &str) -> Result<Self, twinbench_hub::net::NetError> {
        let address: SocketAddr = address.parse().unwrap();
        let host = address.ip().to_string();
        let mut options = options();
        options.host_names.push(host.clone());
        let served = serve(options).await;
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::open(folder.path(), &[host]).unwrap();
        let tls = Tls::new(&TlsOptions {
            chain_pem: certificates.chain_pem().unwrap(),
            key_pem: certificates.key_pem().unwrap(),
            authorities: Vec::new(),
        })?;
        let (net, events) = Net::closed(NetOptions::new(0));
        let router = served.server.over_websocket(axum::Router::new());
        let address = net.listen_https(address, tls, router).await?;
        Ok(Self {
            served,
            address,
            certificates,
            _net: net,
            _events: events,
            _folder: folder,
        })
    }

    /// On port 443, for clients that cannot name another.
    async fn on_443(test: &str, host: &str) -> Option<Self> {
        match Self::start(&format!("{host}:443")).await {
            Ok(secured) => Some(secured),
            Err(error) => {
                lacking(test, &error.to_string());
                None
            }
        }
    }

    fn ca(&self) -> PathBuf {
        self.certificates.ca_path()
    }

    fn connection_string(&self) -> String {
        let (host, key) = (self.address.ip(), key(1).to_base64());
        format!("HostName={host};SharedAccessKeyName=service;SharedAccessKey={key}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_eventhub_over_websocket() {
    let test = "azure_eventhub_over_websocket";
    let Some(program) = python(test) else {
        return;
    };
    let has = std::process::Command::new(&program)
        .args(["-c", "import websocket"])
        .output();
    if !has.unwrap().status.success() {
        return lacking(
            test,
            "install websocket-client, which azure-eventhub needs for it",
        );
    }
    let secured = Secured::start("127.0.0.1:0").await.unwrap();
    let (partition, _) = secured.served.publish_number("dev1", 7).await;
    let request = json!({
        "endpoint": format!(
            "Endpoint=sb://localhost/;SharedAccessKeyName=service;SharedAccessKey={};EntityPath=hub",
            key(1).to_base64()
        ),
        "websocket": true,
        "client": {
            "connection_verify": secured.ca().to_string_lossy(),
            "custom_endpoint_address": format!("sb://localhost:{}", secured.address.port()),
        },
        "work": "receive",
        "arguments": {"partition": partition.to_string(), "start": "-1"},
    });
    let answer = run(program, EVENTS, request).await;
    assert_eq!(answer["errors"], json!([]), "{answer}");
    assert_eq!(answer["events"][0]["body"], "7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_iot_hub_sends_over_websocket() {
    let test = "azure_iot_hub_sends_over_websocket";
    let Some(program) = python(test) else {
        return;
    };
    let Some(secured) = Secured::on_443(test, "127.0.0.79").await else {
        return;
    };
    let request = json!({
        "connection_string": secured.connection_string(), "ca": secured.ca(), "websocket": true,
        "messages": [{"device": "dev1", "body": "over websocket", "properties": {}}],
    });
    let answer = run(program, SERVICE, request).await;
    assert_eq!(answer, json!(["sent"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_iothub_hears_over_websocket() {
    let test = "azure_iothub_hears_over_websocket";
    let Some(modules) = node_modules(test) else {
        return;
    };
    let Some(secured) = Secured::on_443(test, "127.0.0.80").await else {
        return;
    };
    let request = json!({
        "connectionString": secured.connection_string(), "websocket": true,
        "device": "dev2", "body": "hello", "expiresInMs": 2_000,
    });
    let arguments = vec!["-e".to_owned(), NODE.to_owned()];
    let environment = vec![
        ("NODE_PATH", modules),
        ("NODE_EXTRA_CA_CERTS", secured.ca()),
    ];
    let answer: Value = run_with("node".into(), arguments, request, environment).await;
    assert_eq!(answer["feedback"][0]["statusCode"], "Expired", "{answer}");
    assert_ne!(answer["unknown"], "", "{answer}");
}
