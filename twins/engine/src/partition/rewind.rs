//! Failed orchestrations go on from before their failures.

use std::{mem, sync::Arc};

use super::{Partition, Shared};
use crate::{
    Status,
    history::{EventKind, ExecutionRewound, HistoryEvent, Parent},
    instance::{Instance, Open},
    message::{Address, Body},
    orchestration::FIRE_AND_FORGET,
};

impl Partition {
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
    pub(super) fn replace_history(
        &mut self,
        shared: &Shared,
        id: &Arc<str>,
        history: Vec<HistoryEvent>,
    ) {
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
