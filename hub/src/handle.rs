//! The way to a hub that runs in somebody else's loop.
//!
//! The hub is owned by one loop, which gives it time and commits its records. Edges that tokio
//! drives (AMQP, REST) hold a [`HubHandle`] and send it closures. An answer is given only
//! after the loop has committed, so nobody outside learns of what a crash could still undo:
//!
//! ```text
//! edge:  handle.run(|hub, now| …).await ───────────────────────────────► answer
//! loop:                    jobs.run(&mut hub, now) ► commit records ► jobs.committed(&hub)
//! ```

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use twinbench_model::VirtualTime;

use crate::Hub;

/// Closures that may wait for the loop; beyond, who sends one waits.
const WAITING: usize = 1_024;
/// Closures that one call of [`HubJobs::run`] runs at most, so that devices get their turn.
const AT_ONCE: usize = 256;

type Answer = Box<dyn FnOnce() + Send>;
type Job = Box<dyn FnOnce(&mut Hub, VirtualTime) -> Answer + Send>;

/// Runs closures on the hub. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HubHandle {
    jobs: mpsc::Sender<Job>,
    waiting: Arc<Notify>,
    ends: watch::Receiver<Vec<u64>>,
}

/// The loop's side of the handles.
pub struct HubJobs {
    jobs: mpsc::Receiver<Job>,
    waiting: Arc<Notify>,
    answers: Vec<Answer>,
    ends: watch::Sender<Vec<u64>>,
}

/// The hub's loop has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub has ended")]
pub struct HubGone;

/// Makes a handle and the loop's side of it.
pub fn hub_handle() -> (HubHandle, HubJobs) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let (ends, seen) = watch::channel(Vec::new());
    let waiting = Arc::new(Notify::new());
    let handle = HubHandle {
        jobs: sender,
        waiting: Arc::clone(&waiting),
        ends: seen,
    };
    let jobs = HubJobs {
        jobs: receiver,
        waiting,
        answers: Vec::new(),
        ends,
    };
    (handle, jobs)
}

impl HubHandle {
    /// Runs a closure on the hub and gives its result once what it changed is durable.
    ///
    /// # Errors
    /// When the hub's loop has ended.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hub, VirtualTime) -> T + Send + 'static,
    ) -> Result<T, HubGone> {
        let (give, take) = oneshot::channel();
        let job: Job = Box::new(move |hub, now| {
            let result = work(hub, now);
            Box::new(move || {
                // Who asked may have gone; its work is done all the same.
                let _ = give.send(result);
            })
        });
        self.jobs.send(job).await.map_err(|_| HubGone)?;
        self.waiting.notify_one();
        take.await.map_err(|_| HubGone)
    }

    /// The next position of each partition as far as it is durable; changes as messages come in.
    pub fn ends(&self) -> watch::Receiver<Vec<u64>> {
        self.ends.clone()
    }
}

impl HubJobs {
    /// Runs the closures that wait, at most 256 of them. `true` when there were any: the caller
    /// then commits the hub's records and calls [`HubJobs::committed`].
    pub fn run(&mut self, hub: &mut Hub, now: VirtualTime) -> bool {
        for _ in 0..AT_ONCE {
            let Ok(job) = self.jobs.try_recv() else {
                break;
            };
            self.answers.push(job(hub, now));
        }
        if !self.jobs.is_empty() {
            self.waiting.notify_one();
        }
        !self.answers.is_empty()
    }

    /// To be called after every commit of the hub's records: gives the answers of the closures
    /// that ran, and tells readers of the event log how far it reaches.
    pub fn committed(&mut self, hub: &Hub) {
        for answer in self.answers.drain(..) {
            answer();
        }
        let new = || hub.log().partitions().map(|info| info.next);
        self.ends.send_if_modified(|ends| {
            let changed = !ends.iter().copied().eq(new());
            if changed {
                *ends = new().collect();
            }
            changed
        });
    }

    /// Waits until a closure may be waiting. The loop can await this beside its sockets, and from
    /// another thread; it may return once with nothing to do.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + use<> {
        let waiting = Arc::clone(&self.waiting);
        async move { waiting.notified().await }
    }
}

impl std::fmt::Debug for HubJobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubJobs").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use twinbench_model::{DeviceId, Epoch, Message};

    fn hub() -> Hub {
        let epoch = Epoch::new(jiff::Timestamp::UNIX_EPOCH);
        let mut hub = Hub::new(Options::new(epoch)).unwrap();
        let id = DeviceId::new("d").unwrap();
        let key = crate::derive_key(1, &id);
        hub.add_device(id, key.clone(), key, VirtualTime::ZERO)
            .unwrap();
        hub
    }

    #[tokio::test]
    async fn an_answer_waits_for_the_commit() {
        let (handle, mut jobs) = hub_handle();
        let mut hub = hub();
        jobs.committed(&hub);
        let ends = handle.ends();
        assert_eq!(*ends.borrow(), [0; 4]);
        let asked = tokio::spawn(async move {
            let publish = |hub: &mut Hub, now| {
                let id = DeviceId::new("d").unwrap();
                hub.publish(&id, Message::default(), now).unwrap()
            };
            handle.run(publish).await
        });
        jobs.ready().await;
        assert!(jobs.run(&mut hub, VirtualTime::from_secs(1)));
        tokio::task::yield_now().await;
        assert!(!asked.is_finished());
        assert_eq!(*ends.borrow(), [0; 4]);
        jobs.committed(&hub);
        let (partition, position) = asked.await.unwrap().unwrap();
        assert_eq!(position, 0);
        assert_eq!(ends.borrow()[usize::from(partition)], 1);
        assert!(!jobs.run(&mut hub, VirtualTime::from_secs(2)));
    }

    #[tokio::test]
    async fn an_ended_loop_is_told() {
        let (handle, jobs) = hub_handle();
        drop(jobs);
        assert_eq!(handle.run(|_, now| now).await, Err(HubGone));
    }
}
