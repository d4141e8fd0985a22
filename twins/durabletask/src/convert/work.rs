//! Work items, and what activities come to.

use std::sync::Arc;

use twinbench_engine::{
    Failure, Json,
    history::{EventKind, HistoryEvent},
    work::{ActivityWork, EntityWork, OperationRequest, OrchestratorWork, Token},
};
use twinbench_model::Epoch;

use super::{
    Error, entity_id, failure, failure_details, history_event, json, orchestration_instance, text,
    timestamp, to_history_event, to_trace, trace, virtual_time,
};
use crate::proto::{self as pb, history_event::EventType};

/// A turn, to be sent; `past` is left out when the worker asks for it by itself.
pub fn orchestrator_request(
    epoch: Epoch,
    work: &OrchestratorWork,
    streamed: bool,
) -> pb::OrchestratorRequest {
    let events = |events: &[HistoryEvent]| {
        events
            .iter()
            .map(|event| to_history_event(epoch, event))
            .collect()
    };
    pb::OrchestratorRequest {
        instance_id: work.instance.to_string(),
        execution_id: Some(work.execution.to_string()),
        past_events: if streamed {
            Vec::new()
        } else {
            events(&work.past)
        },
        new_events: events(&work.new),
        requires_history_streaming: streamed,
        ..pb::OrchestratorRequest::default()
    }
}

/// A turn that came in. Its past is what was sent along, or `streamed` when it came by itself.
///
/// # Errors
/// When a row means nothing, or none tells what is to be run.
pub fn orchestrator_work(
    epoch: Epoch,
    request: pb::OrchestratorRequest,
    streamed: Option<Vec<pb::HistoryEvent>>,
) -> Result<OrchestratorWork, Error> {
    let events = |events: Vec<pb::HistoryEvent>| -> Result<Vec<HistoryEvent>, Error> {
        events
            .into_iter()
            .map(|event| history_event(epoch, event))
            .collect()
    };
    let past = events(streamed.unwrap_or(request.past_events))?;
    let new = events(request.new_events)?;
    let started = past.iter().chain(&new).find_map(|event| match &event.kind {
        EventKind::ExecutionStarted(started) => Some(started),
        _ => None,
    });
    let started = started.ok_or(Error::Missing("an executionStarted event"))?;
    let (name, version) = (started.name.clone(), started.version.clone());
    Ok(OrchestratorWork {
        token: Token(0),
        instance: request.instance_id.into(),
        execution: request.execution_id.unwrap_or_default().into(),
        name,
        version,
        past: Arc::new(past),
        new,
    })
}

/// A batch of operations, to be sent.
pub fn entity_request(epoch: Epoch, work: &EntityWork) -> pb::EntityRequest {
    let target = work.id.to_string();
    let operations = work.operations.iter().map(|it| {
        let scheduled_time = it.scheduled.map(|at| timestamp(epoch, at));
        let event_type = match &it.caller {
            Some((instance, execution)) => {
                EventType::EntityOperationCalled(pb::EntityOperationCalledEvent {
                    request_id: it.request.to_string(),
                    operation: it.operation.to_string(),
                    scheduled_time,
                    input: text(it.input.as_ref()),
                    parent_instance_id: Some(instance.to_string()),
                    parent_execution_id: Some(execution.to_string()),
                    target_instance_id: Some(target.clone()),
                })
            }
            None => EventType::EntityOperationSignaled(pb::EntityOperationSignaledEvent {
                request_id: it.request.to_string(),
                operation: it.operation.to_string(),
                scheduled_time,
                input: text(it.input.as_ref()),
                target_instance_id: Some(target.clone()),
            }),
        };
        pb::HistoryEvent {
            event_id: -1,
            timestamp: None,
            event_type: Some(event_type),
        }
    });
    pb::EntityRequest {
        instance_id: target.clone(),
        execution_id: String::new(),
        entity_state: text(work.state.as_ref()),
        operation_requests: operations.collect(),
    }
}

/// A batch of operations that came in.
///
/// # Errors
/// When the entity's id is none, or an operation is of no kind.
pub fn entity_work(epoch: Epoch, request: pb::EntityRequest) -> Result<EntityWork, Error> {
    let mut operations = Vec::with_capacity(request.operation_requests.len());
    for event in request.operation_requests {
        let kind = event
            .event_type
            .ok_or(Error::Missing("HistoryEvent.eventType"))?;
        match kind {
            EventType::EntityOperationSignaled(it) => operations.push(OperationRequest {
                request: it.request_id.into(),
                operation: it.operation.into(),
                input: json(it.input),
                caller: None,
                scheduled: it.scheduled_time.map(|at| virtual_time(epoch, &at)),
                trace: None,
            }),
            EventType::EntityOperationCalled(it) => operations.push(OperationRequest {
                request: it.request_id.into(),
                operation: it.operation.into(),
                input: json(it.input),
                caller: it.parent_instance_id.map(|instance| {
                    let execution = it.parent_execution_id.unwrap_or_default();
                    (instance.into(), execution.into())
                }),
                scheduled: it.scheduled_time.map(|at| virtual_time(epoch, &at)),
                trace: None,
            }),
            // Locks are the server's business.
            _ => {}
        }
    }
    Ok(EntityWork {
        token: Token(0),
        id: entity_id(&request.instance_id)?,
        state: json(request.entity_state),
        operations,
    })
}

/// The same in its earlier form, in which the server remembers where answers go.
///
/// # Errors
/// When the entity's id is none.
pub fn entity_work_v1(request: pb::EntityBatchRequest) -> Result<EntityWork, Error> {
    let operations = request.operations.into_iter().map(|it| OperationRequest {
        request: it.request_id.into(),
        operation: it.operation.into(),
        input: json(it.input),
        caller: None,
        scheduled: None,
        trace: trace(it.trace_context),
    });
    Ok(EntityWork {
        token: Token(0),
        id: entity_id(&request.instance_id)?,
        state: json(request.entity_state),
        operations: operations.collect(),
    })
}

/// An activity, to be sent.
pub fn activity_request(work: &ActivityWork) -> pb::ActivityRequest {
    pb::ActivityRequest {
        name: work.name.clone(),
        version: work.version.clone(),
        input: text(work.input.as_ref()),
        orchestration_instance: Some(orchestration_instance(
            &work.instance,
            Some(&work.execution),
        )),
        task_id: work.task,
        parent_trace_context: to_trace(work.trace.as_ref()),
        tags: work.tags.clone(),
    }
}

/// An activity that came in.
///
/// # Errors
/// When it does not say whose it is.
pub fn activity_work(request: pb::ActivityRequest) -> Result<ActivityWork, Error> {
    let of = request
        .orchestration_instance
        .ok_or(Error::Missing("ActivityRequest.orchestrationInstance"))?;
    Ok(ActivityWork {
        token: Token(0),
        instance: of.instance_id.into(),
        execution: of.execution_id.unwrap_or_default().into(),
        task: request.task_id,
        name: request.name,
        version: request.version,
        input: json(request.input),
        trace: trace(request.parent_trace_context),
        tags: request.tags,
    })
}

/// What an activity came to at a worker.
///
/// # Errors
/// The activity's failure.
pub fn activity_result(response: pb::ActivityResponse) -> Result<Option<Json>, Failure> {
    match response.failure_details {
        Some(details) => Err(failure(details)),
        None => Ok(json(response.result)),
    }
}

/// The answer to an activity, to be sent with the token that it came with.
pub fn activity_response(
    work: &ActivityWork,
    result: &Result<Json, Failure>,
    completion_token: String,
) -> pb::ActivityResponse {
    pb::ActivityResponse {
        instance_id: work.instance.to_string(),
        task_id: work.task,
        result: text(result.as_ref().ok()),
        failure_details: result.as_ref().err().map(failure_details),
        completion_token,
    }
}
