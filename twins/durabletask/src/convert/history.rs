//! Rows of histories.

use twinbench_engine::history::{EventKind, ExecutionRewound, ExecutionStarted, HistoryEvent};
use twinbench_model::Epoch;

use super::{
    Error, arc, entity_id, failure, failure_details, json, orchestration_instance, parent, status,
    text, timestamp, to_parent, to_trace, trace, virtual_time,
};
use crate::proto::{self as pb, history_event::EventType as Pb};

/// A row to be sent.
pub fn to_history_event(epoch: Epoch, event: &HistoryEvent) -> pb::HistoryEvent {
    pb::HistoryEvent {
        event_id: event.id,
        timestamp: Some(timestamp(epoch, event.at)),
        event_type: Some(to_event_type(epoch, &event.kind)),
    }
}

fn to_event_type(epoch: Epoch, kind: &EventKind) -> Pb {
    match kind {
        EventKind::OrchestratorStarted => Pb::OrchestratorStarted(pb::OrchestratorStartedEvent {}),
        EventKind::OrchestratorCompleted => {
            Pb::OrchestratorCompleted(pb::OrchestratorCompletedEvent {})
        }
        EventKind::ExecutionStarted(it) => Pb::ExecutionStarted(to_started(epoch, it)),
        EventKind::ExecutionCompleted {
            status,
            result,
            failure,
        } => Pb::ExecutionCompleted(pb::ExecutionCompletedEvent {
            orchestration_status: *status as i32,
            result: text(result.as_ref()),
            failure_details: failure.as_ref().map(failure_details),
        }),
        EventKind::ExecutionTerminated { input, recurse } => {
            Pb::ExecutionTerminated(pb::ExecutionTerminatedEvent {
                input: text(input.as_ref()),
                recurse: *recurse,
            })
        }
        EventKind::TaskScheduled {
            name,
            version,
            input,
            trace,
            tags,
        } => Pb::TaskScheduled(pb::TaskScheduledEvent {
            name: name.clone(),
            version: version.clone(),
            input: text(input.as_ref()),
            parent_trace_context: to_trace(trace.as_ref()),
            tags: tags.clone(),
        }),
        EventKind::TaskCompleted { task, result } => Pb::TaskCompleted(pb::TaskCompletedEvent {
            task_scheduled_id: *task,
            result: text(result.as_ref()),
        }),
        EventKind::TaskFailed { task, failure } => Pb::TaskFailed(pb::TaskFailedEvent {
            task_scheduled_id: *task,
            failure_details: Some(failure_details(failure)),
        }),
        EventKind::SubOrchestrationCreated {
            instance,
            name,
            version,
            input,
            trace,
            tags,
        } => Pb::SubOrchestrationInstanceCreated(pb::SubOrchestrationInstanceCreatedEvent {
            instance_id: instance.to_string(),
            name: name.clone(),
            version: version.clone(),
            input: text(input.as_ref()),
            parent_trace_context: to_trace(trace.as_ref()),
            tags: tags.clone(),
        }),
        EventKind::SubOrchestrationCompleted { task, result } => {
            Pb::SubOrchestrationInstanceCompleted(pb::SubOrchestrationInstanceCompletedEvent {
                task_scheduled_id: *task,
                result: text(result.as_ref()),
            })
        }
        EventKind::SubOrchestrationFailed { task, failure } => {
            Pb::SubOrchestrationInstanceFailed(pb::SubOrchestrationInstanceFailedEvent {
                task_scheduled_id: *task,
                failure_details: Some(failure_details(failure)),
            })
        }
        EventKind::TimerCreated { fire_at } => Pb::TimerCreated(pb::TimerCreatedEvent {
            fire_at: Some(timestamp(epoch, *fire_at)),
        }),
        EventKind::TimerFired { timer, fire_at } => Pb::TimerFired(pb::TimerFiredEvent {
            fire_at: Some(timestamp(epoch, *fire_at)),
            timer_id: *timer,
        }),
        EventKind::EventSent {
            instance,
            name,
            input,
        } => Pb::EventSent(pb::EventSentEvent {
            instance_id: instance.to_string(),
            name: name.clone(),
            input: text(input.as_ref()),
        }),
        EventKind::EventRaised { name, input } => Pb::EventRaised(pb::EventRaisedEvent {
            name: name.clone(),
            input: text(input.as_ref()),
        }),
        EventKind::GenericEvent { data } => Pb::GenericEvent(pb::GenericEvent {
            data: text(data.as_ref()),
        }),
        EventKind::HistoryState => Pb::HistoryState(pb::HistoryStateEvent {
            orchestration_state: None,
        }),
        EventKind::ContinueAsNew { input } => Pb::ContinueAsNew(pb::ContinueAsNewEvent {
            input: text(input.as_ref()),
        }),
        EventKind::ExecutionSuspended { reason } => {
            Pb::ExecutionSuspended(pb::ExecutionSuspendedEvent {
                input: text(reason.as_ref()),
            })
        }
        EventKind::ExecutionResumed { reason } => Pb::ExecutionResumed(pb::ExecutionResumedEvent {
            input: text(reason.as_ref()),
        }),
        EventKind::ExecutionRewound(it) => Pb::ExecutionRewound(to_rewound(it)),
        _ => to_entity_event(epoch, kind),
    }
}

fn to_entity_event(epoch: Epoch, kind: &EventKind) -> Pb {
    match kind {
        EventKind::EntityOperationSignaled {
            request,
            operation,
            scheduled,
            input,
            target,
        } => Pb::EntityOperationSignaled(pb::EntityOperationSignaledEvent {
            request_id: request.to_string(),
            operation: operation.clone(),
            scheduled_time: scheduled.map(|at| timestamp(epoch, at)),
            input: text(input.as_ref()),
            target_instance_id: Some(target.to_string()),
        }),
        EventKind::EntityOperationCalled {
            request,
            operation,
            scheduled,
            input,
            parent,
            parent_execution,
            target,
        } => Pb::EntityOperationCalled(pb::EntityOperationCalledEvent {
            request_id: request.to_string(),
            operation: operation.clone(),
            scheduled_time: scheduled.map(|at| timestamp(epoch, at)),
            input: text(input.as_ref()),
            parent_instance_id: Some(parent.to_string()),
            parent_execution_id: parent_execution.as_deref().map(str::to_owned),
            target_instance_id: Some(target.to_string()),
        }),
        EventKind::EntityOperationCompleted { request, output } => {
            Pb::EntityOperationCompleted(pb::EntityOperationCompletedEvent {
                request_id: request.to_string(),
                output: text(output.as_ref()),
            })
        }
        EventKind::EntityOperationFailed { request, failure } => {
            Pb::EntityOperationFailed(pb::EntityOperationFailedEvent {
                request_id: request.to_string(),
                failure_details: Some(failure_details(failure)),
            })
        }
        EventKind::EntityLockRequested {
            section,
            lock_set,
            position,
            parent,
        } => Pb::EntityLockRequested(pb::EntityLockRequestedEvent {
            critical_section_id: section.to_string(),
            lock_set: lock_set.iter().map(ToString::to_string).collect(),
            position: i32::try_from(*position).unwrap_or(i32::MAX),
            parent_instance_id: Some(parent.to_string()),
        }),
        EventKind::EntityLockGranted { section } => {
            Pb::EntityLockGranted(pb::EntityLockGrantedEvent {
                critical_section_id: section.to_string(),
            })
        }
        EventKind::EntityUnlockSent {
            section,
            parent,
            target,
        } => Pb::EntityUnlockSent(pb::EntityUnlockSentEvent {
            critical_section_id: section.to_string(),
            parent_instance_id: Some(parent.to_string()),
            target_instance_id: Some(target.to_string()),
        }),
        // Every other kind is taken by the caller.
        _ => Pb::GenericEvent(pb::GenericEvent { data: None }),
    }
}

fn to_started(epoch: Epoch, it: &ExecutionStarted) -> pb::ExecutionStartedEvent {
    pb::ExecutionStartedEvent {
        name: it.name.clone(),
        version: it.version.clone(),
        input: text(it.input.as_ref()),
        orchestration_instance: Some(orchestration_instance(&it.instance, Some(&it.execution))),
        parent_instance: to_parent(it.parent.as_ref()),
        scheduled_start_timestamp: it.scheduled_start.map(|at| timestamp(epoch, at)),
        parent_trace_context: to_trace(it.trace.as_ref()),
        orchestration_span_id: None,
        tags: it.tags.clone(),
    }
}

fn to_rewound(it: &ExecutionRewound) -> pb::ExecutionRewoundEvent {
    pb::ExecutionRewoundEvent {
        reason: it.reason.clone(),
        parent_execution_id: it.parent_execution.as_deref().map(str::to_owned),
        instance_id: it.instance.as_deref().map(str::to_owned),
        parent_trace_context: to_trace(it.trace.as_ref()),
        name: it.name.clone(),
        version: it.version.clone(),
        input: text(it.input.as_ref()),
        parent_instance: to_parent(it.parent.as_ref()),
        tags: it.tags.clone(),
    }
}

/// A row that came in.
///
/// # Errors
/// When it is of no kind, or lacks what its kind needs.
pub fn history_event(epoch: Epoch, event: pb::HistoryEvent) -> Result<HistoryEvent, Error> {
    let at = event
        .timestamp
        .map(|at| virtual_time(epoch, &at))
        .unwrap_or_default();
    let kind = event
        .event_type
        .ok_or(Error::Missing("HistoryEvent.eventType"))?;
    Ok(HistoryEvent {
        id: event.event_id,
        at,
        kind: event_kind(epoch, kind)?,
    })
}

fn event_kind(epoch: Epoch, kind: Pb) -> Result<EventKind, Error> {
    let time = |at: Option<prost_types::Timestamp>| at.map(|at| virtual_time(epoch, &at));
    Ok(match kind {
        Pb::OrchestratorStarted(_) => EventKind::OrchestratorStarted,
        Pb::OrchestratorCompleted(_) => EventKind::OrchestratorCompleted,
        Pb::ExecutionStarted(it) => EventKind::ExecutionStarted(Box::new(started(epoch, it)?)),
        Pb::ExecutionCompleted(it) => EventKind::ExecutionCompleted {
            status: status(it.orchestration_status)?,
            result: json(it.result),
            failure: it.failure_details.map(failure),
        },
        Pb::ExecutionTerminated(it) => EventKind::ExecutionTerminated {
            input: json(it.input),
            recurse: it.recurse,
        },
        Pb::TaskScheduled(it) => EventKind::TaskScheduled {
            name: it.name,
            version: it.version,
            input: json(it.input),
            trace: trace(it.parent_trace_context),
            tags: it.tags,
        },
        Pb::TaskCompleted(it) => EventKind::TaskCompleted {
            task: it.task_scheduled_id,
            result: json(it.result),
        },
        Pb::TaskFailed(it) => EventKind::TaskFailed {
            task: it.task_scheduled_id,
            failure: failure(it.failure_details.unwrap_or_default()),
        },
        Pb::SubOrchestrationInstanceCreated(it) => EventKind::SubOrchestrationCreated {
            instance: it.instance_id.into(),
            name: it.name,
            version: it.version,
            input: json(it.input),
            trace: trace(it.parent_trace_context),
            tags: it.tags,
        },
        Pb::SubOrchestrationInstanceCompleted(it) => EventKind::SubOrchestrationCompleted {
            task: it.task_scheduled_id,
            result: json(it.result),
        },
        Pb::SubOrchestrationInstanceFailed(it) => EventKind::SubOrchestrationFailed {
            task: it.task_scheduled_id,
            failure: failure(it.failure_details.unwrap_or_default()),
        },
        Pb::TimerCreated(it) => EventKind::TimerCreated {
            fire_at: time(it.fire_at).ok_or(Error::Missing("timerCreated.fireAt"))?,
        },
        Pb::TimerFired(it) => EventKind::TimerFired {
            timer: it.timer_id,
            fire_at: time(it.fire_at).ok_or(Error::Missing("timerFired.fireAt"))?,
        },
        Pb::EventSent(it) => EventKind::EventSent {
            instance: it.instance_id.into(),
            name: it.name,
            input: json(it.input),
        },
        Pb::EventRaised(it) => EventKind::EventRaised {
            name: it.name,
            input: json(it.input),
        },
        Pb::GenericEvent(it) => EventKind::GenericEvent {
            data: json(it.data),
        },
        Pb::HistoryState(_) => EventKind::HistoryState,
        Pb::ContinueAsNew(it) => EventKind::ContinueAsNew {
            input: json(it.input),
        },
        Pb::ExecutionSuspended(it) => EventKind::ExecutionSuspended {
            reason: json(it.input),
        },
        Pb::ExecutionResumed(it) => EventKind::ExecutionResumed {
            reason: json(it.input),
        },
        Pb::ExecutionRewound(it) => EventKind::ExecutionRewound(Box::new(ExecutionRewound {
            reason: it.reason,
            parent_execution: arc(it.parent_execution_id),
            instance: arc(it.instance_id),
            trace: trace(it.parent_trace_context),
            name: it.name,
            version: it.version,
            input: json(it.input),
            parent: parent(it.parent_instance)?,
            tags: it.tags,
        })),
        Pb::EntityOperationSignaled(it) => EventKind::EntityOperationSignaled {
            request: it.request_id.into(),
            operation: it.operation,
            scheduled: time(it.scheduled_time),
            input: json(it.input),
            target: entity_id(&it.target_instance_id.unwrap_or_default())?,
        },
        Pb::EntityOperationCalled(it) => EventKind::EntityOperationCalled {
            request: it.request_id.into(),
            operation: it.operation,
            scheduled: time(it.scheduled_time),
            input: json(it.input),
            parent: it.parent_instance_id.unwrap_or_default().into(),
            parent_execution: arc(it.parent_execution_id),
            target: entity_id(&it.target_instance_id.unwrap_or_default())?,
        },
        Pb::EntityOperationCompleted(it) => EventKind::EntityOperationCompleted {
            request: it.request_id.into(),
            output: json(it.output),
        },
        Pb::EntityOperationFailed(it) => EventKind::EntityOperationFailed {
            request: it.request_id.into(),
            failure: failure(it.failure_details.unwrap_or_default()),
        },
        Pb::EntityLockRequested(it) => EventKind::EntityLockRequested {
            section: it.critical_section_id.into(),
            lock_set: it
                .lock_set
                .iter()
                .map(|id| entity_id(id))
                .collect::<Result<_, _>>()?,
            position: u32::try_from(it.position).map_err(|_| Error::Negative {
                what: "entityLockRequested.position",
                number: it.position,
            })?,
            parent: it.parent_instance_id.unwrap_or_default().into(),
        },
        Pb::EntityLockGranted(it) => EventKind::EntityLockGranted {
            section: it.critical_section_id.into(),
        },
        Pb::EntityUnlockSent(it) => EventKind::EntityUnlockSent {
            section: it.critical_section_id.into(),
            parent: it.parent_instance_id.unwrap_or_default().into(),
            target: entity_id(&it.target_instance_id.unwrap_or_default())?,
        },
    })
}

fn started(epoch: Epoch, it: pb::ExecutionStartedEvent) -> Result<ExecutionStarted, Error> {
    let of = it
        .orchestration_instance
        .ok_or(Error::Missing("executionStarted.orchestrationInstance"))?;
    Ok(ExecutionStarted {
        name: it.name,
        version: it.version,
        input: json(it.input),
        instance: of.instance_id.into(),
        execution: of.execution_id.unwrap_or_default().into(),
        parent: parent(it.parent_instance)?,
        scheduled_start: it
            .scheduled_start_timestamp
            .map(|at| virtual_time(epoch, &at)),
        trace: trace(it.parent_trace_context),
        tags: it.tags,
    })
}
