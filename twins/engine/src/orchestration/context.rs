//! What an orchestrator may do.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use twinbench_model::{EntityId, Epoch, VirtualDuration, VirtualTime};

use super::{
    RetryPolicy, Task,
    replay::{Action, Shared},
    tasks::WaitsFor,
};
use crate::{Failure, Json, turn::guid};

/// An orchestrator's hands: everything it does goes through it.
#[derive(Debug, Clone)]
pub struct OrchestrationContext {
    shared: Arc<Shared>,
    instance: Arc<str>,
    epoch: Epoch,
}

impl OrchestrationContext {
    pub(super) fn new(shared: Arc<Shared>, instance: Arc<str>, epoch: Epoch) -> Self {
        Self {
            shared,
            instance,
            epoch,
        }
    }

    /// The orchestration's id.
    pub fn instance_id(&self) -> &str {
        &self.instance
    }

    /// The time of the current turn as a UTC instant; the same on every replay.
    pub fn now(&self) -> Timestamp {
        self.epoch.utc(self.virtual_now())
    }

    /// The virtual time of the current turn; the same on every replay.
    pub fn virtual_now(&self) -> VirtualTime {
        self.shared.lock().now
    }

    /// Whether what runs now has run before. For logs, never for decisions.
    pub fn is_replaying(&self) -> bool {
        self.shared.lock().replaying
    }

    /// Calls an activity. It is done at least once.
    ///
    /// # Errors
    /// The task fails as the activity does, or when input or output have not the expected form.
    pub fn activity<O: DeserializeOwned>(
        &self,
        name: &str,
        input: &(impl Serialize + ?Sized),
    ) -> Task<O> {
        let mut state = self.shared.lock();
        let id = match Json::of(input) {
            Ok(input) => state.ask(Action::Activity {
                name: name.to_owned(),
                input,
            }),
            // An input without a JSON form fails the task where the code waits for it.
            Err(failure) => state.already_failed(failure),
        };
        drop(state);
        Task::new(Arc::clone(&self.shared), WaitsFor::Action(id))
    }

    /// Calls an activity, and again after a wait when it fails.
    ///
    /// # Errors
    /// The last failure, when no attempt is left.
    pub async fn activity_with_retry<O: DeserializeOwned>(
        &self,
        name: &str,
        input: &(impl Serialize + ?Sized),
        policy: RetryPolicy,
    ) -> Result<O, Failure> {
        let first = self.virtual_now();
        let mut attempt = 0;
        loop {
            let failure = match self.activity(name, input).await {
                Ok(output) => return Ok(output),
                Err(failure) => failure,
            };
            attempt += 1;
            let delay = policy.delay(attempt, self.virtual_now().since(first));
            // After the last attempt the original still makes a timer, due at once.
            self.timer(delay.unwrap_or(VirtualDuration::ZERO)).await?;
            if delay.is_none() {
                return Err(failure);
            }
        }
    }

    /// Waits for a span of virtual time, durably.
    ///
    /// # Errors
    /// None; the form is that of every task.
    pub fn timer(&self, span: VirtualDuration) -> Task<()> {
        self.timer_until(self.virtual_now().saturating_add(span))
    }

    /// Waits until a virtual time, durably.
    ///
    /// # Errors
    /// None; the form is that of every task.
    pub fn timer_until(&self, fire_at: VirtualTime) -> Task<()> {
        let id = self.shared.lock().ask(Action::Timer { fire_at });
        Task::new(Arc::clone(&self.shared), WaitsFor::Action(id))
    }

    /// Waits for an external event. Names are compared without regard to case; events that come
    /// before somebody waits are kept, first come first served.
    ///
    /// # Errors
    /// The task fails when the event's input has not the expected form.
    pub fn external_event<O: DeserializeOwned>(&self, name: &str) -> Task<O> {
        let ticket = self.shared.lock().wait_for_event(name);
        Task::new(
            Arc::clone(&self.shared),
            WaitsFor::Event {
                name: name.to_owned(),
                ticket,
            },
        )
    }

    /// Signals an entity: one way.
    pub fn signal(&self, to: &EntityId, operation: &str, input: impl Into<Json>) {
        let action = Action::Signal {
            to: to.clone(),
            operation: operation.to_owned(),
            input: input.into(),
        };
        self.shared.lock().ask(action);
    }

    /// Shows a status of its own to whoever asks for the orchestration's.
    pub fn set_custom_status(&self, status: impl Into<Json>) {
        self.shared.lock().custom_status = Some(status.into());
    }

    /// Begins anew with an empty history when the function returns; external events that were not
    /// waited for are kept.
    pub fn continue_as_new(&self, input: impl Into<Json>) {
        self.shared.lock().continue_as_new = Some(input.into());
    }

    /// A GUID that is the same on every replay.
    pub fn new_guid(&self) -> String {
        let mut state = self.shared.lock();
        state.guids += 1;
        let name = format!("{}/{}/{}", self.instance, state.now.as_nanos(), state.guids);
        guid(&name)
    }
}
