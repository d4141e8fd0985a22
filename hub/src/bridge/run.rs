//! The edge: a client of the broker, and a worker that hands messages to the hub.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, MqttOptions, Publish, QoS, TlsConfiguration, Transport,
};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::JoinSet,
};
use twinbench_model::VirtualTime;

use super::{
    Backoff, BridgeConfig, BrokerUrl, ConfigError, Mapped, Mapping, MappingError,
    tls::{self, TlsError},
};
use crate::{Hub, PublishError, derive_key, handle::HubHandle, mqtt::MAX_MESSAGE};

/// Messages that share one commit at most.
const BATCH: usize = 64;
/// Largest packet in bytes: a message with room for its topic.
const MAX_PACKET: usize = MAX_MESSAGE + 64 * 1024;

/// A bridge that runs, until this is dropped.
#[derive(Debug)]
pub struct Bridge {
    tasks: JoinSet<()>,
    counters: Arc<Counters>,
}

/// A bridge cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// Its section contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A rule cannot be.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Its certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What a bridge has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BridgeStats {
    /// Connections that the broker accepted.
    pub connections: u64,
    /// Messages that the hub took.
    pub taken: u64,
    /// Messages that no rule or the hub would have; they are acknowledged too, and logged.
    pub refused: u64,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Bridge {
    /// Starts a bridge into a hub; `seed` is the bench's, for the keys of devices that it adds.
    /// To be called inside a tokio runtime. A broker that is away is waited for.
    ///
    /// # Errors
    /// When the section cannot be, or its certificates cannot be read.
    pub fn start(config: BridgeConfig, seed: u64, hub: HubHandle) -> Result<Self, BridgeError> {
        let broker = config.check()?;
        let mapping = Mapping::new(&config.rules)?;
        let options = options(&config, &broker)?;
        let (queue, waiting) = mpsc::channel(usize::from(config.queue));
        // An acknowledgement never waits for the loop that reads, which may itself wait for the
        // worker: there is room for one of every packet id, and for the subscriptions.
        let room = usize::from(u16::MAX) + mapping.filters().len();
        let (client, events) = AsyncClient::new(options, room);
        let counters = Arc::<Counters>::default();
        let reader = Reader {
            name: config.name.clone(),
            filters: mapping.filters(),
            client: client.clone(),
            queue,
            counters: Arc::clone(&counters),
        };
        let writer = Writer {
            name: config.name,
            create: config.create_devices.then_some(seed),
            mapping,
            client,
            hub,
            counters: Arc::clone(&counters),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(reader.run(events));
        tasks.spawn(writer.run(waiting));
        Ok(Self { tasks, counters })
    }

    /// What it has done so far.
    pub fn stats(&self) -> BridgeStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BridgeStats {
            connections: read(&self.counters.connections),
            taken: read(&self.counters.taken),
            refused: read(&self.counters.refused),
        }
    }

    /// Waits until it has ended, which it does when the hub has.
    pub async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

fn options(config: &BridgeConfig, broker: &BrokerUrl) -> Result<MqttOptions, BridgeError> {
    let own = || format!("twinbench-{}", config.name);
    let id = config.client_id.clone().unwrap_or_else(own);
    let mut options = MqttOptions::new(id, broker.host.clone(), broker.port);
    options.set_keep_alive(Duration::from_secs(config.keep_alive_seconds.max(1).into()));
    options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
    // The broker keeps what was not acknowledged, and it is acknowledged when it is on disk.
    options.set_clean_session(false);
    options.set_manual_acks(true);
    if let Some(user) = &config.user {
        let password = config
            .password
            .as_ref()
            .map_or("", |secret| secret.reveal());
        options.set_credentials(user, password);
    }
    if broker.tls {
        let tls = TlsConfiguration::Rustls(tls::client_config(config)?);
        options.set_transport(Transport::Tls(tls));
    }
    Ok(options)
}

struct Reader {
    name: String,
    filters: Vec<String>,
    client: AsyncClient,
    queue: Sender<Publish>,
    counters: Arc<Counters>,
}

impl Reader {
    async fn run(self, mut events: EventLoop) {
        let (name, mut backoff) = (&self.name, Backoff::default());
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                    self.counters.connections.fetch_add(1, Ordering::Relaxed);
                    tracing::info!(bridge = name, "connected to the broker");
                    for filter in &self.filters {
                        if let Err(error) = self.client.try_subscribe(filter, QoS::AtLeastOnce) {
                            tracing::warn!(bridge = name, filter, %error, "not subscribed");
                        }
                    }
                }
                Ok(Event::Incoming(Incoming::SubAck(ack))) => {
                    backoff.reset();
                    if ack
                        .return_codes
                        .contains(&rumqttc::SubscribeReasonCode::Failure)
                    {
                        tracing::warn!(bridge = name, "the broker refused a subscription");
                    }
                }
                Ok(Event::Incoming(Incoming::Publish(publish))) => {
                    // Waits when there is no room; the broker then waits too.
                    if self.queue.send(publish).await.is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(bridge = name, %error, ?wait, "the broker is away");
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.queue.closed() => return,
                    }
                }
            }
        }
    }
}

struct Writer {
    name: String,
    /// The seed for keys when unknown devices are added.
    create: Option<u64>,
    mapping: Mapping,
    client: AsyncClient,
    hub: HubHandle,
    counters: Arc<Counters>,
}

impl Writer {
    async fn run(self, mut waiting: Receiver<Publish>) {
        let mut batch = Vec::new();
        while waiting.recv_many(&mut batch, BATCH).await > 0 {
            let mut mapped = Vec::new();
            for publish in &batch {
                match self.mapping.map(&publish.topic, &publish.payload) {
                    Ok(message) => mapped.push(message),
                    Err(error) => self.refused(&publish.topic, &error),
                }
            }
            let create = self.create;
            let take = move |hub: &mut Hub, now| {
                let take = |message| take(hub, message, create, now);
                mapped.into_iter().map(take).collect::<Vec<_>>()
            };
            let Ok(results) = self.hub.run(take).await else {
                // Nothing is acknowledged: the broker keeps it.
                return;
            };
            for result in results {
                match result {
                    Ok(()) => drop(self.counters.taken.fetch_add(1, Ordering::Relaxed)),
                    Err(error) => self.refused("", &error),
                }
            }
            for publish in batch.drain(..) {
                if self.client.ack(&publish).await.is_err() {
                    return;
                }
            }
        }
    }

    fn refused(&self, topic: &str, error: &dyn std::error::Error) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        let topic: String = topic.chars().take(120).collect();
        tracing::warn!(bridge = self.name, topic, %error, "a message was not taken");
    }
}

fn take(
    hub: &mut Hub,
    Mapped { device, message }: Mapped,
    create: Option<u64>,
    now: VirtualTime,
) -> Result<(), PublishError> {
    if let Some(seed) = create
        && hub.registry().get(&device).is_none()
    {
        let key = derive_key(seed, &device);
        hub.add_device(device.clone(), key.clone(), key, now)
            .map_err(|_| PublishError::UnknownDevice(device.clone()))?;
    }
    hub.publish(&device, message, now).map(|_| ())
}
