//! Real MQTT clients over real TCP connections, on the wall clock.
#![cfg(feature = "net")]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the edge is tested here: clients live on the wall clock; helpers may fail the test"
)]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use common::id;
use rumqttc::{AsyncClient, ConnectReturnCode, ConnectionError, Incoming, MqttOptions, QoS};
use tokio::{sync::mpsc::Receiver, task::JoinHandle};
use twinbench_hub::{
    ConnectionId, Hub, Options, derive_key,
    net::{Net, NetError, NetEvent, NetOptions},
    sas,
};
use twinbench_model::{Epoch, EventData, VirtualTime};

/// A hub behind a port, its loop, and what it stored.
struct Served {
    port: u16,
    hub: Arc<Mutex<Hub>>,
    serving: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

async fn serve(options: NetOptions) -> Served {
    let now = jiff::Timestamp::from_second(unix_now() as i64).unwrap();
    let mut hub = Hub::new(Options::new(Epoch::new(now))).unwrap();
    for device in ["dev1", "dev2"] {
        let device = id(device);
        let key = derive_key(1, &device);
        hub.add_device(device, key.clone(), key, VirtualTime::ZERO)
            .unwrap();
    }
    let (net, events) = Net::listen(options).await.unwrap();
    let port = net.address().port();
    let hub = Arc::new(Mutex::new(hub));
    let serving = tokio::spawn(run(net, events, Arc::clone(&hub)));
    Served { port, hub, serving }
}

/// The loop around hub and net as a bench has it.
async fn run(net: Net, mut events: Receiver<NetEvent>, hub: Arc<Mutex<Hub>>) {
    let started = Instant::now();
    loop {
        let event = tokio::time::timeout(Duration::from_millis(20), events.recv()).await;
        let now = VirtualTime::from_nanos(started.elapsed().as_nanos() as u64);
        let mut hub = hub.lock().unwrap();
        match event {
            Ok(None) => return,
            Ok(Some(NetEvent::Opened {
                id,
                peer,
                certificate,
            })) => hub.open_with(id, &peer, certificate.map(|c| *c), now),
            Ok(Some(NetEvent::Data { id, bytes })) => hub.receive(id, &bytes, now),
            Ok(Some(NetEvent::Closed { id })) => hub.disconnected(id, now),
            Err(_) => {}
        }
        hub.tick(now);
        // A bench commits here, before the outputs.
        hub.drain_records(&mut Vec::new());
        let mut outputs = Vec::new();
        hub.drain_outputs(&mut outputs);
        for output in &outputs {
            net.apply(output);
        }
    }
}

impl Served {
    fn messages(&self) -> Vec<EventData> {
        let hub = self.hub.lock().unwrap();
        (0..4)
            .flat_map(|p| hub.read(p, 0, usize::MAX).unwrap().cloned())
            .collect()
    }

    /// Waits until the hub is as it should be, at most ten seconds.
    async fn until(&self, what: &str, done: impl Fn(&Hub) -> bool) {
        for _ in 0..1_000 {
            if done(&self.hub.lock().unwrap()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "{what} did not come: {:?}",
            self.hub.lock().unwrap().stats()
        );
    }

    fn options(&self, device: &str, seed: u64) -> MqttOptions {
        let mut options = MqttOptions::new(device, "127.0.0.1", self.port);
        options.set_clean_session(true);
        options.set_credentials(
            format!("localhost/{device}/?api-version=2021-04-12"),
            token(device, seed),
        );
        options
    }
}

fn token(device: &str, seed: u64) -> String {
    let device = id(device);
    sas::device_token(
        "localhost",
        &device,
        &derive_key(seed, &device),
        unix_now() + 3600,
    )
}

#[tokio::test]
async fn rumqttc_publishes_and_is_acknowledged() {
    let served = serve(NetOptions::new(0)).await;
    let (client, mut events) = AsyncClient::new(served.options("dev1", 1), 16);
    let topic = "devices/dev1/messages/events/$.ct=application%2Fjson";
    let publishing = tokio::spawn(async move {
        for n in 0..100 {
            let body = format!("{{\"n\":{n}}}");
            client
                .publish(topic, QoS::AtLeastOnce, false, body)
                .await
                .unwrap();
        }
        client
            .subscribe("$iothub/methods/POST/#", QoS::AtMostOnce)
            .await
            .unwrap();
        client
    });
    let (mut acknowledged, mut subscribed) = (0, false);
    while acknowledged < 100 || !subscribed {
        match events.poll().await.unwrap() {
            rumqttc::Event::Incoming(Incoming::PubAck(_)) => acknowledged += 1,
            rumqttc::Event::Incoming(Incoming::SubAck(_)) => subscribed = true,
            _ => {}
        }
    }
    let bodies: Vec<_> = served
        .messages()
        .into_iter()
        .map(|m| m.message.body)
        .collect();
    let expected: Vec<_> = (0..100).map(|n| format!("{{\"n\":{n}}}")).collect();
    assert_eq!(bodies, expected);
    publishing.await.unwrap().disconnect().await.unwrap();
    while events.poll().await.is_ok() {}
    served
        .until("the disconnection", |hub| !hub.is_connected(&id("dev1")))
        .await;
}

#[tokio::test]
async fn rumqttc_is_refused_with_a_wrong_key() {
    let served = serve(NetOptions::new(0)).await;
    let (_client, mut events) = AsyncClient::new(served.options("dev1", 99), 16);
    let refused = events.poll().await.unwrap_err();
    assert!(
        matches!(
            refused,
            ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized)
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_second_client_takes_over() {
    let served = serve(NetOptions::new(0)).await;
    let (_first, mut first) = AsyncClient::new(served.options("dev1", 1), 16);
    first.poll().await.unwrap();
    let (_second, mut second) = AsyncClient::new(served.options("dev1", 1), 16);
    second.poll().await.unwrap();
    assert!(first.poll().await.is_err());
    let connected = |hub: &Hub| hub.is_connected(&id("dev1")) && hub.stats().connections_open == 1;
    served.until("the takeover", connected).await;
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_its_will() {
    let served = serve(NetOptions::new(0)).await;
    let mut options = served.options("dev2", 1);
    let topic = "devices/dev2/messages/events/";
    options.set_last_will(rumqttc::LastWill::new(
        topic,
        "gone",
        QoS::AtLeastOnce,
        false,
    ));
    let (client, mut events) = AsyncClient::new(options, 16);
    events.poll().await.unwrap();
    drop((client, events));
    served.until("the will", |hub| hub.stats().wills == 1).await;
    assert_eq!(&served.messages()[0].message.body[..], b"gone");
}

#[tokio::test]
async fn mosquitto_pub_publishes() {
    let served = serve(NetOptions::new(0)).await;
    let (port, token) = (served.port.to_string(), token("dev1", 1));
    let arguments = [
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-i",
        "dev1",
        "-V",
        "mqttv311",
        "-q",
        "1",
        "-u",
        "localhost/dev1/?api-version=2021-04-12",
        "-P",
        &token,
        "-t",
        "devices/dev1/messages/events/level=high",
        "-m",
        "{\"t\":1}",
    ];
    let run = move |arguments: Vec<String>| {
        std::process::Command::new("mosquitto_pub")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
    };
    let arguments = arguments.map(str::to_owned).to_vec();
    let output = match tokio::task::spawn_blocking(move || run(arguments))
        .await
        .unwrap()
    {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let lack = "mosquitto_pub is not installed (Debian: mosquitto-clients)";
            assert!(std::env::var_os("CI").is_none(), "{lack}");
            eprintln!("SKIPPED mosquitto_pub_publishes: {lack}");
            return;
        }
        Err(error) => panic!("mosquitto_pub cannot be run: {error}"),
    };
    assert!(output.status.success(), "{output:?}");
    let message = served.messages().pop().unwrap().message;
    assert_eq!(&message.body[..], b"{\"t\":1}");
    assert_eq!(message.properties["level"], "high");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let (net, _events) = Net::listen(NetOptions::new(0)).await.unwrap();
    let port = net.address().port();
    let error = Net::listen(NetOptions::new(port)).await.unwrap_err();
    assert!(
        matches!(error, NetError::PortInUse(p) if p == port),
        "{error}"
    );
    assert!(error.to_string().contains(&port.to_string()));
    // Once the first is gone, the port is free.
    drop(net);
    for _ in 0..100 {
        if Net::listen(NetOptions::new(port)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("port {port} stayed taken");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let mut options = NetOptions::new(0);
    options.max_connections = 1;
    let (net, mut events) = Net::listen(options).await.unwrap();
    let address = net.address();
    let _first = tokio::net::TcpStream::connect(address).await.unwrap();
    assert!(matches!(events.recv().await, Some(NetEvent::Opened { .. })));
    for _ in 0..100 {
        if net.connections() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = move || TcpStream::connect(address).unwrap().read(&mut [0; 1]);
    let read = tokio::task::spawn_blocking(refused).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn what_was_sent_arrives_before_the_close() {
    let (net, mut events) = Net::listen(NetOptions::new(0)).await.unwrap();
    let address = net.address();
    let client = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(b"hello").unwrap();
        let mut all = Vec::new();
        socket.read_to_end(&mut all).unwrap();
        all
    });
    let id = loop {
        match events.recv().await.unwrap() {
            NetEvent::Data { id, bytes } => {
                assert_eq!(&bytes[..], b"hello");
                break id;
            }
            NetEvent::Opened { .. } => {}
            NetEvent::Closed { .. } => panic!("closed early"),
        }
    };
    let answer: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    assert!(net.send(id, answer.clone().into()));
    assert!(net.close(id));
    assert!(!net.send(id, "late".into()));
    assert_eq!(client.await.unwrap(), answer);
    assert_eq!(events.recv().await, Some(NetEvent::Closed { id }));
    assert!(!net.close(ConnectionId(1)));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_closed() {
    let mut options = NetOptions::new(0);
    options.waiting_bytes = 100_000;
    let (net, mut events) = Net::listen(options).await.unwrap();
    let _client = tokio::net::TcpStream::connect(net.address()).await.unwrap();
    let Some(NetEvent::Opened { id, .. }) = events.recv().await else {
        panic!("not opened");
    };
    while net.connections() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The system's own buffers take some megabytes first.
    let piece = bytes::Bytes::from(vec![0; 50_000]);
    let mut sent = 0;
    while net.send(id, piece.clone()) {
        sent += piece.len();
        assert!(sent < 100_000_000, "nothing bounds what waits");
        tokio::task::yield_now().await;
    }
    assert_eq!(net.connections(), 0);
    assert_eq!(events.recv().await, Some(NetEvent::Closed { id }));
}
