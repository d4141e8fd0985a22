//! A hub in a loop with a store, and its AMQP endpoint on a free port.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use tokio::task::JoinHandle;
use twinbench_hub::{
    Hub, Options, Permission, Policy, SymmetricKey,
    amqp::{AmqpListener, AmqpOptions, AmqpServer, Archive, ArchiveError},
    derive_key,
    handle::{HubHandle, HubJobs, hub_handle},
    log::{decode_event, event_key},
};
use twinbench_model::{DeviceId, Epoch, EventData, Message, Record, Table, VirtualTime};

type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// What the loop commits to, and the archive reads from.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<Rows>>);

struct StoredEvents(Store, Epoch);

impl Archive for StoredEvents {
    fn read(&self, partition: u16, from: u64, max: usize) -> Result<Vec<EventData>, ArchiveError> {
        let rows = self.0.0.lock().unwrap();
        let key = |position| (Table::HubEvents, event_key(partition, position));
        let events = rows.range(key(from)..=key(u64::MAX)).take(max);
        let events = events.filter_map(|((_, key), value)| {
            decode_event(key, value, self.1)
                .map_err(|error| ArchiveError(error.to_string()))
                .transpose()
        });
        events.collect()
    }
}

pub(crate) struct Served {
    pub(crate) handle: HubHandle,
    pub(crate) server: AmqpServer,
    store: Store,
    listener: AmqpListener,
    looping: JoinHandle<()>,
    /// Added to the hub's time, in seconds.
    ahead: Arc<Mutex<u64>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.looping.abort();
    }
}

pub(crate) fn key(byte: u8) -> SymmetricKey {
    SymmetricKey::new(&[byte; 32]).unwrap()
}

pub(crate) fn id(text: &str) -> DeviceId {
    DeviceId::new(text).unwrap()
}

/// The defaults with the policies that the tests sign with.
pub(crate) fn options() -> Options {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let now = jiff::Timestamp::from_second(now.as_secs() as i64).unwrap();
    let mut options = Options::new(Epoch::new(now));
    for (name, byte, permission) in [
        ("service", 1, Permission::ServiceConnect),
        ("device", 2, Permission::DeviceConnect),
    ] {
        options.policies.push(Policy {
            name: name.into(),
            primary: key(byte),
            secondary: key(byte + 100),
            permissions: vec![permission],
        });
    }
    options
}

pub(crate) async fn serve(options: Options) -> Served {
    let mut hub = Hub::new(options.clone()).unwrap();
    for device in ["dev1", "dev2", "dev3", "dev4", "dev5", "dev6"] {
        let device = id(device);
        let key = derive_key(1, &device);
        hub.add_device(device, key.clone(), key, VirtualTime::ZERO)
            .unwrap();
    }
    serve_hub(hub, options, Store::default(), 0).await
}

async fn serve_hub(hub: Hub, options: Options, store: Store, ahead: u64) -> Served {
    let (handle, jobs) = hub_handle();
    let epoch = options.epoch;
    let archive = Arc::new(StoredEvents(store.clone(), epoch));
    let server = AmqpServer::new(AmqpOptions::default(), options, handle.clone(), archive);
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let listener = server.listen(any, None).await.unwrap();
    let ahead = Arc::new(Mutex::new(ahead));
    let looping = tokio::spawn(run(hub, jobs, store.clone(), Arc::clone(&ahead)));
    Served {
        handle,
        server,
        store,
        listener,
        looping,
        ahead,
    }
}

/// The loop around the hub as a bench has it: closures, commit, answers.
async fn run(mut hub: Hub, mut jobs: HubJobs, store: Store, ahead: Arc<Mutex<u64>>) {
    let started = Instant::now();
    loop {
        let now = started.elapsed() + Duration::from_secs(*ahead.lock().unwrap());
        let now = VirtualTime::from_nanos(now.as_nanos() as u64);
        jobs.run(&mut hub, now);
        hub.tick(now);
        let mut records = Vec::new();
        hub.drain_records(&mut records);
        hub.drain_outputs(&mut Vec::new());
        hub.drain_events(&mut Vec::new());
        {
            let mut rows = store.0.lock().unwrap();
            for Record { table, key, value } in records {
                match value {
                    Some(value) => rows.insert((table, key), value),
                    None => rows.remove(&(table, key)),
                };
            }
        }
        jobs.committed(&hub);
        let _ = tokio::time::timeout(Duration::from_millis(20), jobs.ready()).await;
    }
}

impl Served {
    pub(crate) fn port(&self) -> u16 {
        self.listener.address().port()
    }

    /// The connection string of the built-in endpoint, plain, with a policy's key.
    pub(crate) fn endpoint(&self, policy: &str, key: &SymmetricKey) -> String {
        format!(
            "Endpoint=sb://localhost:{};SharedAccessKeyName={policy};SharedAccessKey={};\
             EntityPath=hub;UseDevelopmentEmulator=true",
            self.port(),
            key.to_base64()
        )
    }

    pub(crate) async fn publish(&self, device: &str, message: Message) -> (u16, u64) {
        let device = id(device);
        let publish = move |hub: &mut Hub, now| hub.publish(&device, message, now).unwrap();
        self.handle.run(publish).await.unwrap()
    }

    /// Publishes a body that is its number.
    pub(crate) async fn publish_number(&self, device: &str, number: usize) -> (u16, u64) {
        let message = Message {
            body: number.to_string().into(),
            ..Message::default()
        };
        self.publish(device, message).await
    }

    /// Lets the hub's time jump.
    pub(crate) fn advance(&self, seconds: u64) {
        *self.ahead.lock().unwrap() += seconds;
    }

    /// Ends the loop and starts another hub from what was stored.
    pub(crate) async fn restart(self, options: Options) -> Self {
        let ahead = *self.ahead.lock().unwrap() + 5;
        let store = self.store.clone();
        drop(self);
        let records: Vec<_> = {
            let rows = store.0.lock().unwrap();
            let put = |((table, key), value): (&(Table, Vec<u8>), &Vec<u8>)| {
                Record::put(*table, key.clone(), value.clone())
            };
            rows.iter().map(put).collect()
        };
        let hub = Hub::restore(options.clone(), records).unwrap();
        serve_hub(hub, options, store, ahead).await
    }
}
