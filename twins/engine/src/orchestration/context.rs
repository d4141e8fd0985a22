//! What an orchestrator may do.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use twinbench_model::{EntityId, Epoch, VirtualDuration, VirtualTime};

use super::{
    Calls, CriticalSection, RetryPolicy, Task,
    state::{ContinueAsNew, Section, Shared, State},
    tasks::WaitsFor,
};
use crate::{
    Failure, Json,
    history::{Parent, Tags},
    work::Action,
};

/// The tag by which a sub-orchestration goes its own way: nobody waits for it.
pub(crate) const FIRE_AND_FORGET: &str = "FireAndForget";

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

    /// The orchestration's name.
    pub fn name(&self) -> String {
        self.shared.lock().origin.name.clone()
    }

    /// The version that it was started with.
    pub fn version(&self) -> Option<String> {
        self.shared.lock().origin.version.clone()
    }

    /// The tags that it was started with.
    pub fn tags(&self) -> Tags {
        self.shared.lock().origin.tags.clone()
    }

    /// The orchestration that waits for this one.
    pub fn parent(&self) -> Option<Parent> {
        self.shared.lock().origin.parent.clone()
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
        self.activity_as(name, Json::of(input), &Calls::default())
    }

    fn activity_as<O>(&self, name: &str, input: Result<Json, Failure>, calls: &Calls) -> Task<O> {
        self.ask(input.map(|input| Action::ScheduleTask {
            name: name.to_owned(),
            version: calls.version.clone(),
            input: Some(input),
            trace: None,
            tags: calls.tags.clone(),
        }))
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
        let calls = Calls {
            retry: Some(policy),
            ..Calls::default()
        };
        self.activity_with(name, input, &calls).await
    }

    /// Calls an activity in a particular way.
    ///
    /// # Errors
    /// The last failure, when no attempt is left.
    pub async fn activity_with<O: DeserializeOwned>(
        &self,
        name: &str,
        input: &(impl Serialize + ?Sized),
        calls: &Calls,
    ) -> Result<O, Failure> {
        let input = Json::of(input);
        self.with_retry(calls.retry.as_ref(), || {
            self.activity_as(name, input.clone(), calls)
        })
        .await
    }

    /// Calls a sub-orchestration.
    ///
    /// # Errors
    /// The task fails as the sub-orchestration does.
    pub fn sub_orchestration<O: DeserializeOwned>(
        &self,
        name: &str,
        input: &(impl Serialize + ?Sized),
    ) -> Task<O> {
        self.sub_orchestration_as(name, Json::of(input), &Calls::default())
    }

    /// Calls a sub-orchestration in a particular way.
    ///
    /// # Errors
    /// The last failure, when no attempt is left.
    pub async fn sub_orchestration_with<O: DeserializeOwned>(
        &self,
        name: &str,
        input: &(impl Serialize + ?Sized),
        calls: &Calls,
    ) -> Result<O, Failure> {
        let input = Json::of(input);
        self.with_retry(calls.retry.as_ref(), || {
            self.sub_orchestration_as(name, input.clone(), calls)
        })
        .await
    }

    fn sub_orchestration_as<O>(
        &self,
        name: &str,
        input: Result<Json, Failure>,
        calls: &Calls,
    ) -> Task<O> {
        if self.shared.lock().section.is_some() {
            return self.refused("a sub-orchestration cannot be called in a critical section");
        }
        let instance = match &calls.instance {
            Some(instance) => instance.as_str().into(),
            None => self.shared.lock().guid(),
        };
        self.ask(input.map(|input| Action::CreateSubOrchestration {
            instance: Some(instance),
            name: name.to_owned(),
            version: calls.version.clone(),
            input: Some(input),
            trace: None,
            tags: calls.tags.clone(),
        }))
    }

    /// Starts an orchestration that goes its own way, and gives its instance id.
    pub fn start_orchestration(&self, name: &str, input: impl Into<Json>) -> String {
        let mut state = self.shared.lock();
        let instance = state.guid();
        state.ask(Action::CreateSubOrchestration {
            instance: Some(Arc::clone(&instance)),
            name: name.to_owned(),
            version: None,
            input: Some(input.into()),
            trace: None,
            tags: Tags::from([(FIRE_AND_FORGET.to_owned(), String::new())]),
        });
        instance.to_string()
    }

    async fn with_retry<O: DeserializeOwned>(
        &self,
        policy: Option<&RetryPolicy>,
        call: impl Fn() -> Task<O>,
    ) -> Result<O, Failure> {
        let Some(policy) = policy else {
            return call().await;
        };
        let first = self.virtual_now();
        let mut attempt = 0;
        loop {
            let failure = match call().await {
                Ok(output) => return Ok(output),
                Err(failure) => failure,
            };
            attempt += 1;
            let delay = policy.delay(attempt, self.virtual_now().since(first), &failure);
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
        self.ask(Ok(Action::CreateTimer { fire_at }))
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

    /// Sends an external event to another orchestration.
    pub fn send_event(&self, instance: &str, name: &str, input: impl Into<Json>) {
        self.shared.lock().ask(Action::SendEvent {
            instance: instance.into(),
            name: name.to_owned(),
            input: Some(input.into()),
        });
    }

    /// Signals an entity: one way.
    ///
    /// # Errors
    /// When the entity is locked by this orchestration.
    pub fn signal(
        &self,
        to: &EntityId,
        operation: &str,
        input: impl Into<Json>,
    ) -> Result<(), Failure> {
        self.signal_scheduled(to, operation, input.into(), None)
    }

    /// Signals an entity at a later time.
    ///
    /// # Errors
    /// When the entity is locked by this orchestration.
    pub fn signal_at(
        &self,
        to: &EntityId,
        operation: &str,
        input: impl Into<Json>,
        due: VirtualTime,
    ) -> Result<(), Failure> {
        self.signal_scheduled(to, operation, input.into(), Some(due))
    }

    fn signal_scheduled(
        &self,
        target: &EntityId,
        operation: &str,
        input: Json,
        scheduled: Option<VirtualTime>,
    ) -> Result<(), Failure> {
        let mut state = self.shared.lock();
        if locked(&state, target) {
            return Err(rule(format!(
                "{target} is locked by this orchestration: call it, or signal it after the critical section"
            )));
        }
        let request = state.guid();
        state.ask(Action::SignalEntity {
            request,
            target: target.clone(),
            operation: operation.to_owned(),
            input: Some(input),
            scheduled,
        });
        Ok(())
    }

    /// Calls an entity and waits for its answer.
    ///
    /// # Errors
    /// The task fails as the operation does; in a critical section also when the entity is not
    /// locked, or another call to it is under way.
    pub fn call_entity<O: DeserializeOwned>(
        &self,
        target: &EntityId,
        operation: &str,
        input: impl Into<Json>,
    ) -> Task<O> {
        let mut state = self.shared.lock();
        if let Some(section) = &mut state.section {
            let rule = if !section.granted {
                Some("no entity can be called before the lock is granted".to_owned())
            } else if !section.locked.contains(target) {
                Some(format!(
                    "{target} is not locked: in a critical section only locked entities are called"
                ))
            } else if !section.free.remove(target) {
                Some(format!("another call to {target} is under way"))
            } else {
                None
            };
            if let Some(rule) = rule {
                drop(state);
                return self.refused(&rule);
            }
        }
        let request = state.guid();
        state.calls.insert(Arc::clone(&request), target.clone());
        state.ask(Action::CallEntity {
            request: Arc::clone(&request),
            target: target.clone(),
            operation: operation.to_owned(),
            input: Some(input.into()),
            scheduled: None,
        });
        drop(state);
        Task::new(Arc::clone(&self.shared), WaitsFor::Request(request))
    }

    /// Waits until entities are this orchestration's alone. They are locked in the order of their
    /// names and keys, so that orchestrations that lock the same ones do not wait for each other.
    ///
    /// # Errors
    /// When the set is empty, or a critical section has begun already.
    pub async fn lock(
        &self,
        entities: impl IntoIterator<Item = EntityId>,
    ) -> Result<CriticalSection, Failure> {
        let locked: BTreeSet<EntityId> = entities.into_iter().collect();
        let (id, task) = {
            let mut state = self.shared.lock();
            if state.section.is_some() {
                return Err(rule(
                    "a critical section cannot begin within another".to_owned(),
                ));
            }
            if locked.is_empty() {
                return Err(Failure::new(
                    "ArgumentException",
                    "a critical section needs at least one entity",
                ));
            }
            let id = state.guid();
            state.ask(Action::LockEntities {
                section: Arc::clone(&id),
                lock_set: locked.iter().cloned().collect(),
            });
            state.section = Some(Section {
                id: Arc::clone(&id),
                granted: false,
                free: locked.clone(),
                locked,
            });
            let granted = WaitsFor::Request(Arc::clone(&id));
            (id, Task::<()>::new(Arc::clone(&self.shared), granted))
        };
        let section = CriticalSection {
            shared: Arc::clone(&self.shared),
            id,
        };
        task.await?;
        Ok(section)
    }

    /// Whether the orchestrator is in a critical section.
    pub fn in_critical_section(&self) -> bool {
        self.shared
            .lock()
            .section
            .as_ref()
            .is_some_and(|section| section.granted)
    }

    /// Shows a status of its own to whoever asks for the orchestration's.
    pub fn set_custom_status(&self, status: impl Into<Json>) {
        self.shared.lock().custom_status = Some(status.into());
    }

    /// Begins anew with an empty history when the function returns; external events that were not
    /// waited for are kept.
    pub fn continue_as_new(&self, input: impl Into<Json>) {
        self.continue_as_new_with(input, true, None);
    }

    /// Begins anew with an empty history when the function returns, with or without the external
    /// events that were not waited for, and as another version.
    pub fn continue_as_new_with(
        &self,
        input: impl Into<Json>,
        keep_events: bool,
        version: Option<&str>,
    ) {
        self.shared.lock().continue_as_new = Some(ContinueAsNew {
            input: input.into(),
            keep_events,
            version: version.map(str::to_owned),
        });
    }

    /// A GUID that is the same on every replay.
    pub fn new_guid(&self) -> String {
        self.shared.lock().guid().to_string()
    }

    fn ask<O>(&self, action: Result<Action, Failure>) -> Task<O> {
        let mut state = self.shared.lock();
        let id = match action {
            Ok(action) => state.ask(action),
            // An input without a JSON form fails the task where the code waits for it.
            Err(failure) => state.already_failed(failure),
        };
        drop(state);
        Task::new(Arc::clone(&self.shared), WaitsFor::Action(id))
    }

    fn refused<O>(&self, why: &str) -> Task<O> {
        self.ask(Err(rule(why.to_owned())))
    }
}

fn locked(state: &State, target: &EntityId) -> bool {
    state
        .section
        .as_ref()
        .is_some_and(|section| section.locked.contains(target))
}

fn rule(why: String) -> Failure {
    Failure::new(Failure::LOCKING_RULES, why)
}
