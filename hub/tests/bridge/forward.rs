//! A bench's telemetry forwarded to another hub, which here is one of our own behind TLS.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;
use tokio::task::JoinHandle;
use twinbench_hub::{
    Hub, Options, Permission, Policy, SymmetricKey,
    bridge::{Forward, ForwardConfig},
    derive_key,
    log::MemoryOnly,
    net::{Certificates, Net, NetEvent, NetOptions, Tls, TlsOptions},
};
use twinbench_model::{DeviceId, Epoch, EventData, Message, VirtualTime, system};

use crate::{hub::Looped, until};

fn id(text: &str) -> DeviceId {
    DeviceId::new(text).unwrap()
}

fn policy_key() -> SymmetricKey {
    SymmetricKey::new(&[3; 32]).unwrap()
}

/// The other hub's messages, whole over its restarts, and its certificates.
struct Other {
    hub: Arc<tokio::sync::Mutex<Hub>>,
    certificates: Certificates,
    _folder: tempfile::TempDir,
}

/// The other hub while it can be reached.
struct Reached {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Reached {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Other {
    fn new(devices: &[&str]) -> Self {
        let mut options = Options::new(Epoch::new(jiff::Timestamp::now()));
        options.policies.push(Policy {
            name: "device".into(),
            primary: policy_key(),
            secondary: SymmetricKey::new(&[4; 32]).unwrap(),
            permissions: vec![Permission::DeviceConnect],
        });
        let mut hub = Hub::new(options).unwrap();
        for device in devices {
            let key = derive_key(9, &id(device));
            hub.add_device(id(device), key.clone(), key, VirtualTime::ZERO)
                .unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        Self {
            hub: Arc::new(tokio::sync::Mutex::new(hub)),
            certificates: Certificates::open(folder.path(), &[]).unwrap(),
            _folder: folder,
        }
    }

    async fn reach(&self, port: u16) -> Reached {
        let tls = Tls::new(&TlsOptions {
            chain_pem: self.certificates.chain_pem().unwrap(),
            key_pem: self.certificates.key_pem().unwrap(),
            authorities: Vec::new(),
        });
        let (net, mut events) = Net::closed(NetOptions::new(0));
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        let address = net.listen_tls(at, tls.unwrap()).await.unwrap();
        let hub = Arc::clone(&self.hub);
        let serving = tokio::spawn(async move {
            let begun = std::time::Instant::now();
            while let Some(event) = events.recv().await {
                let mut hub = hub.lock().await;
                let now = VirtualTime::from_nanos(begun.elapsed().as_nanos() as u64);
                match event {
                    NetEvent::Opened { id, peer, .. } => hub.open(id, &peer, now),
                    NetEvent::Data { id, bytes } => hub.receive(id, &bytes, now),
                    NetEvent::Closed { id } => hub.disconnected(id, now),
                }
                let mut outputs = Vec::new();
                hub.drain_outputs(&mut outputs);
                for output in outputs {
                    net.apply(&output);
                }
            }
        });
        Reached { address, serving }
    }

    async fn messages(&self, device: &str) -> Vec<EventData> {
        let hub = self.hub.lock().await;
        let partitions = 0..hub.log().partitions().len() as u16;
        let all = partitions.flat_map(|p| hub.read(p, 0, usize::MAX).unwrap().cloned());
        all.filter(|event| event.device.as_str() == device)
            .collect()
    }

    fn ca(&self) -> PathBuf {
        self.certificates.ca_path()
    }
}

fn config(other: &Other, port: u16, connection: &str, devices: &[&str]) -> ForwardConfig {
    serde_json::from_value(json!({
        "name": "cloud", "connection": connection, "ca": other.ca(), "port": port,
        "devices": devices,
    }))
    .unwrap()
}

fn policy() -> String {
    let key = policy_key().to_base64();
    format!("HostName=localhost;SharedAccessKeyName=device;SharedAccessKey={key}")
}

/// A hub of the bench with devices.
async fn bench(devices: &[&'static str]) -> Looped {
    let bench = Looped::start();
    for device in devices.iter().copied() {
        let add = move |hub: &mut Hub, now| {
            let key = derive_key(1, &id(device));
            hub.add_device(id(device), key.clone(), key, now).unwrap();
        };
        bench.handle.run(add).await.unwrap();
    }
    bench
}

async fn publish(bench: &Looped, device: &'static str, numbers: std::ops::Range<u32>) {
    let publish = move |hub: &mut Hub, now| {
        for number in numbers {
            let mut message = Message {
                body: number.to_string().into(),
                ..Message::default()
            };
            message.properties.insert("a b".into(), "1+1&ü".into());
            message
                .system
                .insert(system::CONTENT_TYPE.into(), "text/plain".into());
            hub.publish(&id(device), message, now).unwrap();
        }
    };
    bench.handle.run(publish).await.unwrap();
}

fn numbers(events: &[EventData]) -> Vec<u32> {
    let number = |event: &EventData| {
        let text = std::str::from_utf8(&event.message.body).unwrap();
        text.parse().unwrap()
    };
    events.iter().map(number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_send_to_another_hub_as_themselves() {
    let other = Other::new(&["dev1", "dev2"]);
    let reached = other.reach(0).await;
    let bench = bench(&["dev1", "dev2", "dev3"]).await;
    publish(&bench, "dev1", 0..120).await;
    publish(&bench, "dev3", 0..5).await;
    let port = reached.address.port();
    let wanted = config(&other, port, &policy(), &["dev1", "dev2"]);
    let forward = Forward::start(wanted, bench.handle.clone(), Arc::new(MemoryOnly));
    let forward = forward.await.unwrap();
    publish(&bench, "dev2", 0..7).await;
    until("the messages", || forward.stats().forwarded == 127).await;
    let first = other.messages("dev1").await;
    assert_eq!(numbers(&first), (0..120).collect::<Vec<_>>());
    assert_eq!(
        numbers(&other.messages("dev2").await),
        (0..7).collect::<Vec<_>>()
    );
    assert_eq!(forward.stats().connections, 2);
    let message = &first[0].message;
    assert_eq!(message.properties["a b"], "1+1&ü");
    assert_eq!(message.properties["twinbench-forward"], "cloud");
    assert_eq!(message.system[system::CONTENT_TYPE], "text/plain");
    assert!(message.system[system::CREATION_TIME].starts_with("2026-01-01T"));
    // Read as a consumer group, whose checkpoint is where a restart goes on.
    let read = |hub: &mut Hub, _| {
        let log = hub.log();
        let ends = log.partitions().map(|info| info.next);
        let ends: Vec<_> = (0..).zip(ends).collect();
        ends.iter()
            .all(|(partition, end)| log.checkpoint("forward-cloud", *partition) == Some(*end))
    };
    for _ in 0..100 {
        if bench.handle.run(read).await.unwrap() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the checkpoints did not come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_the_other_hub_is_away() {
    let other = Other::new(&["dev1"]);
    let reached = other.reach(0).await;
    let port = reached.address.port();
    let bench = bench(&["dev1"]).await;
    let key = derive_key(9, &id("dev1")).to_base64();
    let connection = format!("HostName=localhost;DeviceId=dev1;SharedAccessKey={key}");
    let start = || {
        let wanted = config(&other, port, &connection, &[]);
        Forward::start(wanted, bench.handle.clone(), Arc::new(MemoryOnly))
    };
    let forward = start().await.unwrap();
    publish(&bench, "dev1", 0..10).await;
    until("the first messages", || forward.stats().forwarded >= 10).await;
    drop(reached);
    publish(&bench, "dev1", 10..400).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let reached = other.reach(port).await;
    until("the messages of meanwhile", || {
        forward.stats().forwarded >= 200
    })
    .await;
    // The forward itself restarts in the middle.
    drop(forward);
    let forward = start().await.unwrap();
    publish(&bench, "dev1", 400..410).await;
    for _ in 0..300 {
        if numbers(&other.messages("dev1").await).last() == Some(&409) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // At least once, and in order but for what is sent again.
    let mut seen = numbers(&other.messages("dev1").await);
    assert!(seen.len() < 410 + 256 + 50, "{}", seen.len());
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (0..410).collect::<Vec<_>>());
    drop((forward, reached));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forward_that_cannot_be_says_why() {
    let other = Other::new(&[]);
    let bench = bench(&[]).await;
    let refused = |name: &str, connection: &str| {
        let mut wanted = config(&other, 1, connection, &[]);
        wanted.name = name.to_owned();
        Forward::start(wanted, bench.handle.clone(), Arc::new(MemoryOnly))
    };
    let error = refused("a", "HostName=h").await.unwrap_err();
    assert!(error.to_string().contains("SharedAccessKey"), "{error}");
    let error = refused("no name", &policy()).await.unwrap_err();
    assert!(error.to_string().contains("consumer group"), "{error}");
}
