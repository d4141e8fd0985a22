//! A hub behind plain MQTT with a durable log, in threads of its own.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use tokio::{runtime::Runtime, sync::mpsc::Receiver};
use twinbench_hub::{
    Hub, HubOutput, Options, derive_key,
    log::DEFAULT_GROUP,
    net::{Net, NetEvent, NetOptions},
};
use twinbench_model::{DeviceId, Epoch, Record, Table, VirtualTime};

use crate::Result;

/// Events that may wait.
const WAITING: usize = 8_192;
/// About so many bytes of events share a commit: enough that syncing costs little a message, and
/// few enough that the memory they take is still in the processor's cache when it is used again.
const TAKES: usize = 256 * 1024;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the hub's loop has failed");
        }
    }
}

pub(crate) fn device(number: usize) -> Result<DeviceId> {
    Ok(DeviceId::new(&format!("sim-{number:04}"))?)
}

pub(crate) fn hub(devices: usize) -> Result<Hub> {
    let mut hub = Hub::new(Options::new(Epoch::new(jiff::Timestamp::now())))?;
    for number in 0..devices {
        let id = device(number)?;
        let key = derive_key(1, &id);
        hub.add_device(id, key.clone(), key, VirtualTime::ZERO)?;
    }
    Ok(hub)
}

pub(crate) fn start(devices: usize) -> Result<Server> {
    let hub = hub(devices)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    let mut options = NetOptions::new(0);
    options.waiting_events = WAITING;
    let (net, events) = runtime.block_on(Net::listen(options))?;
    let address = net.address();
    // Beside the program rather than in the system's folder, which may be in memory.
    let near = std::env::current_exe()?;
    let near = near.parent().unwrap_or(std::path::Path::new("."));
    let folder = tempfile::tempdir_in(near)?;
    let store = Store::open(folder.path())?;
    let ends = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ends);
    let thread = std::thread::Builder::new().name("hub".to_owned());
    let thread = thread.spawn(move || {
        if let Err(error) = serve(hub, &net, events, &store, &end) {
            eprintln!("the hub's loop has failed: {error}");
        }
    })?;
    Ok(Server {
        address,
        ends,
        thread: Some(thread),
        _runtime: runtime,
        _folder: folder,
    })
}

struct Store {
    database: Database,
    /// By [`Table::ALL`], as a bench keeps them.
    tables: Vec<Keyspace>,
}

impl Store {
    fn open(folder: &std::path::Path) -> Result<Self> {
        let database = Database::builder(folder).worker_threads(1).open()?;
        let open = |table: Table| database.keyspace(table.name(), KeyspaceCreateOptions::default);
        let tables: fjall::Result<_> = Table::ALL.into_iter().map(open).collect();
        Ok(Self {
            tables: tables?,
            database,
        })
    }

    /// One synced write for all of them.
    fn commit(&self, records: &mut Vec<Record>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let mut batch = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for Record { table, key, value } in records.drain(..) {
            let table = &self.tables[table as usize];
            match value {
                Some(value) => batch.insert(table, key, value),
                None => batch.remove(table, key),
            }
        }
        batch.commit()?;
        Ok(())
    }
}

/// The loop as a bench has it: take, commit, answer.
fn serve(
    mut hub: Hub,
    net: &Net,
    mut events: Receiver<NetEvent>,
    store: &Store,
    end: &AtomicBool,
) -> Result<()> {
    let begin = Instant::now();
    let (mut batch, mut records, mut outputs) = (Vec::new(), Vec::new(), Vec::<HubOutput>::new());
    let mut seen = Vec::new();
    while !end.load(Ordering::Relaxed) {
        let mut bytes = 0;
        while bytes < TAKES
            && let Ok(event) = events.try_recv()
        {
            if let NetEvent::Data { bytes: data, .. } = &event {
                bytes += data.len();
            }
            batch.push(event);
        }
        if batch.is_empty() {
            std::thread::sleep(std::time::Duration::from_micros(100));
            continue;
        }
        let now = VirtualTime::from_nanos(u64::try_from(begin.elapsed().as_nanos())?);
        for event in batch.drain(..) {
            match event {
                NetEvent::Opened { id, peer, .. } => hub.open(id, &peer, now),
                NetEvent::Data { id, bytes } => hub.receive(id, &bytes, now),
                NetEvent::Closed { id } => hub.disconnected(id, now),
            }
        }
        hub.tick(now);
        // A consumer that keeps up, so that the log's memory stays small.
        let ends: Vec<u64> = hub.log().partitions().map(|info| info.next).collect();
        for (partition, next) in (0u16..).zip(ends) {
            hub.set_checkpoint(DEFAULT_GROUP, partition, next)?;
        }
        hub.drain_records(&mut records);
        store.commit(&mut records)?;
        hub.drain_events(&mut seen);
        seen.clear();
        hub.drain_outputs(&mut outputs);
        for output in outputs.drain(..) {
            net.apply(&output);
        }
    }
    Ok(())
}
