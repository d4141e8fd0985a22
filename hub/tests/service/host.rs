//! A hub in a loop of its own with a device in memory, served over TLS on loopback.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use mqtt_proto::{
    Pid, QoS, QosPid, TopicFilter, TopicName,
    v3::{Connect, Packet, Publish, Subscribe},
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};
use twinbench_hub::{
    ConnectionId, Hub, HubOutput, Options, Permission, Policy, SymmetricKey, derive_key,
    handle::{HubHandle, hub_handle},
    net::uploads,
    sas, service,
};
use twinbench_model::{DeviceId, Epoch, VirtualDuration, VirtualTime};

/// The device that answers methods.
pub(crate) const DEVICE: &str = "answers";

/// Test policies: name, first byte of its key, what it may.
const POLICIES: [(&str, u8, &[Permission]); 5] = [
    (
        "iothubowner",
        1,
        &[
            Permission::RegistryRead,
            Permission::RegistryWrite,
            Permission::ServiceConnect,
            Permission::DeviceConnect,
        ],
    ),
    ("service", 2, &[Permission::ServiceConnect]),
    ("device", 3, &[Permission::DeviceConnect]),
    ("registryRead", 4, &[Permission::RegistryRead]),
    ("registryReadWrite", 5, &[Permission::RegistryWrite]),
];

pub(crate) fn policy_key(name: &str) -> SymmetricKey {
    let byte = POLICIES.iter().find(|row| row.0 == name).unwrap().1;
    SymmetricKey::new(&[byte; 32]).unwrap()
}

pub(crate) fn options(epoch: Epoch) -> Options {
    let mut options = Options::new(epoch);
    for (name, _, permissions) in POLICIES {
        options.policies.push(Policy {
            name: name.into(),
            primary: policy_key(name),
            secondary: SymmetricKey::new(&[99; 32]).unwrap(),
            permissions: permissions.to_vec(),
        });
    }
    options
}

/// A connection string of a policy.
pub(crate) fn connection_string(host: &str, policy: &str) -> String {
    let key = policy_key(policy).to_base64();
    format!("HostName={host};SharedAccessKeyName={policy};SharedAccessKey={key}")
}

/// Runs a hub at the pace of the wall clock until every handle is gone.
pub(crate) fn start(host: &str) -> HubHandle {
    let epoch = Epoch::new(jiff::Timestamp::now());
    let mut options = options(epoch);
    options.host_names.push(host.to_owned());
    let (handle, mut jobs) = hub_handle();
    let mut hub = Hub::new(options).unwrap();
    tokio::spawn(async move {
        let begin = Instant::now();
        let now = move || {
            let nanos = begin.elapsed().as_nanos();
            VirtualTime::from_nanos(u64::try_from(nanos).unwrap())
        };
        let mut device = Device::connect(&mut hub, epoch, now());
        loop {
            let pause = hub
                .next_timer()
                .map_or(VirtualDuration::from_secs(60), |at| at.since(now()));
            let pause = std::time::Duration::from_nanos(pause.as_nanos());
            tokio::select! {
                () = jobs.ready() => {}
                () = tokio::time::sleep(pause) => {}
            }
            hub.tick(now());
            jobs.run(&mut hub, now());
            device.answer(&mut hub, now());
            hub.drain_records(&mut Vec::new());
            hub.drain_events(&mut Vec::new());
            jobs.committed(&hub);
        }
    });
    handle
}

/// A device on a connection in memory: answers `echo` with what it was given, `part*echo` too,
/// `silent` not at all, and every other method with 501.
pub(crate) struct Device(ConnectionId);

impl Device {
    pub(crate) fn connect(hub: &mut Hub, epoch: Epoch, now: VirtualTime) -> Self {
        let id = DeviceId::new(DEVICE).unwrap();
        let (key, connection) = (derive_key(1, &id), ConnectionId(1));
        hub.add_device(id.clone(), key.clone(), key.clone(), now)
            .unwrap();
        hub.open(connection, "test", now);
        let expiry = u64::try_from(epoch.unix_seconds(now)).unwrap() + 3_600;
        let mut connect = Connect::new(DEVICE.into(), 0);
        connect.username = Some(format!("localhost/{DEVICE}/?api-version=2021-04-12").into());
        let token = sas::device_token("localhost", &id, &key, expiry);
        connect.password = Some(token.into_bytes().into());
        let device = Self(connection);
        device.send(hub, &connect.into(), now);
        let filter = TopicFilter::try_from("$iothub/methods/POST/#").unwrap();
        let subscribe = Subscribe::new(Pid::try_from(1).unwrap(), vec![(filter, QoS::Level0)]);
        device.send(hub, &subscribe.into(), now);
        device
    }

    fn send(&self, hub: &mut Hub, packet: &Packet, now: VirtualTime) {
        let bytes = packet.encode().unwrap();
        hub.receive(self.0, bytes.as_ref(), now);
    }

    /// Answers what was asked since the last call.
    pub(crate) fn answer(&mut self, hub: &mut Hub, now: VirtualTime) {
        let mut outputs = Vec::new();
        hub.drain_outputs(&mut outputs);
        for output in outputs {
            let HubOutput::Send { connection, bytes } = output else {
                continue;
            };
            assert_eq!(connection, self.0);
            let Packet::Publish(publish) = Packet::decode(&bytes).unwrap().unwrap() else {
                continue;
            };
            let topic = publish.topic_name.to_string();
            let asked = topic.strip_prefix("$iothub/methods/POST/").unwrap();
            let (name, rest) = asked.split_once("/?$rid=").unwrap();
            let (status, payload) = match name {
                "silent" => continue,
                "echo" | "part*echo" | "part%2Aecho" => (200, publish.payload.to_vec()),
                _ => (501, b"{\"unknown\":true}".to_vec()),
            };
            let topic = format!("$iothub/methods/res/{status}/?$rid={rest}");
            let topic = TopicName::try_from(topic.as_str()).unwrap();
            self.send(
                hub,
                &Publish::new(QosPid::Level0, topic, payload.into()).into(),
                now,
            );
        }
    }
}

/// Where the service listens, and the certificate that its clients are to trust.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) ca: PathBuf,
    _folder: tempfile::TempDir,
}

/// Serves a hub's REST interface over TLS.
pub(crate) async fn serve(handle: HubHandle, address: SocketAddr) -> std::io::Result<Served> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let names = vec!["localhost".to_owned(), address.ip().to_string()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let files = folder.path().join("files");
    let router = uploads(handle.clone(), files, service::router(handle));
    tokio::spawn(async move { axum::serve(Tls(listener, acceptor), router).await });
    Ok(Served {
        address,
        ca,
        _folder: folder,
    })
}

struct Tls(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            if let Ok((stream, peer)) = self.0.accept().await
                && let Ok(stream) = self.1.accept(stream).await
            {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
