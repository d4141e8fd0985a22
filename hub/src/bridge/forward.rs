//! The edge: the bench's telemetry to another hub.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
};
use twinbench_model::{DeviceId, EventData, system};

use super::{
    ConnectionStringError, ForwardConfig, RemoteHub,
    remote::{self, Order, Remote},
    tls::{self, TlsError},
};
use crate::{
    Hub,
    handle::{HubGone, HubHandle},
    log::{Archive, ReadError, TELEMETRY},
};

/// Messages of a partition that are on their way at most; the others wait in the event log.
const BATCH: usize = 256;
/// How long a store that cannot be read is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// A forward that runs, until this is dropped.
///
/// It reads the event log as a consumer group of its own, `forward-` and its name, and moves that
/// group's checkpoint when the other hub has acknowledged: so every message arrives at least once,
/// also over a restart of either side, and those of one device in order. A device that the other
/// hub refuses is tried again and again; meanwhile its partition waits.
#[derive(Debug)]
pub struct Forward {
    tasks: JoinSet<()>,
    counters: Arc<ForwardCounters>,
}

/// A forward cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Its connection string.
    #[error(transparent)]
    Connection(#[from] ConnectionStringError),
    /// Its certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It cannot have a consumer group.
    #[error("the forward cannot read the event log: {0}")]
    Group(String),
    /// The hub has ended.
    #[error(transparent)]
    Gone(#[from] HubGone),
}

/// What a forward has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForwardStats {
    /// Connections that the other hub accepted.
    pub connections: u64,
    /// Messages that it acknowledged.
    pub forwarded: u64,
}

#[derive(Debug, Default)]
pub(super) struct ForwardCounters {
    pub(super) connections: AtomicU64,
    pub(super) forwarded: AtomicU64,
}

impl Forward {
    /// Starts forwarding. To be called inside a tokio runtime. A hub that is away is waited for.
    ///
    /// # Errors
    /// When the connection string or the certificates cannot be used, or the name cannot be that
    /// of a consumer group.
    pub async fn start(
        config: ForwardConfig,
        hub: HubHandle,
        archive: Arc<dyn Archive>,
    ) -> Result<Self, ForwardError> {
        let remote = RemoteHub::parse(config.connection.reveal())?;
        let tls = tls::trusting(config.ca.as_deref())?;
        let group = format!("forward-{}", config.name);
        let name = group.clone();
        let added = hub.run(move |hub, _| {
            hub.add_consumer(&name)?;
            Ok::<_, crate::log::ConsumerError>(hub.log().partitions().len() as u16)
        });
        let added = added.await?;
        let partitions = added.map_err(|error| ForwardError::Group(error.to_string()))?;
        let counters = Arc::<ForwardCounters>::default();
        let forward = Arc::new(Shared {
            hub,
            archive,
            group,
            devices: config.devices,
            remote: Arc::new(Remote {
                name: config.name,
                hub: remote,
                port: config.port,
                tls,
                counters: Arc::clone(&counters),
            }),
            senders: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for partition in 0..partitions {
            tasks.spawn(Arc::clone(&forward).partition(partition));
        }
        Ok(Self { tasks, counters })
    }

    /// What it has done so far.
    pub fn stats(&self) -> ForwardStats {
        ForwardStats {
            connections: self.counters.connections.load(Ordering::Relaxed),
            forwarded: self.counters.forwarded.load(Ordering::Relaxed),
        }
    }

    /// Waits until it has ended, which it does when the hub has.
    pub async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

struct Shared {
    hub: HubHandle,
    archive: Arc<dyn Archive>,
    group: String,
    devices: Vec<DeviceId>,
    remote: Arc<Remote>,
    /// The devices' connections; they end when this is dropped.
    senders: Mutex<Senders>,
}

#[derive(Default)]
struct Senders {
    tasks: JoinSet<()>,
    orders: BTreeMap<DeviceId, mpsc::Sender<Order>>,
}

impl Shared {
    /// Forwards a partition until the hub has ended.
    async fn partition(self: Arc<Self>, partition: u16) {
        if let Err(HubGone) = self.forward(partition).await {
            tracing::debug!(partition, "the hub has ended, and so has a forward");
        }
    }

    async fn forward(&self, partition: u16) -> Result<(), HubGone> {
        let mut ends = self.hub.ends();
        loop {
            let (next, events) = self.fetch(partition).await?;
            let Some(last) = events.last() else {
                let more = |ends: &Vec<u64>| ends.get(usize::from(partition)) > Some(&next);
                ends.wait_for(more).await.map_err(|_| HubGone)?;
                continue;
            };
            let position = last.sequence_number + 1;
            self.send(events).await;
            let group = self.group.clone();
            let moved = self
                .hub
                .run(move |hub, _| hub.set_checkpoint(&group, partition, position));
            if let Err(error) = moved.await? {
                tracing::error!(%error, partition, "the checkpoint of a forward cannot be set");
            }
        }
    }

    /// The next messages, and the position of the first.
    async fn fetch(&self, partition: u16) -> Result<(u64, Vec<EventData>), HubGone> {
        loop {
            let group = self.group.clone();
            let read = move |hub: &mut Hub, _| {
                let log = hub.log();
                let begin = log.partitions().nth(usize::from(partition));
                let begin = begin.map_or(0, |info| info.begin);
                let next = log.checkpoint(&group, partition).unwrap_or(0).max(begin);
                let events = hub.read(partition, next, BATCH);
                (
                    next,
                    events.map(|events| events.cloned().collect::<Vec<_>>()),
                )
            };
            let (next, events) = self.hub.run(read).await?;
            let first = match events {
                Ok(events) => return Ok((next, events)),
                Err(ReadError::NotInMemory { first }) => first,
                Err(ReadError::NoSuchPartition(_)) => return Ok((next, Vec::new())),
            };
            let max = usize::try_from(first - next).map_or(BATCH, |count| count.min(BATCH));
            let archive = Arc::clone(&self.archive);
            let stored =
                tokio::task::spawn_blocking(move || archive.read(partition, next, max)).await;
            match stored {
                Ok(Ok(events)) if !events.is_empty() => return Ok((next, events)),
                Ok(Ok(_)) => tracing::error!(partition, next, "a message is not in the store"),
                Ok(Err(error)) => tracing::error!(partition, %error, "a forward cannot read"),
                Err(error) => tracing::error!(partition, %error, "a forward cannot read"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends telemetry to the other hub, each device's in order, and waits until it has all.
    async fn send(&self, events: Vec<EventData>) {
        let mut by_device: BTreeMap<DeviceId, Vec<EventData>> = BTreeMap::new();
        for event in events {
            let source = event.message.system.get(system::MESSAGE_SOURCE);
            let wanted = source.is_some_and(|source| source == TELEMETRY)
                && (self.devices.is_empty() || self.devices.contains(&event.device))
                && self.remote.hub.takes(&event.device);
            if wanted {
                by_device
                    .entry(event.device.clone())
                    .or_default()
                    .push(event);
            }
        }
        let mut waiting = Vec::new();
        for (device, events) in by_device {
            let (done, told) = oneshot::channel();
            let order = Order { events, done };
            // A device's task ends only after its sender.
            if self.orders(device).await.send(order).await.is_ok() {
                waiting.push(told);
            }
        }
        for told in waiting {
            // It is told when all are acknowledged, however often that is tried.
            let _ = told.await;
        }
    }

    /// The way to a device's connection, which is begun with its first message.
    async fn orders(&self, device: DeviceId) -> mpsc::Sender<Order> {
        let mut senders = self.senders.lock().await;
        if let Some(known) = senders.orders.get(&device) {
            return known.clone();
        }
        let (sender, orders) = mpsc::channel(1);
        senders.orders.insert(device.clone(), sender.clone());
        let remote = Arc::clone(&self.remote);
        senders.tasks.spawn(remote::run(remote, device, orders));
        sender
    }
}
