//! What orchestrators want done.

use twinbench_engine::{
    Failure, Status,
    history::Trace,
    work::{Action, OrchestratorResult, OrchestratorWork},
};
use twinbench_model::{EntityId, Epoch};

use super::{
    Error, arc, entity_id, failure, failure_details, filled, history_event, json,
    orchestration_instance, status, text, timestamp, to_history_event, to_trace, trace,
    virtual_time,
};
use crate::proto::{
    self as pb, orchestrator_action::OrchestratorActionType as Pb,
    send_entity_message_action::EntityMessageType as Message,
};

/// What an orchestrator at a worker wants done.
///
/// # Errors
/// When an action is of no kind, or lacks what its kind needs.
pub fn orchestrator_result(
    epoch: Epoch,
    response: pb::OrchestratorResponse,
) -> Result<OrchestratorResult, Error> {
    let actions = response
        .actions
        .into_iter()
        .map(|it| {
            let kind = it
                .orchestrator_action_type
                .ok_or(Error::Missing("OrchestratorAction.orchestratorActionType"))?;
            Ok((it.id, action(epoch, kind)?))
        })
        .collect::<Result<_, _>>()?;
    let events_processed = response
        .num_events_processed
        .map(|number| super::page(number, "numEventsProcessed"))
        .transpose()?;
    Ok(OrchestratorResult {
        actions,
        custom_status: json(response.custom_status),
        events_processed,
    })
}

fn action(epoch: Epoch, action: Pb) -> Result<Action, Error> {
    let time = |at: Option<prost_types::Timestamp>| at.map(|at| virtual_time(epoch, &at));
    Ok(match action {
        Pb::ScheduleTask(it) => Action::ScheduleTask {
            name: it.name,
            version: it.version,
            input: json(it.input),
            trace: trace(it.parent_trace_context),
            tags: it.tags,
        },
        Pb::CreateTimer(it) => Action::CreateTimer {
            fire_at: time(it.fire_at).ok_or(Error::Missing("createTimer.fireAt"))?,
        },
        Pb::CreateSubOrchestration(it) => Action::CreateSubOrchestration {
            instance: arc(filled(it.instance_id)),
            name: it.name,
            version: it.version,
            input: json(it.input),
            trace: trace(it.parent_trace_context),
            tags: it.tags,
        },
        Pb::SendEvent(it) => Action::SendEvent {
            instance: it
                .instance
                .ok_or(Error::Missing("sendEvent.instance"))?
                .instance_id
                .into(),
            name: it.name,
            input: json(it.data),
        },
        Pb::CompleteOrchestration(it) => complete(epoch, it)?,
        Pb::TerminateOrchestration(it) => Action::Terminate {
            instance: it.instance_id.into(),
            reason: json(it.reason),
            recurse: it.recurse,
        },
        Pb::SendEntityMessage(it) => entity_message(
            epoch,
            it.entity_message_type
                .ok_or(Error::Missing("sendEntityMessage.EntityMessageType"))?,
        )?,
        Pb::RewindOrchestration(it) => Action::Rewind {
            new_history: it
                .new_history
                .into_iter()
                .map(|event| history_event(epoch, event))
                .collect::<Result<_, _>>()?,
        },
    })
}

fn complete(epoch: Epoch, it: pb::CompleteOrchestrationAction) -> Result<Action, Error> {
    let ended = status(it.orchestration_status)?;
    match ended {
        Status::ContinuedAsNew => Ok(Action::ContinueAsNew {
            input: json(it.result),
            new_version: it.new_version,
            carryover: it
                .carryover_events
                .into_iter()
                .map(|event| history_event(epoch, event))
                .collect::<Result<_, _>>()?,
            tags: (!it.tags.is_empty()).then_some(it.tags),
        }),
        _ if ended.is_final() => {
            // Older workers say only in words why.
            let told = it.failure_details.map(failure).or_else(|| {
                let details = it.details.filter(|_| ended == Status::Failed)?;
                Some(Failure::new("OrchestrationFailed", details))
            });
            Ok(Action::Complete {
                status: ended,
                result: json(it.result),
                failure: told,
            })
        }
        _ => Err(Error::Number {
            kind: "status that an orchestration can end with",
            number: it.orchestration_status,
        }),
    }
}

fn entity_message(epoch: Epoch, message: Message) -> Result<Action, Error> {
    let target = |id: Option<String>| entity_id(&id.unwrap_or_default());
    let time = |at: Option<prost_types::Timestamp>| at.map(|at| virtual_time(epoch, &at));
    Ok(match message {
        Message::EntityOperationSignaled(it) => Action::SignalEntity {
            request: it.request_id.into(),
            target: target(it.target_instance_id)?,
            operation: it.operation,
            input: json(it.input),
            scheduled: time(it.scheduled_time),
        },
        Message::EntityOperationCalled(it) => Action::CallEntity {
            request: it.request_id.into(),
            target: target(it.target_instance_id)?,
            operation: it.operation,
            input: json(it.input),
            scheduled: time(it.scheduled_time),
        },
        Message::EntityLockRequested(it) => {
            let mut lock_set: Vec<EntityId> = it
                .lock_set
                .iter()
                .map(|id| entity_id(id))
                .collect::<Result<_, _>>()?;
            lock_set.sort();
            lock_set.dedup();
            if lock_set.is_empty() {
                return Err(Error::Missing("entityLockRequested.lockSet"));
            }
            Action::LockEntities {
                section: it.critical_section_id.into(),
                lock_set,
            }
        }
        Message::EntityUnlockSent(it) => Action::UnlockEntity {
            section: it.critical_section_id.into(),
            target: target(it.target_instance_id)?,
        },
    })
}

/// The answer to a turn, to be sent with the token that the turn came with.
pub fn orchestrator_response(
    epoch: Epoch,
    work: &OrchestratorWork,
    result: &OrchestratorResult,
    completion_token: String,
) -> pb::OrchestratorResponse {
    let actions = result.actions.iter().map(|(id, action)| {
        let kind = to_action(epoch, &work.instance, &work.execution, action);
        pb::OrchestratorAction {
            id: *id,
            orchestrator_action_type: Some(kind),
        }
    });
    pb::OrchestratorResponse {
        instance_id: work.instance.to_string(),
        actions: actions.collect(),
        custom_status: text(result.custom_status.as_ref()),
        completion_token,
        num_events_processed: result
            .events_processed
            .map(|number| i32::try_from(number).unwrap_or(i32::MAX)),
        ..pb::OrchestratorResponse::default()
    }
}

fn to_action(epoch: Epoch, instance: &str, execution: &str, action: &Action) -> Pb {
    let context = |trace: &Option<Trace>| to_trace(trace.as_ref());
    match action {
        Action::ScheduleTask {
            name,
            version,
            input,
            trace,
            tags,
        } => Pb::ScheduleTask(pb::ScheduleTaskAction {
            name: name.clone(),
            version: version.clone(),
            input: text(input.as_ref()),
            tags: tags.clone(),
            parent_trace_context: context(trace),
        }),
        Action::CreateTimer { fire_at } => Pb::CreateTimer(pb::CreateTimerAction {
            fire_at: Some(timestamp(epoch, *fire_at)),
        }),
        Action::CreateSubOrchestration {
            instance,
            name,
            version,
            input,
            trace,
            tags,
        } => Pb::CreateSubOrchestration(pb::CreateSubOrchestrationAction {
            instance_id: instance.as_deref().unwrap_or_default().to_owned(),
            name: name.clone(),
            version: version.clone(),
            input: text(input.as_ref()),
            parent_trace_context: context(trace),
            tags: tags.clone(),
        }),
        Action::SendEvent {
            instance,
            name,
            input,
        } => Pb::SendEvent(pb::SendEventAction {
            instance: Some(orchestration_instance(instance, None)),
            name: name.clone(),
            data: text(input.as_ref()),
        }),
        Action::Terminate {
            instance,
            reason,
            recurse,
        } => Pb::TerminateOrchestration(pb::TerminateOrchestrationAction {
            instance_id: instance.to_string(),
            reason: text(reason.as_ref()),
            recurse: *recurse,
        }),
        Action::Complete {
            status,
            result,
            failure,
        } => Pb::CompleteOrchestration(pb::CompleteOrchestrationAction {
            orchestration_status: *status as i32,
            result: text(result.as_ref()),
            failure_details: failure.as_ref().map(failure_details),
            ..pb::CompleteOrchestrationAction::default()
        }),
        Action::ContinueAsNew {
            input,
            new_version,
            carryover,
            tags,
        } => Pb::CompleteOrchestration(pb::CompleteOrchestrationAction {
            orchestration_status: Status::ContinuedAsNew as i32,
            result: text(input.as_ref()),
            new_version: new_version.clone(),
            carryover_events: carryover
                .iter()
                .map(|event| to_history_event(epoch, event))
                .collect(),
            tags: tags.clone().unwrap_or_default(),
            ..pb::CompleteOrchestrationAction::default()
        }),
        Action::Rewind { new_history } => Pb::RewindOrchestration(pb::RewindOrchestrationAction {
            new_history: new_history
                .iter()
                .map(|event| to_history_event(epoch, event))
                .collect(),
        }),
        Action::SignalEntity { .. }
        | Action::CallEntity { .. }
        | Action::LockEntities { .. }
        | Action::UnlockEntity { .. } => Pb::SendEntityMessage(pb::SendEntityMessageAction {
            entity_message_type: to_entity_message(epoch, instance, execution, action),
        }),
    }
}

fn to_entity_message(
    epoch: Epoch,
    instance: &str,
    execution: &str,
    action: &Action,
) -> Option<Message> {
    Some(match action {
        Action::SignalEntity {
            request,
            target,
            operation,
            input,
            scheduled,
        } => Message::EntityOperationSignaled(pb::EntityOperationSignaledEvent {
            request_id: request.to_string(),
            operation: operation.clone(),
            scheduled_time: scheduled.map(|at| timestamp(epoch, at)),
            input: text(input.as_ref()),
            target_instance_id: Some(target.to_string()),
        }),
        Action::CallEntity {
            request,
            target,
            operation,
            input,
            scheduled,
        } => Message::EntityOperationCalled(pb::EntityOperationCalledEvent {
            request_id: request.to_string(),
            operation: operation.clone(),
            scheduled_time: scheduled.map(|at| timestamp(epoch, at)),
            input: text(input.as_ref()),
            parent_instance_id: Some(instance.to_owned()),
            parent_execution_id: Some(execution.to_owned()),
            target_instance_id: Some(target.to_string()),
        }),
        Action::LockEntities { section, lock_set } => {
            Message::EntityLockRequested(pb::EntityLockRequestedEvent {
                critical_section_id: section.to_string(),
                lock_set: lock_set.iter().map(ToString::to_string).collect(),
                position: 0,
                parent_instance_id: Some(instance.to_owned()),
            })
        }
        Action::UnlockEntity { section, target } => {
            Message::EntityUnlockSent(pb::EntityUnlockSentEvent {
                critical_section_id: section.to_string(),
                parent_instance_id: Some(instance.to_owned()),
                target_instance_id: Some(target.to_string()),
            })
        }
        _ => return None,
    })
}
