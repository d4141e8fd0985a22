//! One work item at a time: what came, what it comes to, and telling that.

use std::{sync::Arc, time::Duration};

use tonic::{Code, Request, Status};
use twinbench_engine::{
    Failure, Functions, OnMismatch,
    work::{EntityWork, OrchestratorResult, OrchestratorWork, WorkKind},
};
use twinbench_model::{Epoch, VirtualTime};

use super::Client;
use crate::{
    convert,
    proto::{self as pb, work_item::Request as Item},
};

/// How often an answer is tried to be delivered.
const TRIES: u32 = 5;

/// Why an item was not done.
#[derive(Debug, thiserror::Error)]
enum Undone {
    #[error("it means nothing: {0}")]
    Meaning(#[from] convert::Error),
    #[error("the server failed: {}", .0.message())]
    Server(#[from] Box<Status>),
    #[error("it is of a version that other workers run")]
    Version,
    #[error("its function did not come to an end")]
    Thread,
}

impl From<Status> for Undone {
    fn from(cause: Status) -> Self {
        Self::Server(Box::new(cause))
    }
}

/// Does an item and tells what it came to. One that cannot be done is given back.
pub(super) async fn work_on(
    client: Client,
    functions: Arc<Functions>,
    epoch: Epoch,
    item: pb::WorkItem,
) {
    let token = item.completion_token.clone();
    let (kind, back) = (kind_of(&item), token.clone());
    let done = match item.request {
        Some(Item::OrchestratorRequest(request)) => {
            orchestrate(client.clone(), functions, epoch, request, token).await
        }
        Some(Item::ActivityRequest(request)) => {
            perform(client.clone(), functions, epoch, request, token).await
        }
        Some(Item::EntityRequestV2(request)) => match convert::entity_work(epoch, request) {
            Ok(work) => operate(client.clone(), functions, epoch, work, token, true).await,
            Err(cause) => Err(cause.into()),
        },
        Some(Item::EntityRequest(request)) => match convert::entity_work_v1(request) {
            Ok(work) => operate(client.clone(), functions, epoch, work, token, false).await,
            Err(cause) => Err(cause.into()),
        },
        Some(Item::HealthPing(_)) | None => Ok(()),
    };
    if let Err(cause) = done {
        tracing::warn!(%cause, "a work item was not done");
        give_back(client, kind, back).await;
    }
}

/// What kind of work it is; none for a ping.
pub(super) const fn kind_of(item: &pb::WorkItem) -> Option<WorkKind> {
    match &item.request {
        Some(Item::OrchestratorRequest(_)) => Some(WorkKind::Orchestration),
        Some(Item::ActivityRequest(_)) => Some(WorkKind::Activity),
        Some(Item::EntityRequest(_) | Item::EntityRequestV2(_)) => Some(WorkKind::Entity),
        Some(Item::HealthPing(_)) | None => None,
    }
}

async fn orchestrate(
    mut client: Client,
    functions: Arc<Functions>,
    epoch: Epoch,
    mut request: pb::OrchestratorRequest,
    token: String,
) -> Result<(), Undone> {
    let streamed = if request.requires_history_streaming {
        Some(history(&mut client, &request).await?)
    } else {
        None
    };
    let span = request.orchestration_trace_context.take();
    let work = convert::orchestrator_work(epoch, request, streamed)?;
    let running = tokio::task::spawn_blocking(move || {
        let result = orchestrated(&functions, &work, epoch);
        (work, result)
    });
    let (work, result) = running.await.map_err(|_| Undone::Thread)?;
    let result = result?;
    let mut response = convert::orchestrator_response(epoch, &work, &result, token);
    response.orchestration_trace_context = span;
    deliver(|| {
        let (mut client, response) = (client.clone(), response.clone());
        async move { client.complete_orchestrator_task(response).await }
    })
    .await;
    Ok(())
}

/// What an orchestrator wants, if it is of a version that is run here. One that has begun is not
/// given up.
fn orchestrated(
    functions: &Functions,
    work: &OrchestratorWork,
    epoch: Epoch,
) -> Result<OrchestratorResult, Undone> {
    let versioning = functions.versioning();
    if !work.past.is_empty() || versioning.takes(work.version.as_deref()) {
        return Ok(functions.orchestrate(work, epoch));
    }
    match versioning.others {
        OnMismatch::Reject => Err(Undone::Version),
        OnMismatch::Fail => Ok(OrchestratorResult::failed(Failure::new(
            "VersionMismatch",
            format!(
                "orchestration {:?} has version {:?}, this worker is of version {:?}",
                work.name,
                work.version.as_deref().unwrap_or_default(),
                versioning.own
            ),
        ))),
    }
}

async fn history(
    client: &mut Client,
    request: &pb::OrchestratorRequest,
) -> Result<Vec<pb::HistoryEvent>, Undone> {
    let asked = pb::StreamInstanceHistoryRequest {
        instance_id: request.instance_id.clone(),
        execution_id: request.execution_id.clone(),
        for_work_item_processing: true,
    };
    let mut chunks = client.stream_instance_history(asked).await?.into_inner();
    let mut events = Vec::new();
    while let Some(chunk) = chunks.message().await? {
        events.extend(chunk.events);
    }
    Ok(events)
}

async fn operate(
    client: Client,
    functions: Arc<Functions>,
    epoch: Epoch,
    work: EntityWork,
    token: String,
    tells_callers: bool,
) -> Result<(), Undone> {
    let now = now(epoch);
    let running = tokio::task::spawn_blocking(move || {
        let result = functions.operate(&work, now, epoch);
        (work, result)
    });
    let (work, result) = running.await.map_err(|_| Undone::Thread)?;
    let mut response = convert::entity_batch_result(epoch, &work, &result, token);
    if !tells_callers {
        response.operation_infos.clear();
    }
    deliver(|| {
        let (mut client, response) = (client.clone(), response.clone());
        async move { client.complete_entity_task(response).await }
    })
    .await;
    Ok(())
}

async fn perform(
    client: Client,
    functions: Arc<Functions>,
    epoch: Epoch,
    request: pb::ActivityRequest,
    token: String,
) -> Result<(), Undone> {
    let work = convert::activity_work(request)?;
    let (begun, at) = (work.clone(), now(epoch));
    // A task of its own: a panic ends the activity, not the worker.
    let running = tokio::spawn(async move { functions.perform(&begun, at).await });
    let result = running.await.unwrap_or_else(|cause| {
        let text = format!("the activity panicked: {cause}");
        Err(Failure::new(Failure::PANIC, text))
    });
    let response = convert::activity_response(&work, &result, token);
    deliver(|| {
        let (mut client, response) = (client.clone(), response.clone());
        async move { client.complete_activity_task(response).await }
    })
    .await;
    Ok(())
}

/// Tells the server what an item came to. While it is away it is tried again; what it refuses it
/// has given to somebody else.
async fn deliver<F>(call: impl Fn() -> F)
where
    F: Future<Output = Result<tonic::Response<pb::CompleteTaskResponse>, Status>>,
{
    let mut pause = Duration::from_millis(200);
    for left in (0..TRIES).rev() {
        match call().await {
            Ok(_) => return,
            Err(cause) if cause.code() == Code::Unavailable && left > 0 => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(cause) => {
                let message = cause.message();
                tracing::warn!(message, "the result of a work item was not taken");
                return;
            }
        }
    }
}

/// Gives an item back undone.
pub(super) async fn give_back(
    mut client: Client,
    kind: Option<WorkKind>,
    completion_token: String,
) {
    let given = match kind {
        Some(WorkKind::Orchestration) => client
            .abandon_task_orchestrator_work_item(Request::new(
                pb::AbandonOrchestrationTaskRequest { completion_token },
            ))
            .await
            .map(drop),
        Some(WorkKind::Activity) => client
            .abandon_task_activity_work_item(pb::AbandonActivityTaskRequest { completion_token })
            .await
            .map(drop),
        Some(WorkKind::Entity) => client
            .abandon_task_entity_work_item(pb::AbandonEntityTaskRequest { completion_token })
            .await
            .map(drop),
        None => Ok(()),
    };
    if let Err(cause) = given {
        tracing::warn!(message = cause.message(), "a work item was not given back");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a worker is an edge: its functions see the wall clock's time"
)]
fn now(epoch: Epoch) -> VirtualTime {
    jiff::Timestamp::try_from(std::time::SystemTime::now())
        .ok()
        .and_then(|now| epoch.virtual_time(now))
        .unwrap_or_default()
}
