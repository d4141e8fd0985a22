//! What an orchestrator asked for becomes history and messages.

use std::sync::Arc;

use super::{Offer, Partition, Shared, ends::End, orchestrations};
use crate::{
    Failure, Json,
    activity::Activity,
    history::{EventKind, HistoryEvent, Parent},
    instance::Open,
    journal::{Shown, Workflow},
    message::{Address, Body, Operation},
    orchestration::FIRE_AND_FORGET,
    work::{Action, ActivityWork, OrchestratorResult, Token, WorkKind},
};
use twinbench_model::VirtualTime;

impl Partition {
    /// Ends a turn: `new` is what the orchestrator was told, `result` what it asked for.
    pub(super) fn apply(
        &mut self,
        shared: &Shared,
        id: &Arc<str>,
        new: Vec<HistoryEvent>,
        result: OrchestratorResult,
    ) {
        for event in &new {
            orchestrations::tell_received(&mut self.journal, self.now, event, id);
        }
        let result = within_limits(shared, result);
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        instance.losses = 0;
        instance.head.updated = self.now;
        instance.head.status = orchestrations::status_after(instance.head.status, &new);
        if result.custom_status.is_some() {
            instance.head.custom_status = result.custom_status;
        }
        Arc::make_mut(&mut instance.history).extend(new);
        self.change_instance(id);
        let mut end = None;
        for (task, action) in result.actions {
            if let Some(ending) = self.act(shared, id, task, action) {
                end = Some(ending);
            }
        }
        match end {
            None => {
                self.record(id, -1, EventKind::OrchestratorCompleted);
                self.wake_instance(id);
            }
            Some(End::Completed {
                status,
                result,
                failure,
            }) => self.complete(id, status, result, failure),
            Some(End::ContinuedAsNew { started, carryover }) => {
                self.continue_as_new(id, started, carryover);
            }
        }
    }

    pub(super) fn record(&mut self, id: &Arc<str>, task: i32, kind: EventKind) {
        let now = self.now;
        if let Some(instance) = self.instances.get_mut(id) {
            Arc::make_mut(&mut instance.history).push(HistoryEvent {
                id: task,
                at: now,
                kind,
            });
        }
    }

    /// One action; gives back how the execution ends, if it is that.
    fn act(&mut self, shared: &Shared, id: &Arc<str>, task: i32, action: Action) -> Option<End> {
        let now = self.now;
        let instance = self.instances.get_mut(id)?;
        let execution = Arc::clone(&instance.head.execution);
        let kind = match action {
            Action::ScheduleTask {
                name,
                version,
                input,
                trace,
                tags,
            } => {
                let facts = Workflow::ActivityScheduled {
                    task,
                    name: &name,
                    input: Shown::from(input.as_ref()),
                };
                self.journal.workflow(now, id, &facts);
                instance.open.insert(task, Open::Activity);
                let kind = EventKind::TaskScheduled {
                    name,
                    version,
                    input,
                    trace,
                    tags,
                };
                self.schedule(shared, id, &execution, (task, now), &kind);
                kind
            }
            Action::CreateTimer { fire_at } => {
                let facts = Workflow::TimerCreated {
                    timer: task,
                    fire_at,
                };
                self.journal.workflow(now, id, &facts);
                self.set_timer(id, &execution, task, fire_at);
                EventKind::TimerCreated { fire_at }
            }
            Action::CreateSubOrchestration {
                instance: child,
                name,
                version,
                input,
                trace,
                tags,
            } => {
                let parent = (!tags.contains_key(FIRE_AND_FORGET)).then(|| Parent {
                    instance: Arc::clone(id),
                    execution,
                    name: instance.head.name.clone(),
                    version: instance.head.version.clone(),
                    task,
                });
                let waits = parent.is_some();
                let started = self.new_execution(id, child, name.clone(), |it| {
                    it.version.clone_from(&version);
                    it.input.clone_from(&input);
                    it.trace.clone_from(&trace);
                    it.tags.clone_from(&tags);
                    it.tags.remove(FIRE_AND_FORGET);
                    it.parent = parent;
                });
                let child = Arc::clone(&started.instance);
                let facts = Workflow::SubOrchestrationCreated {
                    task,
                    name: &name,
                    instance: &child,
                };
                self.journal.workflow(now, id, &facts);
                if waits && let Some(instance) = self.instances.get_mut(id) {
                    let open = Open::SubOrchestration(Arc::clone(&child));
                    instance.open.insert(task, open);
                }
                let body = Body::Start {
                    started: Box::new(started),
                    carryover: Vec::new(),
                };
                self.post(now, Address::Instance(Arc::clone(&child)), body);
                EventKind::SubOrchestrationCreated {
                    instance: child,
                    name,
                    version,
                    input,
                    trace,
                    tags,
                }
            }
            Action::SendEvent {
                instance: to,
                name,
                input,
            } => {
                let facts = Workflow::EventSent {
                    to: &to,
                    name: &name,
                };
                self.journal.workflow(now, id, &facts);
                let body = Body::Notice {
                    execution: None,
                    kind: EventKind::EventRaised {
                        name: name.clone(),
                        input: input.clone(),
                    },
                };
                self.post(now, Address::Instance(Arc::clone(&to)), body);
                EventKind::EventSent {
                    instance: to,
                    name,
                    input,
                }
            }
            Action::SignalEntity {
                request,
                target,
                operation,
                input,
                scheduled,
            } => {
                let facts = Workflow::SignalSent {
                    to: &target.to_string(),
                    operation: &operation,
                };
                self.journal.workflow(now, id, &facts);
                let body = Body::Operation(Box::new(Operation {
                    request: Some(Arc::clone(&request)),
                    name: operation.as_str().into(),
                    input: input.clone(),
                    caller: None,
                    scheduled,
                    trace: None,
                }));
                self.post(
                    scheduled.unwrap_or(now),
                    Address::Entity(target.clone()),
                    body,
                );
                EventKind::EntityOperationSignaled {
                    request,
                    operation,
                    scheduled,
                    input,
                    target,
                }
            }
            Action::CallEntity {
                request,
                target,
                operation,
                input,
                scheduled,
            } => {
                let facts = Workflow::EntityCalled {
                    to: &target.to_string(),
                    operation: &operation,
                };
                self.journal.workflow(now, id, &facts);
                let body = Body::Operation(Box::new(Operation {
                    request: Some(Arc::clone(&request)),
                    name: operation.as_str().into(),
                    input: input.clone(),
                    caller: Some((Arc::clone(id), Arc::clone(&execution))),
                    scheduled,
                    trace: None,
                }));
                self.post(
                    scheduled.unwrap_or(now),
                    Address::Entity(target.clone()),
                    body,
                );
                EventKind::EntityOperationCalled {
                    request,
                    operation,
                    scheduled,
                    input,
                    parent: Arc::clone(id),
                    parent_execution: Some(execution),
                    target,
                }
            }
            Action::LockEntities { section, lock_set } => {
                let facts = Workflow::LocksRequested {
                    entities: &lock_set,
                };
                self.journal.workflow(now, id, &facts);
                if let Some(first) = lock_set.first() {
                    let body = Body::Lock {
                        section: Arc::clone(&section),
                        lock_set: lock_set.clone().into(),
                        position: 0,
                        owner: Arc::clone(id),
                        execution,
                    };
                    self.post(now, Address::Entity(first.clone()), body);
                }
                EventKind::EntityLockRequested {
                    section,
                    lock_set,
                    position: 0,
                    parent: Arc::clone(id),
                }
            }
            Action::UnlockEntity { section, target } => {
                self.journal
                    .workflow(now, id, &Workflow::LockReleased { entity: &target });
                let body = Body::Unlock {
                    section: Arc::clone(&section),
                    owner: Arc::clone(id),
                };
                self.post(now, Address::Entity(target.clone()), body);
                EventKind::EntityUnlockSent {
                    section,
                    parent: Arc::clone(id),
                    target,
                }
            }
            Action::Terminate {
                instance: other,
                reason,
                recurse,
            } => {
                let body = Body::Terminate { reason, recurse };
                self.post(now, Address::Instance(other), body);
                return None;
            }
            Action::Rewind { new_history } => {
                self.replace_history(shared, id, new_history);
                return None;
            }
            Action::Complete {
                status,
                result,
                failure,
            } => {
                return Some(End::Completed {
                    status,
                    result,
                    failure,
                });
            }
            Action::ContinueAsNew {
                input,
                new_version,
                carryover,
                tags,
            } => {
                let head = instance.head.clone();
                let started = self.new_execution(id, Some(Arc::clone(id)), head.name, |it| {
                    it.version = new_version.or(head.version);
                    it.input = input;
                    it.parent = head.parent;
                    it.trace = head.trace;
                    it.tags = tags.unwrap_or(head.tags);
                });
                return Some(End::ContinuedAsNew {
                    started: Box::new(started),
                    carryover: carryover.into_iter().map(|event| event.kind).collect(),
                });
            }
        };
        self.record(id, task, kind);
        None
    }

    /// Sees to it that an activity is done.
    pub(super) fn schedule(
        &mut self,
        shared: &Shared,
        id: &Arc<str>,
        execution: &Arc<str>,
        (task, made): (i32, VirtualTime),
        kind: &EventKind,
    ) {
        let EventKind::TaskScheduled {
            name,
            version,
            input,
            trace,
            tags,
        } = kind
        else {
            return;
        };
        match shared.functions.activities.get(name) {
            Some(Activity::Within(_)) => self.work.push_back(ActivityWork {
                token: Token(0),
                instance: Arc::clone(id),
                execution: Arc::clone(execution),
                task,
                name: name.clone(),
                version: version.clone(),
                input: input.clone(),
                trace: trace.clone(),
                tags: tags.clone(),
            }),
            None if !shared.options.remote => {
                let failure = Failure::new(
                    "ActivityNotFound",
                    format!("no activity {name:?} is registered"),
                );
                self.finish_task(id, execution, task, Err(failure));
            }
            _ => self.offers.push(Offer {
                kind: WorkKind::Activity,
                name: name.as_str().into(),
                version: version.as_deref().map(Into::into),
                to: Address::Instance(Arc::clone(id)),
                task: Some((Arc::clone(execution), task)),
                made,
                not_before: self.now,
                losses: 0,
            }),
        }
    }

    pub(super) fn set_timer(
        &mut self,
        id: &Arc<str>,
        execution: &Arc<str>,
        task: i32,
        fire_at: VirtualTime,
    ) {
        let due = fire_at.max(self.now);
        let body = Body::Notice {
            execution: Some(Arc::clone(execution)),
            kind: EventKind::TimerFired {
                timer: task,
                fire_at,
            },
        };
        // It must be open before it fires, which may be at once.
        let number = self.serial + 1;
        let number = number * super::PARTITIONS + self.index;
        if let Some(instance) = self.instances.get_mut(id) {
            instance.open.insert(task, Open::Timer { due, number });
        }
        let posted = self.post(due, Address::Instance(Arc::clone(id)), body);
        debug_assert_eq!(posted, number);
    }

    pub(super) fn open(&mut self, id: &Arc<str>, task: i32, open: Open) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.open.insert(task, open);
        }
    }
}

/// What exceeds a limit fails the orchestration instead of being asked for.
fn within_limits(shared: &Shared, result: OrchestratorResult) -> OrchestratorResult {
    let limits = &shared.options.limits;
    if result.actions.len() > limits.actions {
        return OrchestratorResult::failed(Failure::new(
            Failure::LIMIT,
            format!(
                "{} actions in one turn are more than the limit of {}",
                result.actions.len(),
                limits.actions
            ),
        ));
    }
    let too_long = result
        .actions
        .iter()
        .filter_map(|(_, action)| action.payload())
        .chain(result.custom_status.as_ref())
        .map(|payload| payload.as_str().len())
        .find(|length| *length > limits.payload);
    match too_long {
        Some(length) => OrchestratorResult::failed(Failure::new(
            Failure::LIMIT,
            format!(
                "a payload of {length} bytes is more than the limit of {}",
                limits.payload
            ),
        )),
        None => result,
    }
}

impl Action {
    fn payload(&self) -> Option<&Json> {
        match self {
            Self::ScheduleTask { input, .. }
            | Self::CreateSubOrchestration { input, .. }
            | Self::SendEvent { input, .. }
            | Self::SignalEntity { input, .. }
            | Self::CallEntity { input, .. }
            | Self::ContinueAsNew { input, .. } => input.as_ref(),
            Self::Terminate { reason, .. } => reason.as_ref(),
            Self::Complete { result, .. } => result.as_ref(),
            Self::CreateTimer { .. }
            | Self::LockEntities { .. }
            | Self::UnlockEntity { .. }
            | Self::Rewind { .. } => None,
        }
    }
}
