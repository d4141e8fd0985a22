//! What an orchestrator asked for becomes history and messages.

use std::{mem, sync::Arc};

use super::{Offer, Partition, Shared, orchestrations};
use crate::{
    Failure, Json, Status,
    activity::Activity,
    history::{EventKind, ExecutionRewound, ExecutionStarted, HistoryEvent, Parent},
    instance::{Instance, Open},
    journal::{Shown, Workflow},
    message::{Address, Body, Operation},
    orchestration::FIRE_AND_FORGET,
    work::{Action, ActivityWork, OrchestratorResult, Token, WorkKind},
};
use twinbench_model::{EntityId, VirtualTime};

/// How an execution ends.
enum End {
    Completed {
        status: Status,
        result: Option<Json>,
        failure: Option<Failure>,
    },
    ContinuedAsNew {
        started: Box<ExecutionStarted>,
        carryover: Vec<EventKind>,
    },
}

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

    fn record(&mut self, id: &Arc<str>, task: i32, kind: EventKind) {
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

    fn set_timer(&mut self, id: &Arc<str>, execution: &Arc<str>, task: i32, fire_at: VirtualTime) {
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

    /// Timers that nobody waits for any more are not waited for.
    fn close(&mut self, id: &Arc<str>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        for open in mem::take(&mut instance.open).into_values() {
            if let Open::Timer { due, number } = open
                && let Some(message) = self.timers.cancel(due, number)
                && message.stored
            {
                self.consumed.push(message.number);
            }
        }
    }

    fn complete(
        &mut self,
        id: &Arc<str>,
        status: Status,
        result: Option<Json>,
        failure: Option<Failure>,
    ) {
        self.close(id);
        if status != Status::Terminated {
            self.release_locks(id);
        }
        let now = self.now;
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        let mut dropped = Vec::new();
        for message in mem::take(&mut instance.inbox) {
            if message.stored {
                dropped.push(message.number);
            }
        }
        instance.head.status = status;
        instance.head.completed = Some(now);
        instance.head.updated = now;
        instance.head.output.clone_from(&result);
        instance.head.failure.clone_from(&failure);
        let parent = instance.head.parent.clone();
        self.consumed.append(&mut dropped);
        let facts = match &failure {
            Some(failure) => Workflow::Failed {
                error: failure.into(),
            },
            None if status == Status::Terminated => Workflow::Terminated {
                reason: Shown::from(result.as_ref()),
            },
            None => Workflow::Completed {
                output: Shown::from(result.as_ref()),
            },
        };
        self.journal.workflow(now, id, &facts);
        let kind = EventKind::ExecutionCompleted {
            status,
            result: result.clone(),
            failure: failure.clone(),
        };
        self.record(id, -1, kind);
        self.record(id, -1, EventKind::OrchestratorCompleted);
        if let Some(parent) = parent {
            self.tell_parent(&parent, status, result, failure);
        }
    }

    /// Gives back what an orchestration has locked and not unlocked, as when the turn in which it
    /// would have done so exceeded a limit. One that is terminated keeps its locks, as in the
    /// original: its code has no say, and what it has left half done stays out of reach until
    /// somebody cleans up.
    fn release_locks(&mut self, id: &Arc<str>) {
        let Some(instance) = self.instances.get(id) else {
            return;
        };
        for (section, target) in locks(instance) {
            self.unlock(id, &section, &target);
            let kind = EventKind::EntityUnlockSent {
                section,
                parent: Arc::clone(id),
                target,
            };
            self.record(id, -1, kind);
        }
    }

    fn unlock(&mut self, owner: &Arc<str>, section: &Arc<str>, target: &EntityId) {
        let body = Body::Unlock {
            section: Arc::clone(section),
            owner: Arc::clone(owner),
        };
        self.post(self.now, Address::Entity(target.clone()), body);
    }

    /// Gives back what an orchestration has locked of which nothing is kept any more: somebody
    /// else may come to have its id.
    pub(crate) fn release_locks_of(&mut self, gone: &Instance) {
        for (section, target) in locks(gone) {
            self.unlock(&gone.id, &section, &target);
        }
    }

    fn tell_parent(
        &mut self,
        parent: &Parent,
        status: Status,
        result: Option<Json>,
        failure: Option<Failure>,
    ) {
        let task = parent.task;
        let kind = match (status, failure) {
            (Status::Completed, _) => EventKind::SubOrchestrationCompleted { task, result },
            (_, Some(failure)) => EventKind::SubOrchestrationFailed { task, failure },
            (status, None) => {
                let reason = result
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default();
                let failure = Failure::new(
                    format!("Orchestration{}", status.name()),
                    format!(
                        "the sub-orchestration was {}{reason}",
                        status.name().to_lowercase()
                    ),
                );
                EventKind::SubOrchestrationFailed { task, failure }
            }
        };
        let body = Body::Notice {
            execution: Some(Arc::clone(&parent.execution)),
            kind,
        };
        self.post(
            self.now,
            Address::Instance(Arc::clone(&parent.instance)),
            body,
        );
    }

    fn continue_as_new(
        &mut self,
        id: &Arc<str>,
        started: Box<ExecutionStarted>,
        carryover: Vec<EventKind>,
    ) {
        self.close(id);
        let facts = Workflow::ContinuedAsNew {
            input: Shown::from(started.input.as_ref()),
        };
        self.journal.workflow(self.now, id, &facts);
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        let old = mem::replace(&mut instance.head.execution, Arc::clone(&started.execution));
        instance.head.version.clone_from(&started.version);
        instance.head.input.clone_from(&started.input);
        instance.head.tags.clone_from(&started.tags);
        instance.history = Arc::default();
        instance.stored_rows = 0;
        for chunk in mem::take(&mut instance.head.chunks) {
            self.dropped_chunks.push((Arc::clone(id), chunk));
        }
        // Answers for the old execution mean nothing to the new one.
        let mut dropped = Vec::new();
        instance.inbox.retain(|message| {
            let stale = matches!(
                &message.body,
                Body::Notice { execution: Some(execution), .. } if *execution == old
            );
            if stale && message.stored {
                dropped.push(message.number);
            }
            !stale
        });
        self.consumed.append(&mut dropped);
        let body = Body::Start { started, carryover };
        self.post(self.now, Address::Instance(Arc::clone(id)), body);
    }

    /// Ends an orchestration from outside, at once; what it waits for is not waited for any more.
    pub(super) fn terminate(&mut self, id: &Arc<str>, reason: Option<&Json>, recurse: bool) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        if instance.head.status.is_final() {
            return;
        }
        // A worker that has one of its turns is told nothing: its answer will come too late.
        instance.out = None;
        let children: Vec<_> = if recurse {
            instance.children().cloned().collect()
        } else {
            Vec::new()
        };
        self.change_instance(id);
        self.record(
            id,
            -1,
            EventKind::ExecutionTerminated {
                input: reason.cloned(),
                recurse,
            },
        );
        self.complete(id, Status::Terminated, reason.cloned(), None);
        for child in children {
            let body = Body::Terminate {
                reason: reason.cloned(),
                recurse,
            };
            self.post(self.now, Address::Instance(child), body);
        }
    }

    /// Lets a failed orchestration go on from before its failures.
    pub(crate) fn rewind(&mut self, shared: &Shared, id: &Arc<str>, rewound: ExecutionRewound) {
        let Some(instance) = self.instances.get(id) else {
            return;
        };
        if instance.head.status != Status::Failed {
            return;
        }
        let history = without_failures(&instance.history, &rewound);
        self.replace_history(shared, id, history);
        let body = Body::Notice {
            execution: None,
            kind: EventKind::ExecutionRewound(Box::new(rewound)),
        };
        self.post(self.now, Address::Instance(Arc::clone(id)), body);
    }

    /// A child of a rewound orchestration: goes on if it failed, is made again if it was purged,
    /// and answers once more if it had ended well.
    pub(super) fn rewind_child(&mut self, id: &Arc<str>, rewound: ExecutionRewound) {
        let Some(instance) = self.instances.get_mut(id) else {
            if let Some(name) = rewound.name {
                let started = self.new_execution(id, Some(Arc::clone(id)), name, |it| {
                    it.version = rewound.version;
                    it.input = rewound.input;
                    it.parent = rewound.parent;
                    it.trace = rewound.trace;
                    it.tags = rewound.tags;
                });
                let body = Body::Start {
                    started: Box::new(started),
                    carryover: Vec::new(),
                };
                self.post(self.now, Address::Instance(Arc::clone(id)), body);
            }
            return;
        };
        instance.head.parent.clone_from(&rewound.parent);
        let (status, result, failure) = (
            instance.head.status,
            instance.head.output.clone(),
            instance.head.failure.clone(),
        );
        self.change_instance(id);
        if status == Status::Failed {
            self.rewinding.push((Arc::clone(id), rewound));
        } else if status.is_final()
            && let Some(parent) = rewound.parent
        {
            self.tell_parent(&parent, status, result, failure);
        }
    }

    /// Gives an orchestration another history; what is open in it is asked for again.
    fn replace_history(&mut self, shared: &Shared, id: &Arc<str>, history: Vec<HistoryEvent>) {
        self.close(id);
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        for chunk in mem::take(&mut instance.head.chunks) {
            self.dropped_chunks.push((Arc::clone(id), chunk));
        }
        instance.stored_rows = 0;
        instance.head.status = Status::Running;
        instance.head.completed = None;
        instance.head.output = None;
        instance.head.failure = None;
        instance.history = Arc::new(history);
        let begun = instance.history.iter().find_map(|event| match &event.kind {
            EventKind::ExecutionStarted(started) => Some(Arc::clone(&started.execution)),
            _ => None,
        });
        if let Some(execution) = begun {
            instance.head.execution = execution;
        }
        self.reopen(shared, id);
        self.change_instance(id);
    }

    /// Asks once more for everything that a history has asked for and not got.
    pub(crate) fn reopen(&mut self, shared: &Shared, id: &Arc<str>) {
        let Some(instance) = self.instances.get(id) else {
            return;
        };
        let execution = Arc::clone(&instance.head.execution);
        let parent = |task| Parent {
            instance: Arc::clone(id),
            execution: Arc::clone(&execution),
            name: instance.head.name.clone(),
            version: instance.head.version.clone(),
            task,
        };
        let open: Vec<_> = open_rows(instance)
            .map(|event| ((event.id, event.at), event.kind.clone(), parent(event.id)))
            .collect();
        for ((task, made), kind, parent) in open {
            match kind {
                EventKind::TaskScheduled { .. } => {
                    self.open(id, task, Open::Activity);
                    self.schedule(shared, id, &execution, (task, made), &kind);
                }
                EventKind::TimerCreated { fire_at } => {
                    self.set_timer(id, &execution, task, fire_at);
                }
                EventKind::SubOrchestrationCreated {
                    instance: child,
                    name,
                    version,
                    input,
                    trace,
                    mut tags,
                } => {
                    if tags.remove(FIRE_AND_FORGET).is_some() {
                        continue;
                    }
                    self.open(id, task, Open::SubOrchestration(Arc::clone(&child)));
                    let rewound = ExecutionRewound {
                        reason: None,
                        parent_execution: Some(Arc::clone(&execution)),
                        instance: Some(Arc::clone(&child)),
                        trace,
                        name: Some(name),
                        version,
                        input,
                        parent: Some(parent),
                        tags,
                    };
                    let body = Body::Rewind(Box::new(rewound));
                    self.post(self.now, Address::Instance(child), body);
                }
                _ => {}
            }
        }
    }

    fn open(&mut self, id: &Arc<str>, task: i32, open: Open) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.open.insert(task, open);
        }
    }
}

/// What an orchestration has asked to lock and not unlocked, with its critical section.
fn locks(instance: &Instance) -> std::collections::BTreeSet<(Arc<str>, EntityId)> {
    let mut held = std::collections::BTreeSet::new();
    for event in instance.history.iter() {
        match &event.kind {
            EventKind::EntityLockRequested {
                section, lock_set, ..
            } => held.extend(
                lock_set
                    .iter()
                    .map(|entity| (Arc::clone(section), entity.clone())),
            ),
            EventKind::EntityUnlockSent {
                section, target, ..
            } => {
                held.remove(&(Arc::clone(section), target.clone()));
            }
            _ => {}
        }
    }
    held
}

/// Rows that ask for something whose answer is not in the history.
pub(crate) fn open_rows(instance: &Instance) -> impl Iterator<Item = &HistoryEvent> {
    let answered: std::collections::BTreeSet<i32> = instance
        .history
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::TaskCompleted { task, .. }
            | EventKind::TaskFailed { task, .. }
            | EventKind::SubOrchestrationCompleted { task, .. }
            | EventKind::SubOrchestrationFailed { task, .. } => Some(*task),
            EventKind::TimerFired { timer, .. } => Some(*timer),
            _ => None,
        })
        .collect();
    instance.history.iter().filter(move |event| {
        matches!(
            event.kind,
            EventKind::TaskScheduled { .. }
                | EventKind::TimerCreated { .. }
                | EventKind::SubOrchestrationCreated { .. }
        ) && !answered.contains(&event.id)
    })
}

/// A history without its end and without what failed in it (`durable-task-grpc`, section 3).
fn without_failures(history: &[HistoryEvent], rewound: &ExecutionRewound) -> Vec<HistoryEvent> {
    let failed: std::collections::BTreeSet<i32> = history
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::TaskFailed { task, .. } => Some(*task),
            _ => None,
        })
        .collect();
    let mut execution = None;
    history
        .iter()
        .filter(|event| match &event.kind {
            EventKind::TaskFailed { .. }
            | EventKind::SubOrchestrationFailed { .. }
            | EventKind::ExecutionCompleted { .. } => false,
            EventKind::TaskScheduled { .. } => !failed.contains(&event.id),
            _ => true,
        })
        .cloned()
        .map(|mut event| {
            if let EventKind::ExecutionStarted(started) = &mut event.kind {
                // A new execution: answers to the old one come too late.
                let next =
                    execution.get_or_insert_with(|| crate::guid::rewound(&started.execution));
                started.execution = Arc::clone(next);
                if let (Some(parent), Some(execution)) =
                    (&mut started.parent, &rewound.parent_execution)
                {
                    parent.execution = Arc::clone(execution);
                }
            }
            event
        })
        .collect()
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
