//! The way to engines that run in somebody else's loop.
//!
//! One loop owns the engines, gives them time and commits their records. Who is driven by tokio
//! holds an [`EngineHandle`] and sends it closures. Their answers, and work for workers, are let
//! out only after the loop has committed, so nobody outside learns of what a crash could undo:
//!
//! ```text
//! edge:  handle.run("hub", |engine, now| …).await ──────────────────────────────► answer
//! loop:                jobs.run(engines, now) ► engine.run(now) ► commit ► jobs.committed(engines, now)
//! ```

use std::{collections::BTreeMap, fmt, sync::Arc};

use tokio::sync::{Notify, mpsc, oneshot};
use twinbench_engine::Engine;
use twinbench_model::{Epoch, VirtualTime};

use crate::workers::Workers;

/// Closures that one call of [`EngineJobs::run`] runs at most: they share a commit.
const AT_ONCE: usize = 4_096;

type Answer = Box<dyn FnOnce() + Send>;
type Job = Box<dyn FnOnce(&mut dyn Engines, &mut Desks, VirtualTime) -> Answer + Send>;
/// Looks at an engine after a commit; `true` when it need not look again.
type Watch = Box<dyn FnMut(&Engine) -> bool + Send>;

/// The engines of a loop, by the name of their task hub.
pub trait Engines {
    /// The engine of a task hub; `None` when there is no such hub and none is made.
    fn engine(&mut self, hub: &str) -> Option<&mut Engine>;

    /// Empties a task hub, or with `keep` false removes it; false when hubs are fixed here.
    fn clear(&mut self, hub: &str, keep: bool) -> bool {
        let _ = (hub, keep);
        false
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// The loop has ended; whether what was asked for was done is not known.
    #[error("the engine has ended: connect again when it is back")]
    Gone,
    /// There is no such task hub.
    #[error("there is no task hub {0:?}: use a name of 1 to 64 letters, digits, - and _")]
    NoHub(String),
}

/// Runs closures on engines. Cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    jobs: mpsc::UnboundedSender<Job>,
    waiting: Arc<Notify>,
    epoch: Epoch,
}

/// What belongs to one task hub beside its engine.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) workers: Workers,
    watches: Vec<Watch>,
}

/// The desks of all task hubs.
#[derive(Default)]
pub(crate) struct Desks(BTreeMap<String, Desk>);

impl Desks {
    pub(crate) fn of(&mut self, hub: &str) -> &mut Desk {
        self.0.entry(hub.to_owned()).or_default()
    }
}

/// The loop's side of the handles.
pub struct EngineJobs {
    jobs: mpsc::UnboundedReceiver<Job>,
    waiting: Arc<Notify>,
    answers: Vec<Answer>,
    desks: Desks,
}

/// Makes a handle and the loop's side of it; `epoch` is that of the engines.
pub fn engine_handle(epoch: Epoch) -> (EngineHandle, EngineJobs) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(Notify::new());
    let handle = EngineHandle {
        jobs: sender,
        waiting: Arc::clone(&waiting),
        epoch,
    };
    let jobs = EngineJobs {
        jobs: receiver,
        waiting,
        answers: Vec::new(),
        desks: Desks::default(),
    };
    (handle, jobs)
}

impl EngineHandle {
    /// The UTC instant of virtual time zero.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Runs a closure on a task hub's engine and gives its result once what it changed, and what
    /// followed from it at once, is durable.
    ///
    /// # Errors
    /// When the engines' loop has ended, or there is no such task hub.
    pub async fn run<T: Send + 'static>(
        &self,
        hub: &str,
        work: impl FnOnce(&mut Engine, VirtualTime) -> T + Send + 'static,
    ) -> Result<T, HandleError> {
        self.with_desk(hub, move |engine, _, now| work(engine, now))
            .await
    }

    /// Waits until a closure gives something; it is asked now, and after each commit.
    ///
    /// # Errors
    /// When the engines' loop has ended, or there is no such task hub.
    pub async fn until<T: Send + 'static>(
        &self,
        hub: &str,
        mut look: impl FnMut(&Engine) -> Option<T> + Send + 'static,
    ) -> Result<T, HandleError> {
        let (give, take) = oneshot::channel();
        let mut give = Some(give);
        let watch: Watch = Box::new(move |engine| {
            if give.as_ref().is_none_or(oneshot::Sender::is_closed) {
                return true;
            }
            let Some(found) = look(engine) else {
                return false;
            };
            if let Some(give) = give.take() {
                // Who waited may just have gone.
                let _ = give.send(found);
            }
            true
        });
        self.with_desk(hub, move |_, desk, _| desk.watches.push(watch))
            .await?;
        take.await.map_err(|_| HandleError::Gone)
    }

    /// Empties a task hub, or removes it. False when hubs are fixed.
    pub(crate) async fn clear(&self, hub: &str, keep: bool) -> Result<bool, HandleError> {
        let hub = hub.to_owned();
        self.send(move |engines, desks, _| {
            let cleared = engines.clear(&hub, keep);
            if cleared {
                desks.of(&hub).workers.forget_work();
            }
            cleared
        })
        .await
    }

    /// Runs a closure on a task hub's engine and what belongs to it.
    pub(crate) async fn with_desk<T: Send + 'static>(
        &self,
        hub: &str,
        work: impl FnOnce(&mut Engine, &mut Desk, VirtualTime) -> T + Send + 'static,
    ) -> Result<T, HandleError> {
        let hub = hub.to_owned();
        self.send(move |engines, desks, now| match engines.engine(&hub) {
            Some(engine) => Ok(work(engine, desks.of(&hub), now)),
            None => Err(HandleError::NoHub(hub.chars().take(100).collect())),
        })
        .await?
    }

    /// The same without waiting for it, for places that cannot wait.
    pub(crate) fn tell(
        &self,
        hub: &str,
        work: impl FnOnce(&mut Engine, &mut Desk, VirtualTime) + Send + 'static,
    ) {
        let hub = hub.to_owned();
        let job: Job = Box::new(move |engines, desks, now| {
            if let Some(engine) = engines.engine(&hub) {
                work(engine, desks.of(&hub), now);
            }
            Box::new(|| {})
        });
        // When the loop has ended there is nothing left to tell.
        let _ = self.jobs.send(job);
        self.waiting.notify_one();
    }

    /// Takes items back from workers that keep them for too long.
    pub(crate) fn sweep(&self, activities: bool) {
        let job: Job = Box::new(move |engines, desks, now| {
            for (hub, desk) in &mut desks.0 {
                if let Some(engine) = engines.engine(hub) {
                    desk.workers.sweep(engine, activities, now);
                }
            }
            Box::new(|| {})
        });
        // When the loop has ended there is nothing left to take back.
        let _ = self.jobs.send(job);
        self.waiting.notify_one();
    }

    async fn send<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Engines, &mut Desks, VirtualTime) -> T + Send + 'static,
    ) -> Result<T, HandleError> {
        let (give, take) = oneshot::channel();
        let job: Job = Box::new(move |engines, desks, now| {
            let result = work(engines, desks, now);
            Box::new(move || {
                // Who asked may have gone; its work is done all the same.
                let _ = give.send(result);
            })
        });
        self.jobs.send(job).map_err(|_| HandleError::Gone)?;
        self.waiting.notify_one();
        take.await.map_err(|_| HandleError::Gone)
    }
}

impl EngineJobs {
    /// Runs the closures that wait, many of them at most. `true` when there were any: the caller
    /// then lets the engines run, commits their records and calls [`EngineJobs::committed`].
    pub fn run(&mut self, engines: &mut dyn Engines, now: VirtualTime) -> bool {
        for _ in 0..AT_ONCE {
            let Ok(job) = self.jobs.try_recv() else {
                break;
            };
            self.answers.push(job(engines, &mut self.desks, now));
        }
        if !self.jobs.is_empty() {
            self.waiting.notify_one();
        }
        !self.answers.is_empty()
    }

    /// To be called after every commit of the engines' records: gives the answers of the closures
    /// that ran, tells those who wait, and gives work to workers. What workers answer comes in as
    /// closures.
    pub fn committed(&mut self, engines: &mut dyn Engines, now: VirtualTime) {
        for answer in self.answers.drain(..) {
            answer();
        }
        for (hub, desk) in &mut self.desks.0 {
            if desk.watches.is_empty() && desk.workers.is_empty() {
                continue;
            }
            if let Some(engine) = engines.engine(hub) {
                desk.watches.retain_mut(|watch| !watch(engine));
                desk.workers.give_out(engine, now);
            }
        }
    }

    /// Waits until a closure may be waiting. The loop can await this beside its sockets, and from
    /// another thread; it may return once with nothing to do.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + use<> {
        let waiting = Arc::clone(&self.waiting);
        async move { waiting.notified().await }
    }

    /// How many workers are connected, of all task hubs.
    pub fn workers(&self) -> usize {
        self.desks.0.values().map(|desk| desk.workers.len()).sum()
    }

    /// Whether a closure waits.
    pub fn is_waiting(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Whether every handle is gone, so that no closure will ever come.
    pub fn is_closed(&self) -> bool {
        self.jobs.is_closed()
    }
}

impl fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineHandle").finish_non_exhaustive()
    }
}

impl fmt::Debug for EngineJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineJobs").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::yield_now;
    use twinbench_engine::StartRequest;

    /// One engine, for a hub that is there from the beginning.
    struct One(Engine);

    impl Engines for One {
        fn engine(&mut self, hub: &str) -> Option<&mut Engine> {
            (hub == "bench").then_some(&mut self.0)
        }
    }

    fn make() -> (EngineHandle, EngineJobs, One) {
        let (handle, jobs) = engine_handle(Epoch::new(jiff::Timestamp::UNIX_EPOCH));
        (handle, jobs, One(Engine::builder().remote(true).build()))
    }

    fn start(engine: &mut Engine, now: VirtualTime) -> String {
        let request = StartRequest {
            instance: Some("i".to_owned()),
            ..StartRequest::new("o")
        };
        engine.start_with(request, now).unwrap()
    }

    #[tokio::test]
    async fn answers_and_watches_wait_for_the_commit() {
        let (handle, mut jobs, mut engines) = make();
        let now = VirtualTime::from_secs(1);
        let other = handle.clone();
        let look = |engine: &Engine| {
            engine
                .instance("i")
                .map(twinbench_engine::Instance::created)
        };
        let watching = tokio::spawn(async move { other.until("bench", look).await });
        jobs.ready().await;
        assert!(jobs.run(&mut engines, now));
        jobs.committed(&mut engines, now);
        let asking = tokio::spawn(async move { handle.run("bench", start).await });
        jobs.ready().await;
        while !jobs.run(&mut engines, now) {
            yield_now().await;
        }
        engines.0.run(now);
        yield_now().await;
        assert!(!asking.is_finished() && !watching.is_finished());
        engines.0.drain_records(&mut Vec::new());
        jobs.committed(&mut engines, now);
        assert_eq!(asking.await.unwrap().unwrap(), "i");
        assert_eq!(watching.await.unwrap().unwrap(), now);
    }

    #[tokio::test]
    async fn other_hubs_and_an_ended_loop_are_told() {
        let (handle, mut jobs, mut engines) = make();
        let other = handle.clone();
        let asking = tokio::spawn(async move { other.run("elsewhere", |_, now| now).await });
        jobs.ready().await;
        jobs.run(&mut engines, VirtualTime::ZERO);
        jobs.committed(&mut engines, VirtualTime::ZERO);
        let told = asking.await.unwrap();
        assert_eq!(told, Err(HandleError::NoHub("elsewhere".to_owned())));
        // Hubs that are fixed are not emptied.
        let other = handle.clone();
        let clearing = tokio::spawn(async move { other.clear("bench", true).await });
        jobs.ready().await;
        jobs.run(&mut engines, VirtualTime::ZERO);
        jobs.committed(&mut engines, VirtualTime::ZERO);
        assert_eq!(clearing.await.unwrap(), Ok(false));
        drop(jobs);
        assert_eq!(
            handle.run("bench", |_, now| now).await,
            Err(HandleError::Gone)
        );
    }
}
