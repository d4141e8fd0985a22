//! How executions end: completed, continued as new, terminated.

use std::{mem, sync::Arc};

use super::Partition;
use crate::{
    Failure, Json, Status,
    history::{EventKind, ExecutionStarted, Parent},
    instance::{Instance, Open},
    journal::{Shown, Workflow},
    message::{Address, Body},
};
use twinbench_model::EntityId;

/// How an execution ends.
pub(super) enum End {
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
    /// Timers that nobody waits for any more are not waited for.
    pub(super) fn close(&mut self, id: &Arc<str>) {
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

    pub(super) fn complete(
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

    pub(super) fn tell_parent(
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

    pub(super) fn continue_as_new(
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
