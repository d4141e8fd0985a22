//! Connections that do their TLS handshakes, bounded.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

/// Those that are under way, by when they began. When there are too many, the oldest is given up:
/// so clients that never finish do not keep out those that do, which need a moment only.
#[derive(Debug, Clone)]
pub(crate) struct Handshakes {
    all: Arc<Mutex<UnderWay>>,
    limit: usize,
    time: Duration,
}

#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    /// Dropped, they end their handshakes.
    ends: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A handshake under way; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Handshake {
    all: Handshakes,
    number: u64,
    end: oneshot::Receiver<()>,
}

impl Handshakes {
    /// So many at once, each of which may take so long.
    pub(crate) fn new(limit: usize, time: Duration) -> Self {
        Self {
            all: Arc::default(),
            limit: limit.max(1),
            time,
        }
    }

    /// How long one may take.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// Begins one, and gives up the oldest when there are too many.
    pub(super) fn begin(&self) -> Handshake {
        let (going, end) = oneshot::channel();
        let mut under_way = self.lock();
        let number = under_way.next;
        under_way.next += 1;
        under_way.ends.insert(number, going);
        if under_way.ends.len() > self.limit {
            under_way.ends.pop_first();
        }
        Handshake {
            all: self.clone(),
            number,
            end,
        }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        // No code that holds the lock can leave it half changed.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handshake {
    /// Waits until this one is given up.
    pub(super) async fn given_up(&mut self) {
        // Nothing is ever sent; it ends when the other side is dropped.
        let _ = (&mut self.end).await;
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.all.lock().ends.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_is_given_up_for_a_new_one() {
        let all = Handshakes::new(2, Duration::from_secs(30));
        let mut first = all.begin();
        let second = all.begin();
        drop(second);
        let mut third = all.begin();
        let moment = Duration::from_millis(20);
        assert!(
            tokio::time::timeout(moment, first.given_up())
                .await
                .is_err()
        );
        let _fourth = all.begin();
        first.given_up().await;
        assert!(
            tokio::time::timeout(moment, third.given_up())
                .await
                .is_err()
        );
        assert_eq!(all.lock().ends.len(), 2);
        drop((first, third));
        assert_eq!(all.lock().ends.len(), 1);
    }
}
