//! A loop of its own for engines, one for each task hub, and the store behind them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use twinbench_engine::{
    Engine, Functions, Limits, RestoreError,
    store::{self, Store},
};
use twinbench_model::{Epoch, Record, Table, VirtualTime};

use crate::handle::{EngineHandle, EngineJobs, Engines, engine_handle};

/// The longest sleep of a loop in which nothing happens.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);
/// The key, in the bench's table, of the latest time that a virtual clock has shown.
const LATEST: &[u8] = b"durabletask-now";

/// How time goes on in a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// With the wall clock.
    #[default]
    Wall,
    /// From timer to timer, as soon as nothing else is left to do: time stands while a work item
    /// waits for a worker or is out at one. It begins with the latest time of the run before.
    Virtual,
}

/// What a host is made with.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The UTC instant of virtual time zero: the same for the whole life of a store.
    pub epoch: Epoch,
    /// How time goes on.
    pub pace: Pace,
    /// What the engines refuse; inputs and outputs of up to 1 MiB are taken unless told otherwise.
    pub limits: Limits,
    /// Functions that are run in the host itself; all others are work for workers.
    pub functions: Functions,
    /// How many task hubs there may be.
    pub hubs: usize,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            epoch: Epoch::new(Timestamp::UNIX_EPOCH),
            pace: Pace::Wall,
            // What Azure's scheduler takes.
            limits: Limits {
                payload: 1 << 20,
                ..Limits::default()
            },
            functions: Functions::new(),
            hubs: 1_000,
        }
    }
}

/// Why a host cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What is stored is not the state of an engine.
    #[error("task hub {hub:?} cannot be read: {cause}")]
    Restore {
        /// The task hub.
        hub: String,
        /// What is wrong.
        #[source]
        cause: RestoreError,
    },
    /// A stored row belongs to no task hub.
    #[error("the store holds a row of no task hub: give the folder of a Durable Task server")]
    Row,
    /// The thread could not be made, or ended by a panic.
    #[error("the engines' thread failed: {0}")]
    Thread(String),
}

/// Engines in a thread of their own.
pub struct Host {
    stop: Arc<Notify>,
    thread: thread::JoinHandle<Result<(), HostError>>,
    ended: Option<oneshot::Receiver<()>>,
}

impl Host {
    /// Restores what a store holds and begins to run it.
    ///
    /// # Errors
    /// When the store cannot be read, or holds something else.
    pub fn start(
        mut store: Box<dyn Store + Send>,
        options: HostOptions,
    ) -> Result<(Self, EngineHandle), HostError> {
        let mut hubs = Hubs::new(options);
        hubs.restore(store.as_mut())?;
        let (handle, jobs) = engine_handle(hubs.options.epoch);
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let (ending, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|cause| HostError::Thread(cause.to_string()))?;
        let thread = thread::Builder::new()
            .name("durable-engines".to_owned())
            .spawn(move || {
                let result = runtime.block_on(hubs.run(store.as_mut(), jobs, &stopped));
                drop(ending);
                result
            })
            .map_err(|cause| HostError::Thread(cause.to_string()))?;
        let host = Self {
            stop,
            thread,
            ended: Some(ended),
        };
        Ok((host, handle))
    }

    /// Waits until the host has ended by itself, which it does when its store fails.
    pub async fn ended(&mut self) {
        if let Some(ended) = &mut self.ended {
            // It never says anything: it is dropped.
            let _ = ended.await;
            self.ended = None;
        }
    }

    /// Ends it, after what has come in is committed, and waits for that.
    ///
    /// # Errors
    /// Why it had ended before.
    pub fn stop(self) -> Result<(), HostError> {
        self.stop.notify_one();
        match self.thread.join() {
            Ok(result) => result,
            Err(_) => Err(HostError::Thread("it panicked".to_owned())),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

/// The engines, by task hub.
struct Hubs {
    options: HostOptions,
    engines: BTreeMap<String, Engine>,
    /// Hubs whose rows are to be deleted, before their new engines' rows are written.
    cleared: BTreeSet<String>,
    now: VirtualTime,
}

impl Engines for Hubs {
    fn engine(&mut self, hub: &str) -> Option<&mut Engine> {
        if !self.engines.contains_key(hub) {
            if !is_name(hub) || self.engines.len() >= self.options.hubs {
                return None;
            }
            let engine = self.make();
            self.engines.insert(hub.to_owned(), engine);
        }
        self.engines.get_mut(hub)
    }

    fn clear(&mut self, hub: &str, keep: bool) -> bool {
        if !is_name(hub) {
            return false;
        }
        self.cleared.insert(hub.to_owned());
        self.engines.remove(hub);
        !keep || self.engine(hub).is_some()
    }
}

/// A name of 1 to 64 letters, digits, `-` and `_`.
fn is_name(hub: &str) -> bool {
    (1..=64).contains(&hub.len())
        && hub
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl Hubs {
    fn new(options: HostOptions) -> Self {
        Self {
            options,
            engines: BTreeMap::new(),
            cleared: BTreeSet::new(),
            now: VirtualTime::ZERO,
        }
    }

    fn make(&self) -> Engine {
        Engine::builder()
            .epoch(self.options.epoch)
            .limits(self.options.limits)
            .functions(self.options.functions.clone())
            .remote(true)
            .journal(false)
            .build()
    }

    fn restore(&mut self, store: &mut dyn Store) -> Result<(), HostError> {
        let mut rows: BTreeMap<String, Vec<store::Row>> = BTreeMap::new();
        for (key, value) in store.load(Table::Engine)? {
            let (hub, rest) = split_key(&key).ok_or(HostError::Row)?;
            let hub = hub.to_owned();
            rows.entry(hub).or_default().push((rest.to_vec(), value));
        }
        for (hub, rows) in rows {
            let mut engine = self.make();
            let restored = engine.restore(rows);
            restored.map_err(|cause| HostError::Restore {
                hub: hub.clone(),
                cause,
            })?;
            self.engines.insert(hub, engine);
        }
        for (key, value) in store.load(Table::Bench)? {
            if let (LATEST, Ok(nanos)) = (key.as_slice(), value.try_into()) {
                self.now = VirtualTime::from_nanos(u64::from_be_bytes(nanos));
            }
        }
        Ok(())
    }

    async fn run(
        &mut self,
        store: &mut dyn Store,
        mut jobs: EngineJobs,
        stop: &Notify,
    ) -> Result<(), HostError> {
        let mut records = Vec::new();
        let mut shown = self.now;
        loop {
            if self.options.pace == Pace::Wall {
                self.now = self.now.max(self.wall());
            }
            let now = self.now;
            jobs.run(self, now);
            if !self.cleared.is_empty() {
                for (key, _) in store.load(Table::Engine)? {
                    if split_key(&key).is_some_and(|(hub, _)| self.cleared.contains(hub)) {
                        records.push(Record::delete(Table::Engine, key));
                    }
                }
                self.cleared.clear();
            }
            for (hub, engine) in &mut self.engines {
                engine.run(now);
                let before = records.len();
                engine.drain_records(&mut records);
                for record in &mut records[before..] {
                    record.key = join_key(hub, &record.key);
                }
            }
            if self.options.pace == Pace::Virtual && shown != now {
                shown = now;
                let latest = now.as_nanos().to_be_bytes();
                records.push(Record::put(Table::Bench, LATEST, latest));
            }
            if !records.is_empty() {
                store.commit(&records)?;
                records.clear();
            }
            jobs.committed(self, now);
            let sleep = match self.next() {
                Some(next) if next <= self.now => Duration::ZERO,
                Some(next) if self.options.pace == Pace::Virtual => {
                    if !jobs.is_waiting() && self.is_idle() {
                        self.now = next;
                        Duration::ZERO
                    } else {
                        LONGEST_SLEEP
                    }
                }
                Some(next) => {
                    Duration::from_nanos(next.since(self.wall()).as_nanos()).min(LONGEST_SLEEP)
                }
                None => LONGEST_SLEEP,
            };
            if sleep.is_zero() {
                // Closures come in between, and the request to stop.
                tokio::select! {
                    biased;
                    () = stop.notified() => return Ok(()),
                    () = std::future::ready(()) => continue,
                }
            }
            tokio::select! {
                biased;
                () = stop.notified() => {
                    // What came in last is answered as well.
                    if jobs.is_waiting() {
                        stop.notify_one();
                        continue;
                    }
                    return Ok(());
                }
                () = jobs.ready() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// When something is to be done without anything coming in.
    fn next(&self) -> Option<VirtualTime> {
        let timer = self.engines.values().filter_map(Engine::next_timer).min();
        let now = self.now;
        let offer = self
            .engines
            .values()
            .filter_map(Engine::next_offer)
            .filter(|at| *at > now)
            .min();
        timer.into_iter().chain(offer).min()
    }

    /// Whether no work item is out at a worker or could be.
    fn is_idle(&self) -> bool {
        self.engines
            .values()
            .all(|engine| engine.out() == 0 && engine.next_offer().is_none_or(|at| at > self.now))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the host is an edge: it gives its engines the wall clock's time"
    )]
    fn wall(&self) -> VirtualTime {
        Timestamp::try_from(SystemTime::now())
            .ok()
            .and_then(|now| self.options.epoch.virtual_time(now))
            .unwrap_or_default()
    }
}

/// The hub's length, the hub, the engine's key.
fn join_key(hub: &str, key: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(1 + hub.len() + key.len());
    // Names have 64 bytes at most.
    joined.push(hub.len() as u8);
    joined.extend(hub.as_bytes());
    joined.extend(key);
    joined
}

fn split_key(key: &[u8]) -> Option<(&str, &[u8])> {
    let (&length, rest) = key.split_first()?;
    let (hub, key) = rest.split_at_checked(usize::from(length))?;
    let hub = std::str::from_utf8(hub).ok().filter(|hub| is_name(hub))?;
    Some((hub, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::HandleError;
    use std::sync::Mutex;
    use tokio::time::Instant;
    use twinbench_engine::{StartRequest, Status, store::MemoryStore};

    /// A store that outlives its host, and can be told to fail.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<(MemoryStore, bool)>>);

    impl Store for Shared {
        fn load(&mut self, table: Table) -> Result<Vec<store::Row>, store::Error> {
            self.0.lock().unwrap().0.load(table)
        }

        fn commit(&mut self, records: &[Record]) -> Result<(), store::Error> {
            let (store, fails) = &mut *self.0.lock().unwrap();
            if *fails {
                let folder = "full".into();
                return Err(store::Error::Full { folder });
            }
            store.commit(records)
        }
    }

    fn start(store: &Shared, pace: Pace) -> (Host, EngineHandle) {
        let options = HostOptions {
            pace,
            ..HostOptions::default()
        };
        Host::start(Box::new(store.clone()), options).unwrap()
    }

    async fn begin(handle: &EngineHandle, hub: &str, id: &str) -> Result<(), HandleError> {
        let request = StartRequest {
            instance: Some(id.to_owned()),
            ..StartRequest::new("o")
        };
        handle
            .run(hub, |engine, now| engine.start_with(request, now).unwrap())
            .await
            .map(drop)
    }

    async fn is_there(handle: &EngineHandle, hub: &str, id: &'static str) -> bool {
        let look = move |engine: &mut Engine, _| engine.instance(id).is_some();
        handle.run(hub, look).await.unwrap()
    }

    #[tokio::test]
    async fn hubs_are_kept_apart_and_restored() {
        let store = Shared::default();
        let (host, handle) = start(&store, Pace::Wall);
        begin(&handle, "a", "one").await.unwrap();
        begin(&handle, "ab", "two").await.unwrap();
        assert!(handle.clear("b", true).await.unwrap());
        host.stop().unwrap();
        let (host, handle) = start(&store, Pace::Wall);
        assert!(is_there(&handle, "a", "one").await);
        assert!(is_there(&handle, "ab", "two").await);
        assert!(!is_there(&handle, "a", "two").await);
        // What is removed stays so.
        assert!(handle.clear("a", false).await.unwrap());
        host.stop().unwrap();
        let (host, handle) = start(&store, Pace::Wall);
        assert!(!is_there(&handle, "a", "one").await);
        assert!(is_there(&handle, "ab", "two").await);
        let refused = handle.run("not a name", |_, _| ()).await;
        assert!(matches!(refused, Err(HandleError::NoHub(_))));
        host.stop().unwrap();
        assert_eq!(handle.run("a", |_, _| ()).await, Err(HandleError::Gone));
    }

    #[tokio::test]
    async fn nothing_is_answered_that_could_not_be_stored() {
        let store = Shared::default();
        let (mut host, handle) = start(&store, Pace::Wall);
        begin(&handle, "a", "one").await.unwrap();
        store.0.lock().unwrap().1 = true;
        assert_eq!(begin(&handle, "a", "two").await, Err(HandleError::Gone));
        host.ended().await;
        assert!(matches!(
            host.stop(),
            Err(HostError::Store(store::Error::Full { .. }))
        ));
        store.0.lock().unwrap().1 = false;
        let (host, handle) = start(&store, Pace::Wall);
        assert!(is_there(&handle, "a", "one").await);
        assert!(!is_there(&handle, "a", "two").await);
        host.stop().unwrap();
    }

    #[tokio::test]
    async fn virtual_time_goes_to_the_next_timer_and_on_after_a_restart() {
        let store = Shared::default();
        let year = VirtualTime::from_secs(365 * 86_400);
        let (host, handle) = start(&store, Pace::Virtual);
        let request = StartRequest {
            instance: Some("later".to_owned()),
            scheduled_start: Some(year),
            ..StartRequest::new("o")
        };
        let begun = Instant::now();
        handle
            .run("a", |engine, now| engine.start_with(request, now).unwrap())
            .await
            .unwrap();
        // It is work for a worker then, and time stands: none is there.
        let waiting = |engine: &Engine| (engine.work_waiting() > 0).then(|| engine.now());
        assert_eq!(handle.until("a", waiting).await.unwrap(), year);
        assert!(begun.elapsed() < Duration::from_secs(10));
        host.stop().unwrap();
        let (host, handle) = start(&store, Pace::Virtual);
        let (now, status) = handle
            .run("a", |engine, now| {
                (now, engine.instance("later").unwrap().status())
            })
            .await
            .unwrap();
        assert_eq!((now, status), (year, Status::Pending));
        host.stop().unwrap();
    }

    #[test]
    fn keys_are_split_as_they_were_joined() {
        assert_eq!(
            split_key(&join_key("hub", b"key")),
            Some(("hub", b"key".as_slice()))
        );
        assert_eq!(split_key(&join_key("h", b"")), Some(("h", b"".as_slice())));
        for wrong in [b"".as_slice(), b"\x05ab", b"\x00ab", b"\x02a ", b"\x01\xff"] {
            assert_eq!(split_key(wrong), None, "{wrong:?}");
        }
    }
}
