//! The hub's own ports: MQTT, HTTPS, AMQP, and the bridges to other brokers.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;
use tokio::{runtime::Runtime, sync::mpsc};
use twinbench_hub::{
    HubOutput,
    amqp::{AmqpListener, AmqpOptions, AmqpServer, Archive, MemoryOnly},
    bridge::{Bridge, BridgeConfig, Forward},
    handle::{HubHandle, HubJobs, hub_handle},
    net::{Certificates, Net, NetOptions, Tls, TlsOptions, uploads},
    service,
};

use super::{Command, Error};
use crate::{
    file::{BenchFile, Ports},
    session::{Session, authorities},
};

/// Where the hub is to listen, and with what.
#[derive(Clone, Copy)]
pub struct HubDoors<'a> {
    /// The ports.
    pub ports: &'a Ports,
    /// Whether the port for plain MQTT is opened too.
    pub plain: bool,
    /// The folder of the certificates; made when missing.
    pub certificates: &'a Path,
    /// The bench file's path: what it names is relative to it.
    pub bench: &'a Path,
    /// Whose hub it is.
    pub session: &'a Session,
}

impl std::fmt::Debug for HubDoors<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubDoors")
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

/// Where the hub listens, all on loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HubAddresses {
    /// MQTT over TLS.
    pub mqtt: SocketAddr,
    /// Plain MQTT.
    pub mqtt_plain: Option<SocketAddr>,
    /// HTTPS: REST, MQTT over WebSocket, file upload.
    pub https: Vec<SocketAddr>,
    /// Plain AMQP.
    pub amqp: SocketAddr,
    /// AMQP over TLS.
    pub amqps: SocketAddr,
    /// The authority that clients are to trust.
    pub ca: PathBuf,
    /// HTTPS ports that could not be had, with the reason.
    pub not_had: Vec<String>,
}

/// The hub's open ports.
pub(super) struct HubServer {
    pub(super) addresses: HubAddresses,
    pub(super) jobs: HubJobs,
    net: Net,
    _amqp: [AmqpListener; 2],
    _bridges: Vec<Bridge>,
}

impl HubServer {
    /// Takes the ports and begins to accept.
    pub(super) fn open(
        runtime: &Runtime,
        doors: HubDoors<'_>,
        data: &Path,
        to: mpsc::Sender<Command>,
    ) -> Result<Self, Error> {
        // Listeners and bridges start tasks as they are made.
        let _entered = runtime.enter();
        let file = doors.session.file();
        let names = [
            file.hub.host.clone(),
            file.hub.address.get_ref().to_string(),
        ];
        let certificates = Certificates::open(doors.certificates, &names)?;
        let tls = Tls::new(&TlsOptions {
            chain_pem: certificates.chain_pem()?,
            key_pem: certificates.key_pem()?,
            authorities: authorities(file, doors.bench)?,
        })
        .map_err(|cause| Error::Hub(cause.to_string()))?
        .with_rsa(&certificates);
        let (handle, jobs) = hub_handle();
        let options = doors.session.hub_options().clone();
        let archive: Arc<dyn Archive> = match doors.session.archive() {
            Some(archive) => Arc::new(archive),
            None => Arc::new(MemoryOnly),
        };
        let amqp = AmqpServer::new(
            AmqpOptions::default(),
            options,
            handle.clone(),
            Arc::clone(&archive),
        );
        let at = |port| SocketAddr::from((*file.hub.address.get_ref(), port));
        let ports = doors.ports;
        let (net, plain) = runtime.block_on(listen(&doors, to))?;
        let mqtt = runtime.block_on(net.listen_tls(at(ports.mqtt), tls.clone()));
        let mqtt = mqtt.map_err(|cause| refused("MQTT over TLS", ports.mqtt, &cause))?;
        let (mut https, mut not_had, mut first) = (Vec::new(), Vec::new(), None);
        for &port in &ports.https {
            let router = amqp.over_websocket(service::router(handle.clone()));
            let router = uploads(handle.clone(), data.join("uploads"), router);
            match runtime.block_on(net.listen_https(at(port), tls.clone(), router)) {
                Ok(address) => https.push(address),
                Err(cause) => {
                    not_had.push(cause.to_string());
                    first.get_or_insert(refused("HTTPS", port, &cause));
                }
            }
        }
        if let Some(error) = first.filter(|_| https.is_empty()) {
            return Err(error);
        }
        let open = amqp.listen(at(ports.amqp), None);
        let open = runtime.block_on(open);
        let open = open.map_err(|cause| refused("AMQP", ports.amqp, &cause))?;
        let secured = amqp.listen_tls(at(ports.amqps), tls.clone());
        let secured = runtime.block_on(secured);
        let secured = secured.map_err(|cause| refused("AMQP over TLS", ports.amqps, &cause))?;
        forward(file, doors.bench, &handle, &archive);
        Ok(Self {
            addresses: HubAddresses {
                mqtt,
                mqtt_plain: plain,
                https,
                amqp: open.address(),
                amqps: secured.address(),
                ca: certificates.ca_path(),
                not_had,
            },
            jobs,
            net,
            _amqp: [open, secured],
            _bridges: bridges(file, doors.bench, &handle)?,
        })
    }

    /// Does what the hub wants done on its sockets.
    pub(super) fn apply(&self, outputs: &[HubOutput]) {
        for output in outputs {
            // A socket that has gone in the meantime is reported by an event of its own.
            self.net.apply(output);
        }
    }
}

/// The way for connections into the loop, with the port for plain MQTT if it is wanted.
async fn listen(
    doors: &HubDoors<'_>,
    to: mpsc::Sender<Command>,
) -> Result<(Net, Option<SocketAddr>), Error> {
    let port = doors.ports.mqtt_plain;
    let options = NetOptions {
        max_connections: *doors.session.file().hub.connections.get_ref(),
        ..NetOptions::new(port)
    };
    let (net, mut events) = if doors.plain {
        let listening = Net::listen(options).await;
        listening.map_err(|cause| refused("plain MQTT", port, &cause))?
    } else {
        Net::closed(options)
    };
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if to.send(Command::Net(event)).await.is_err() {
                break;
            }
        }
    });
    let address = doors.plain.then(|| net.address());
    Ok((net, address))
}

/// Starts forwarding to other hubs. Each begins with a word to the hub, which answers once it runs;
/// they end with the runtime.
fn forward(file: &BenchFile, bench: &Path, handle: &HubHandle, archive: &Arc<dyn Archive>) {
    let folder = bench.parent().unwrap_or(Path::new(""));
    for config in &file.forward {
        let mut config = config.get_ref().clone();
        if let Some(ca) = &mut config.ca {
            *ca = folder.join(&*ca);
        }
        let (handle, archive) = (handle.clone(), Arc::clone(archive));
        tokio::spawn(async move {
            let name = config.name.clone();
            match Forward::start(config, handle, archive).await {
                Ok(forward) => {
                    std::future::pending::<()>().await;
                    drop(forward);
                }
                Err(error) => tracing::error!(forward = name, %error, "nothing is forwarded"),
            }
        });
    }
}

fn bridges(file: &BenchFile, bench: &Path, handle: &HubHandle) -> Result<Vec<Bridge>, Error> {
    let folder = bench.parent().unwrap_or(Path::new(""));
    let start = |config: &toml::Spanned<BridgeConfig>| {
        let mut config = config.get_ref().clone();
        for path in [&mut config.ca, &mut config.certificate, &mut config.key]
            .into_iter()
            .flatten()
        {
            *path = folder.join(&*path);
        }
        let name = config.name.clone();
        Bridge::start(config, file.seed, handle.clone())
            .map_err(|cause| Error::Hub(format!("bridge {name}: {cause}")))
    };
    file.bridge.iter().map(start).collect()
}

fn refused(what: &'static str, port: u16, cause: &dyn std::fmt::Display) -> Error {
    Error::Port {
        what,
        port,
        cause: cause.to_string(),
    }
}

/// Where the hub's certificates are unless somebody says otherwise: in the user's data folder, so
/// that clients are told once to trust them. `None` when this user has none.
pub fn certificates_folder() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    let base = if cfg!(windows) {
        PathBuf::from(variable("LOCALAPPDATA")?)
    } else if cfg!(target_os = "macos") {
        PathBuf::from(variable("HOME")?).join("Library/Application Support")
    } else {
        match variable("XDG_DATA_HOME") {
            Some(folder) => folder.into(),
            None => PathBuf::from(variable("HOME")?).join(".local/share"),
        }
    };
    Some(base.join("twinbench/certificates"))
}
