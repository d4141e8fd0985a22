//! Connectors that really send: the one part of this room that opens sockets and files.
//!
//! Every call is made on a thread of its own, with a time limit; who polls is never held up.

mod files;
mod http;
mod mail;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use super::{SendError, Sending};

pub use files::CsvFolder;
pub use http::{Blob, Twilio, Webhook};
pub use mail::Smtp;

/// What a thread leaves for whoever waits for it.
#[derive(Default)]
struct Shared {
    outcome: Option<Result<(), SendError>>,
    waker: Option<Waker>,
}

struct Waits(Arc<Mutex<Shared>>);

impl Future for Waits {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = shared.outcome.take() {
            return Poll::Ready(outcome);
        }
        shared.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Leaves an outcome even when the thread panics.
struct Leaves(Arc<Mutex<Shared>>);

impl Leaves {
    fn leave(&self, outcome: Result<(), SendError>) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.outcome.get_or_insert(outcome);
        if let Some(waker) = shared.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for Leaves {
    fn drop(&mut self) {
        self.leave(Err(SendError::Unreachable("the call broke down".into())));
    }
}

/// Does a call on a thread of its own.
fn off_thread(work: impl FnOnce() -> Result<(), SendError> + Send + 'static) -> Sending {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let leaves = Leaves(Arc::clone(&shared));
    let spawned = std::thread::Builder::new()
        .name("connector".into())
        .spawn(move || leaves.leave(work()));
    match spawned {
        Ok(_) => Box::pin(Waits(shared)),
        Err(cause) => {
            let reason = format!("no thread for the call: {cause}");
            Box::pin(std::future::ready(Err(SendError::Unreachable(reason))))
        }
    }
}
