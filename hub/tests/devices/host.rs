//! A hub at the pace of the wall clock, behind MQTT over TLS and HTTPS.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use twinbench_hub::{
    Hub, Options, SymmetricKey, derive_key,
    handle::{HubHandle, hub_handle},
    net::{Certificates, Net, NetEvent, NetOptions, Tls, TlsOptions, uploads},
    registry::{Authentication, IdentityId, IdentitySettings},
    service,
};
use twinbench_model::{Epoch, EventData, VirtualTime};

/// A served hub. Dropping it ends it.
pub(crate) struct Host {
    pub(crate) hub: HubHandle,
    pub(crate) name: String,
    pub(crate) mqtt: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) epoch: Epoch,
    net: Arc<Net>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Change = Box<dyn FnOnce(&mut Options) + Send>;

/// What a test wants different.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) authorities: Vec<(String, String)>,
    pub(crate) change: Option<Change>,
    pub(crate) connections: Option<usize>,
    pub(crate) opening: Option<std::time::Duration>,
}

impl Host {
    /// Serves a hub on these ports of an address; 0 takes any free one.
    pub(crate) async fn start(
        address: &str,
        (mqtt, https): (u16, u16),
        wishes: Wishes,
    ) -> Result<Self, twinbench_hub::net::NetError> {
        let epoch = Epoch::new(jiff::Timestamp::now());
        let mut options = Options::new(epoch);
        options.host_names.push(address.to_owned());
        if let Some(change) = wishes.change {
            change(&mut options);
        }
        let folder = tempfile::tempdir().unwrap();
        let names = [address.to_owned()];
        let certificates = Certificates::open(folder.path(), &names).unwrap();
        let tls = Tls::new(&TlsOptions {
            chain_pem: certificates.chain_pem().unwrap(),
            key_pem: certificates.key_pem().unwrap(),
            authorities: wishes.authorities,
        })?;
        let tls = tls.with_rsa(&certificates);
        let (hub, mut jobs) = hub_handle();
        let mut settings = NetOptions::new(0);
        if let Some(connections) = wishes.connections {
            settings.max_connections = connections;
        }
        if let Some(opening) = wishes.opening {
            settings.opening = opening;
        }
        let (net, mut events) = Net::closed(settings);
        let at = |port| format!("{address}:{port}").parse().unwrap();
        let mqtt = net.listen_tls(at(mqtt), tls.clone()).await?;
        let files = folder.path().join("files");
        let router = uploads(hub.clone(), files, service::router(hub.clone()));
        let https = net.listen_https(at(https), tls, router).await?;
        let net = Arc::new(net);
        let sockets = Arc::clone(&net);
        let begin = tokio::time::Instant::now();
        let mut inside = Hub::new(options).unwrap();
        let task = tokio::spawn(async move {
            let now =
                move || VirtualTime::from_nanos(u64::try_from(begin.elapsed().as_nanos()).unwrap());
            let mut outputs = Vec::new();
            loop {
                let pause = inside
                    .next_timer()
                    .map_or(60_000_000_000, |at| at.since(now()).as_nanos());
                let event = tokio::select! {
                    () = jobs.ready() => None,
                    event = events.recv() => event,
                    () = tokio::time::sleep(std::time::Duration::from_nanos(pause)) => None,
                };
                match event {
                    Some(NetEvent::Opened {
                        id,
                        peer,
                        certificate,
                    }) => {
                        inside.open_with(id, &peer, certificate.map(|c| *c), now());
                    }
                    Some(NetEvent::Data { id, bytes }) => inside.receive(id, &bytes, now()),
                    Some(NetEvent::Closed { id }) => inside.disconnected(id, now()),
                    None => {}
                }
                inside.tick(now());
                jobs.run(&mut inside, now());
                inside.drain_records(&mut Vec::new());
                let mut seen = Vec::new();
                inside.drain_events(&mut seen);
                if std::env::var_os("TWINBENCH_SHOW").is_some() {
                    for event in seen {
                        eprintln!("{} {:?}", event.channel(), event.payload);
                    }
                }
                inside.drain_outputs(&mut outputs);
                for output in outputs.drain(..) {
                    sockets.apply(&output);
                }
                jobs.committed(&inside);
            }
        });
        Ok(Self {
            hub,
            name: address.to_owned(),
            mqtt,
            https,
            folder,
            epoch,
            net,
            task,
        })
    }

    /// As [`Host::start`] on ports 8883 and 443 of an address of the test's own, which clients
    /// need that cannot name a port; `None` when they cannot be had, except in CI.
    pub(crate) async fn on_fixed_ports(test: &str, address: &str, wishes: Wishes) -> Option<Self> {
        match Self::start(address, (8883, 443), wishes).await {
            Ok(host) => Some(host),
            Err(error) => {
                let lack =
                    format!("{address} cannot be had ({error}): allow low ports to this user");
                assert!(std::env::var_os("CI").is_none(), "{test}: {lack}");
                eprintln!("SKIPPED {test}: {lack}");
                None
            }
        }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        self.net.connections()
    }

    /// Does something with the hub, and waits for it.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hub, VirtualTime) -> T + Send + 'static,
    ) -> T {
        self.hub.run(work).await.unwrap()
    }

    /// Registers a device or module with keys; gives its connection string.
    pub(crate) async fn add(&self, id: &str) -> String {
        let id = IdentityId::parse(id).unwrap();
        let key = derive_key(1, &id.device);
        let sas = Authentication::Sas {
            primary: key.clone(),
            secondary: SymmetricKey::new(&[9; 32]).unwrap(),
        };
        self.add_as(id, sas).await
    }

    pub(crate) async fn add_as(&self, id: IdentityId, how: Authentication) -> String {
        let name = self.name.clone();
        self.with(move |hub, now| {
            let made = hub.create_identity(id, IdentitySettings::new(how), now);
            made.unwrap().connection_string(&name)
        })
        .await
    }

    /// Every message in the log.
    pub(crate) async fn messages(&self) -> Vec<EventData> {
        self.with(|hub, _| {
            let partitions = 0..hub.log().partitions().len() as u16;
            partitions
                .flat_map(|p| hub.read(p, 0, usize::MAX).unwrap().cloned())
                .collect()
        })
        .await
    }
}
