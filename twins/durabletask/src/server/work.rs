//! What workers answer.

use tonic::Status;
use twinbench_engine::{
    CompleteError,
    work::{Action, Token, WorkKind},
};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::service::Service;
use crate::{convert, proto as pb};

/// A token as it stands in messages.
pub(super) fn text_of(token: Token) -> String {
    format!("{:x}", token.0)
}

fn token_of(text: &str) -> Result<Token, Status> {
    u64::from_str_radix(text, 16)
        .map(Token)
        .map_err(|_| Status::invalid_argument("the completion token is none of this server"))
}

fn unknown(cause: CompleteError) -> Status {
    match cause {
        CompleteError::UnknownToken => Status::not_found(cause.to_string()),
        CompleteError::OtherKind => Status::invalid_argument(cause.to_string()),
    }
}

/// An answer that means nothing is as good as none: the item is given out again, and fails after
/// some such answers.
async fn refuse(service: &Service, hub: &str, token: Token, cause: convert::Error) -> Status {
    let lost = service.handle.with_desk(hub, move |engine, desk, now| {
        desk.workers.finish(token);
        engine.lose(token, now);
    });
    match lost.await {
        Ok(()) => cause.into(),
        Err(gone) => gone.into(),
    }
}

pub(super) async fn complete_orchestrator_task(
    service: &Service,
    hub: &str,
    mut response: pb::OrchestratorResponse,
) -> Result<pb::CompleteTaskResponse, Status> {
    let token = token_of(&response.completion_token)?;
    if response.requires_history {
        // It is always sent.
        give_back(service, hub, token, None).await?;
        return Ok(pb::CompleteTaskResponse {});
    }
    if response.is_partial {
        let actions = std::mem::take(&mut response.actions);
        let kept = service.handle.with_desk(hub, move |_, desk, _| {
            desk.workers.keep_part(token, actions)
        });
        if !kept.await? {
            return Err(unknown(CompleteError::UnknownToken));
        }
        return Ok(pb::CompleteTaskResponse {});
    }
    let instance = response.instance_id.clone();
    let span = response.orchestration_trace_context.take();
    let result = match convert::orchestrator_result(service.epoch(), response) {
        Ok(result) => result,
        Err(cause) => return Err(refuse(service, hub, token, cause).await),
    };
    let epoch = service.epoch();
    let completed = service.handle.with_desk(hub, move |engine, desk, now| {
        let mut result = result;
        let parts = desk.workers.finish_one(token, WorkKind::Orchestration);
        if !parts.is_empty() {
            let first = pb::OrchestratorResponse {
                actions: parts,
                ..pb::OrchestratorResponse::default()
            };
            match convert::orchestrator_result(epoch, first) {
                Ok(first) => {
                    result.actions.splice(0..0, first.actions);
                }
                Err(cause) => {
                    engine.lose(token, now);
                    return Err(Status::from(cause));
                }
            }
        }
        let ends = result.actions.iter().any(|(_, action)| {
            matches!(
                action,
                Action::Complete { .. } | Action::ContinueAsNew { .. }
            )
        });
        desk.workers.keep_span(&instance, span.filter(|_| !ends));
        engine
            .complete_orchestration(token, result, now)
            .map_err(unknown)
    });
    completed.await??;
    Ok(pb::CompleteTaskResponse {})
}

pub(super) async fn complete_activity_task(
    service: &Service,
    hub: &str,
    response: pb::ActivityResponse,
) -> Result<pb::CompleteTaskResponse, Status> {
    let token = token_of(&response.completion_token)?;
    let result = convert::activity_result(response);
    let completed = service.handle.with_desk(hub, move |engine, desk, now| {
        desk.workers.finish_one(token, WorkKind::Activity);
        engine.complete_activity(token, result, now)
    });
    completed.await?.map_err(unknown)?;
    Ok(pb::CompleteTaskResponse {})
}

pub(super) async fn complete_entity_task(
    service: &Service,
    hub: &str,
    result: pb::EntityBatchResult,
) -> Result<pb::CompleteTaskResponse, Status> {
    let token = token_of(&result.completion_token)?;
    if result.requires_state {
        // It is always sent.
        give_back(service, hub, token, None).await?;
        return Ok(pb::CompleteTaskResponse {});
    }
    let result = match convert::entity_result(service.epoch(), result) {
        Ok(result) => result,
        Err(cause) => return Err(refuse(service, hub, token, cause).await),
    };
    let completed = service.handle.with_desk(hub, move |engine, desk, now| {
        desk.workers.finish_one(token, WorkKind::Entity);
        engine.complete_entity(token, result, now)
    });
    completed.await?.map_err(unknown)?;
    Ok(pb::CompleteTaskResponse {})
}

pub(super) async fn abandon_task_orchestrator_work_item(
    service: &Service,
    hub: &str,
    request: pb::AbandonOrchestrationTaskRequest,
) -> Result<pb::AbandonOrchestrationTaskResponse, Status> {
    abandon(service, hub, &request.completion_token).await?;
    Ok(pb::AbandonOrchestrationTaskResponse {})
}

pub(super) async fn abandon_task_activity_work_item(
    service: &Service,
    hub: &str,
    request: pb::AbandonActivityTaskRequest,
) -> Result<pb::AbandonActivityTaskResponse, Status> {
    abandon(service, hub, &request.completion_token).await?;
    Ok(pb::AbandonActivityTaskResponse {})
}

pub(super) async fn abandon_task_entity_work_item(
    service: &Service,
    hub: &str,
    request: pb::AbandonEntityTaskRequest,
) -> Result<pb::AbandonEntityTaskResponse, Status> {
    abandon(service, hub, &request.completion_token).await?;
    Ok(pb::AbandonEntityTaskResponse {})
}

/// Puts an item off for a moment, so that a worker that cannot do it does not get it at once
/// again. One that is not out any more needs nothing.
async fn abandon(service: &Service, hub: &str, token: &str) -> Result<(), Status> {
    let token = token_of(token)?;
    let delay = u64::try_from(service.options.abandon_delay.as_nanos()).unwrap_or(u64::MAX);
    give_back(
        service,
        hub,
        token,
        Some(VirtualDuration::from_nanos(delay)),
    )
    .await
}

async fn give_back(
    service: &Service,
    hub: &str,
    token: Token,
    delay: Option<VirtualDuration>,
) -> Result<(), Status> {
    let given = service.handle.with_desk(hub, move |engine, desk, now| {
        desk.workers.finish(token);
        let not_before = delay.map(|delay| VirtualTime::saturating_add(now, delay));
        engine.abandon(token, not_before, now);
    });
    Ok(given.await?)
}
