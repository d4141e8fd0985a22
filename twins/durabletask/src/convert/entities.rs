//! What batches of operations came to.

use twinbench_engine::work::{EntityAction, EntityResult, EntityWork};
use twinbench_model::Epoch;

use super::{
    Error, arc, entity_id, failure, failure_details, filled, json, orchestration_instance, text,
    timestamp, to_trace, trace, virtual_time,
};
use crate::proto::{
    self as pb, operation_action::OperationActionType as Pb, operation_result::ResultType,
};

/// What a batch came to at a worker.
///
/// # Errors
/// When a result or an action is of no kind, or lacks what its kind needs.
pub fn entity_result(epoch: Epoch, result: pb::EntityBatchResult) -> Result<EntityResult, Error> {
    let results = result
        .results
        .into_iter()
        .map(|it| match it.result_type {
            Some(ResultType::Success(it)) => Ok(Ok(json(it.result))),
            Some(ResultType::Failure(it)) => {
                Ok(Err(failure(it.failure_details.unwrap_or_default())))
            }
            None => Err(Error::Missing("OperationResult.resultType")),
        })
        .collect::<Result<_, _>>()?;
    let actions = result
        .actions
        .into_iter()
        .map(|it| {
            let kind = it
                .operation_action_type
                .ok_or(Error::Missing("OperationAction.operationActionType"))?;
            action(epoch, kind)
        })
        .collect::<Result<_, _>>()?;
    Ok(EntityResult {
        results,
        actions,
        state: json(result.entity_state),
        failure: result.failure_details.map(failure),
    })
}

fn action(epoch: Epoch, action: Pb) -> Result<EntityAction, Error> {
    let time = |at: Option<prost_types::Timestamp>| at.map(|at| virtual_time(epoch, &at));
    Ok(match action {
        Pb::SendSignal(it) => EntityAction::Signal {
            target: entity_id(&it.instance_id)?,
            operation: it.name,
            input: json(it.input),
            scheduled: time(it.scheduled_time),
            trace: trace(it.parent_trace_context),
        },
        Pb::StartNewOrchestration(it) => EntityAction::StartOrchestration {
            instance: arc(filled(it.instance_id)),
            name: it.name,
            version: it.version,
            input: json(it.input),
            scheduled: time(it.scheduled_time),
            trace: trace(it.parent_trace_context),
        },
    })
}

/// The answer to a batch, to be sent with the token that the batch came with.
pub fn entity_batch_result(
    epoch: Epoch,
    work: &EntityWork,
    result: &EntityResult,
    completion_token: String,
) -> pb::EntityBatchResult {
    let results = result.results.iter().map(|result| {
        let kind = match result {
            Ok(value) => ResultType::Success(pb::OperationResultSuccess {
                result: text(value.as_ref()),
                ..pb::OperationResultSuccess::default()
            }),
            Err(failure) => ResultType::Failure(pb::OperationResultFailure {
                failure_details: Some(failure_details(failure)),
                ..pb::OperationResultFailure::default()
            }),
        };
        pb::OperationResult {
            result_type: Some(kind),
        }
    });
    let actions = result.actions.iter().zip(0..).map(|(action, id)| {
        let kind = match action {
            EntityAction::Signal {
                target,
                operation,
                input,
                scheduled,
                trace,
            } => Pb::SendSignal(pb::SendSignalAction {
                instance_id: target.to_string(),
                name: operation.clone(),
                input: text(input.as_ref()),
                scheduled_time: scheduled.map(|at| timestamp(epoch, at)),
                request_time: None,
                parent_trace_context: to_trace(trace.as_ref()),
            }),
            EntityAction::StartOrchestration {
                instance,
                name,
                version,
                input,
                scheduled,
                trace,
            } => Pb::StartNewOrchestration(pb::StartNewOrchestrationAction {
                instance_id: instance.as_deref().unwrap_or_default().to_owned(),
                name: name.clone(),
                version: version.clone(),
                input: text(input.as_ref()),
                scheduled_time: scheduled.map(|at| timestamp(epoch, at)),
                request_time: None,
                parent_trace_context: to_trace(trace.as_ref()),
            }),
        };
        pb::OperationAction {
            id,
            operation_action_type: Some(kind),
        }
    });
    let operation_infos = work.operations.iter().map(|operation| pb::OperationInfo {
        request_id: operation.request.to_string(),
        response_destination: operation
            .caller
            .as_ref()
            .map(|(instance, execution)| orchestration_instance(instance, Some(execution))),
    });
    pb::EntityBatchResult {
        results: results.collect(),
        actions: actions.collect(),
        entity_state: text(result.state.as_ref()),
        failure_details: result.failure.as_ref().map(failure_details),
        completion_token,
        operation_infos: operation_infos.take(result.results.len()).collect(),
        requires_state: false,
    }
}
