//! Futures that history completes.

use std::{
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use serde::de::DeserializeOwned;

use super::state::Shared;
use crate::{Failure, Json};

/// Something that an orchestrator waits for: an activity, a sub-orchestration, a timer, an external
/// event or an entity's answer.
///
/// It was asked for when it was made; waiting for it may begin later, or never.
#[must_use = "without .await the orchestrator does not wait for it"]
#[derive(Debug)]
pub struct Task<O> {
    shared: Arc<Shared>,
    waits_for: WaitsFor,
    output: PhantomData<fn() -> O>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WaitsFor {
    Action(i32),
    Request(Arc<str>),
    Event { name: String, ticket: u32 },
}

impl<O> Task<O> {
    pub(super) fn new(shared: Arc<Shared>, waits_for: WaitsFor) -> Self {
        Self {
            shared,
            waits_for,
            output: PhantomData,
        }
    }
}

impl<O: DeserializeOwned> Future for Task<O> {
    type Output = Result<O, Failure>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        // No waker: the orchestrator is polled after each event of its history.
        let mut state = self.shared.lock();
        let result = match &self.waits_for {
            WaitsFor::Action(id) => state.results.remove(id),
            WaitsFor::Request(request) => state.answers.remove(request),
            WaitsFor::Event { ticket, .. } => state.delivered.remove(ticket).map(Ok),
        };
        if let Some(result) = result {
            Poll::Ready(result.and_then(|json| json.unwrap_or_else(Json::null).read()))
        } else {
            state.waited = true;
            Poll::Pending
        }
    }
}

/// A wait for an external event that is given up must not swallow the next one.
impl<O> Drop for Task<O> {
    fn drop(&mut self) {
        if let WaitsFor::Event { name, ticket } = &self.waits_for {
            self.shared.lock().give_up(name, *ticket);
        }
    }
}
