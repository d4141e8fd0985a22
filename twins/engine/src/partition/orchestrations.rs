//! A turn of an orchestration: what has come goes to its orchestrator, in this process or at a
//! worker.

use std::sync::Arc;

use twinbench_model::VirtualTime;

use super::{Offer, Partition, Shared};
use crate::{
    Failure, Json, Status,
    guid::new_guid,
    history::{EventKind, ExecutionStarted, HistoryEvent, Tags},
    instance::Instance,
    journal::{Journal, Shown, Workflow},
    message::{Address, Body},
    versions::OnMismatch,
    work::{ActivityWork, OrchestratorResult, OrchestratorWork, Token, WorkKind},
};

/// Who runs an orchestrator.
enum Runner {
    Here,
    Worker,
    Nobody(Failure),
}

impl Partition {
    pub(super) fn instance_turn(&mut self, shared: &Shared, id: &Arc<str>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        instance.ready = false;
        if !instance.has_work() {
            return;
        }
        match runner(shared, instance) {
            Runner::Here => {
                let new = self.receive(id, usize::MAX);
                let Some(instance) = self.instances.get(id) else {
                    return;
                };
                let mut work = OrchestratorWork {
                    token: Token(0),
                    instance: Arc::clone(id),
                    execution: Arc::clone(&instance.head.execution),
                    name: instance.head.name.clone(),
                    version: instance.head.version.clone(),
                    past: Arc::clone(&instance.history),
                    new,
                };
                let result = run_here(shared, &work);
                let new = std::mem::take(&mut work.new);
                // The history must be this instance's alone to grow without being copied.
                drop(work);
                self.apply(shared, id, new, result);
            }
            Runner::Worker => {
                instance.ready = true;
                let offer = Offer {
                    kind: WorkKind::Orchestration,
                    name: instance.head.name.as_str().into(),
                    version: instance.head.version.as_deref().map(Into::into),
                    to: Address::Instance(Arc::clone(id)),
                    task: None,
                    made: self.now,
                    not_before: self.now,
                    losses: instance.losses,
                };
                self.offers.push(offer);
            }
            Runner::Nobody(failure) => {
                let new = self.receive(id, usize::MAX);
                self.apply(shared, id, new, OrchestratorResult::failed(failure));
            }
        }
    }

    /// Takes up to `most` messages out of the inbox, as rows of a new turn.
    pub(super) fn receive(&mut self, id: &Arc<str>, most: usize) -> Vec<HistoryEvent> {
        let mut new = vec![HistoryEvent::outside(
            self.now,
            EventKind::OrchestratorStarted,
        )];
        let mut consumed = Vec::new();
        if let Some(instance) = self.instances.get_mut(id) {
            for _ in 0..most.min(instance.inbox.len()) {
                let Some(message) = instance.inbox.pop_front() else {
                    break;
                };
                if message.stored {
                    consumed.push(message.number);
                }
                new.extend(
                    events_of(&message.body).map(|kind| HistoryEvent::outside(self.now, kind)),
                );
            }
        }
        self.consumed.append(&mut consumed);
        new
    }

    /// An activity that is done within the step.
    pub(super) fn work_here(&mut self, shared: &Shared, work: &ActivityWork) {
        use crate::activity::Activity;
        let Some(Activity::Within(function)) = shared.functions.activities.get(&work.name) else {
            return;
        };
        let context = crate::ActivityContext::of(work, self.now);
        let input = work.input.clone().unwrap_or_else(Json::null);
        let result =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| function(&context, &input)))
                .unwrap_or_else(|panic| Err(crate::slot::panicked(&*panic)));
        let longest = shared.options.limits.payload;
        let result = result.and_then(|output| {
            crate::workers::within(longest, Some(&output))?;
            Ok(output)
        });
        self.finish_task(&work.instance, &work.execution, work.task, result.map(Some));
    }

    /// Tells an orchestration what an activity came to.
    pub(crate) fn finish_task(
        &mut self,
        instance: &Arc<str>,
        execution: &Arc<str>,
        task: i32,
        result: Result<Option<Json>, Failure>,
    ) {
        let kind = match result {
            Ok(result) => EventKind::TaskCompleted { task, result },
            Err(failure) => EventKind::TaskFailed { task, failure },
        };
        let body = Body::Notice {
            execution: Some(Arc::clone(execution)),
            kind,
        };
        self.post(self.now, Address::Instance(Arc::clone(instance)), body);
    }

    /// A new execution, with ids of its own where it has none.
    pub(crate) fn new_execution(
        &mut self,
        owner: &str,
        instance: Option<Arc<str>>,
        name: String,
        more: impl FnOnce(&mut ExecutionStarted),
    ) -> ExecutionStarted {
        let number = self.number();
        let execution = new_guid(&format!("{owner}/execution"), number);
        let instance = instance.unwrap_or_else(|| new_guid(owner, number));
        let mut started = ExecutionStarted {
            name,
            version: None,
            input: None,
            instance,
            execution,
            parent: None,
            scheduled_start: None,
            trace: None,
            tags: Tags::new(),
        };
        more(&mut started);
        started
    }
}

fn runner(shared: &Shared, instance: &Instance) -> Runner {
    let Shared { functions, options } = shared;
    let name = &instance.head.name;
    let version = instance.head.version.as_deref();
    let known = functions.orchestrations.contains_key(name);
    let taken = functions.versioning.takes(version);
    if known && (taken || !instance.history.is_empty()) {
        return Runner::Here;
    }
    if known && functions.versioning.others == OnMismatch::Fail {
        return Runner::Nobody(Failure::new(
            "VersionMismatch",
            format!(
                "orchestration {name:?} has version {:?}, these functions are of version {:?}",
                version.unwrap_or_default(),
                functions.versioning.own
            ),
        ));
    }
    if options.remote || known {
        return Runner::Worker;
    }
    Runner::Nobody(Failure::new(
        "OrchestratorNotFound",
        format!("no orchestration {name:?} is registered"),
    ))
}

fn run_here(shared: &Shared, work: &OrchestratorWork) -> OrchestratorResult {
    let epoch = shared.options.epoch;
    let result = shared.functions.orchestrate(work, epoch);
    if shared.options.check_replays && shared.functions.orchestrate(work, epoch) != result {
        return OrchestratorResult::failed(Failure::new(
            Failure::NON_DETERMINISTIC,
            format!(
                "orchestrator {:?} did not do the same twice: it may use a clock, random numbers \
                 and anything else from outside only through its context",
                work.name
            ),
        ));
    }
    result
}

/// What a message is in a history.
pub(super) fn events_of(body: &Body) -> impl Iterator<Item = EventKind> {
    let (first, rest) = match body {
        Body::Start { started, carryover } => (
            Some(EventKind::ExecutionStarted(started.clone())),
            carryover.as_slice(),
        ),
        Body::Notice { kind, .. } => (Some(kind.clone()), [].as_slice()),
        _ => (None, [].as_slice()),
    };
    first.into_iter().chain(rest.iter().cloned())
}

/// Tells the recorder what came in.
///
/// At the present: a worker's turn began earlier, and others have told of things since.
pub(super) fn tell_received(
    journal: &mut Journal,
    now: VirtualTime,
    event: &HistoryEvent,
    id: &Arc<str>,
) {
    let facts = match &event.kind {
        EventKind::ExecutionStarted(started) => Workflow::Started {
            name: &started.name,
            input: Shown::from(started.input.as_ref()),
        },
        EventKind::TaskCompleted { task, result } => Workflow::ActivityCompleted {
            task: *task,
            result: Shown::from(result.as_ref()),
        },
        EventKind::TaskFailed { task, failure } => Workflow::ActivityFailed {
            task: *task,
            error: failure.into(),
        },
        EventKind::SubOrchestrationCompleted { task, result } => {
            Workflow::SubOrchestrationCompleted {
                task: *task,
                result: Shown::from(result.as_ref()),
            }
        }
        EventKind::SubOrchestrationFailed { task, failure } => Workflow::SubOrchestrationFailed {
            task: *task,
            error: failure.into(),
        },
        EventKind::TimerFired { timer, .. } => Workflow::TimerFired { timer: *timer },
        EventKind::EventRaised { name, .. } => Workflow::EventRaised { name },
        EventKind::EntityOperationCompleted { output, .. } => Workflow::EntityAnswered {
            result: Shown::from(output.as_ref()),
        },
        EventKind::EntityOperationFailed { failure, .. } => Workflow::EntityFailed {
            error: failure.into(),
        },
        EventKind::EntityLockGranted { .. } => Workflow::LocksGranted,
        EventKind::ExecutionSuspended { .. } => Workflow::Suspended,
        EventKind::ExecutionResumed { .. } => Workflow::Resumed,
        EventKind::ExecutionRewound(rewound) => Workflow::Rewound {
            reason: rewound.reason.as_deref(),
        },
        _ => return,
    };
    journal.workflow(now, id, &facts);
}

/// The status that a turn leaves an orchestration in which has not ended.
pub(super) fn status_after(before: Status, new: &[HistoryEvent]) -> Status {
    new.iter().fold(
        if before == Status::Suspended {
            before
        } else {
            Status::Running
        },
        |status, event| match event.kind {
            EventKind::ExecutionSuspended { .. } => Status::Suspended,
            EventKind::ExecutionResumed { .. } => Status::Running,
            _ => status,
        },
    )
}
