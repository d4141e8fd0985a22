//! The service: who calls, for which task hub, and what each call is answered by.

use std::pin::Pin;

use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use twinbench_model::Epoch;

use super::{ServerOptions, clients, stream, work};
use crate::{
    convert,
    handle::{EngineHandle, HandleError},
    proto::{self as pb, task_hub_sidecar_service_server::TaskHubSidecarService},
};

/// What every call needs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) handle: EngineHandle,
    pub(super) options: ServerOptions,
    pub(super) closed: watch::Receiver<bool>,
}

type Answer<T> = Result<Response<T>, Status>;

impl From<HandleError> for Status {
    fn from(cause: HandleError) -> Self {
        match cause {
            HandleError::Gone => Self::unavailable(cause.to_string()),
            HandleError::NoHub(_) => Self::not_found(cause.to_string()),
        }
    }
}

impl From<convert::Error> for Status {
    fn from(cause: convert::Error) -> Self {
        Self::invalid_argument(cause.to_string())
    }
}

impl Service {
    pub(super) const fn new(
        handle: EngineHandle,
        options: ServerOptions,
        closed: watch::Receiver<bool>,
    ) -> Self {
        Self {
            handle,
            options,
            closed,
        }
    }

    pub(super) const fn epoch(&self) -> Epoch {
        self.handle.epoch()
    }

    /// Who calls must be allowed to. Gives the task hub that is meant.
    fn hub<T>(&self, request: &Request<T>) -> Result<String, Status> {
        self.check_key(request)?;
        let Some(hub) = request.metadata().get("taskhub") else {
            return Ok(self.options.default_hub.clone());
        };
        match hub.to_str() {
            Ok("") => Ok(self.options.default_hub.clone()),
            Ok(hub) => Ok(hub.to_owned()),
            Err(_) => Err(Status::invalid_argument(
                "the taskhub header must be ASCII text",
            )),
        }
    }

    fn check_key<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let Some(key) = &self.options.key else {
            return Ok(());
        };
        let local = request
            .remote_addr()
            .is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        let shown = |name: &str| request.metadata().get(name)?.to_str().ok();
        let bearer = shown("authorization").and_then(|text| text.strip_prefix("Bearer "));
        if local
            || [shown("x-functions-key"), bearer]
                .into_iter()
                .flatten()
                .any(|it| same(it, key))
        {
            return Ok(());
        }
        Err(Status::unauthenticated(
            "show the server's key as x-functions-key or as a bearer token",
        ))
    }
}

/// Compares in a time that does not tell how much was right.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one
            .bytes()
            .zip(other.bytes())
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

/// Calls whose answer comes from one function of the service, the hub and the message.
macro_rules! unary {
    ($($call:ident($request:ident) -> $answer:ty = $module:ident;)*) => {
        #[tonic::async_trait]
        impl TaskHubSidecarService for Service {
            type GetWorkItemsStream = stream::WorkItems;
            type StreamInstanceHistoryStream =
                Pin<Box<dyn Stream<Item = Result<pb::HistoryChunk, Status>> + Send>>;

            async fn hello(&self, request: Request<()>) -> Answer<()> {
                // A hub that cannot be is told of at once.
                let hub = self.hub(&request)?;
                self.handle.run(&hub, |_, _| ()).await?;
                Ok(Response::new(()))
            }

            async fn get_work_items(
                &self,
                request: Request<pb::GetWorkItemsRequest>,
            ) -> Answer<Self::GetWorkItemsStream> {
                let hub = self.hub(&request)?;
                let items = stream::open(self, hub, request.into_inner()).await?;
                Ok(Response::new(items))
            }

            async fn stream_instance_history(
                &self,
                request: Request<pb::StreamInstanceHistoryRequest>,
            ) -> Answer<Self::StreamInstanceHistoryStream> {
                let hub = self.hub(&request)?;
                let chunks = stream::history(self, &hub, request.into_inner()).await?;
                Ok(Response::new(Box::pin(chunks)))
            }

            async fn wait_for_instance_start(
                &self,
                request: Request<pb::GetInstanceRequest>,
            ) -> Answer<pb::GetInstanceResponse> {
                let hub = self.hub(&request)?;
                clients::wait(self, &hub, request, clients::Until::Started)
                    .await
                    .map(Response::new)
            }

            async fn wait_for_instance_completion(
                &self,
                request: Request<pb::GetInstanceRequest>,
            ) -> Answer<pb::GetInstanceResponse> {
                let hub = self.hub(&request)?;
                clients::wait(self, &hub, request, clients::Until::Ended)
                    .await
                    .map(Response::new)
            }

            $(
                async fn $call(&self, request: Request<pb::$request>) -> Answer<$answer> {
                    let hub = self.hub(&request)?;
                    $module::$call(self, &hub, request.into_inner())
                        .await
                        .map(Response::new)
                }
            )*
        }
    };
}

unary! {
    start_instance(CreateInstanceRequest) -> pb::CreateInstanceResponse = clients;
    get_instance(GetInstanceRequest) -> pb::GetInstanceResponse = clients;
    rewind_instance(RewindInstanceRequest) -> pb::RewindInstanceResponse = clients;
    restart_instance(RestartInstanceRequest) -> pb::RestartInstanceResponse = clients;
    raise_event(RaiseEventRequest) -> pb::RaiseEventResponse = clients;
    terminate_instance(TerminateRequest) -> pb::TerminateResponse = clients;
    suspend_instance(SuspendRequest) -> pb::SuspendResponse = clients;
    resume_instance(ResumeRequest) -> pb::ResumeResponse = clients;
    query_instances(QueryInstancesRequest) -> pb::QueryInstancesResponse = clients;
    list_instance_ids(ListInstanceIdsRequest) -> pb::ListInstanceIdsResponse = clients;
    purge_instances(PurgeInstancesRequest) -> pb::PurgeInstancesResponse = clients;
    create_task_hub(CreateTaskHubRequest) -> pb::CreateTaskHubResponse = clients;
    delete_task_hub(DeleteTaskHubRequest) -> pb::DeleteTaskHubResponse = clients;
    signal_entity(SignalEntityRequest) -> pb::SignalEntityResponse = clients;
    get_entity(GetEntityRequest) -> pb::GetEntityResponse = clients;
    query_entities(QueryEntitiesRequest) -> pb::QueryEntitiesResponse = clients;
    clean_entity_storage(CleanEntityStorageRequest) -> pb::CleanEntityStorageResponse = clients;
    skip_graceful_orchestration_terminations(SkipGracefulOrchestrationTerminationsRequest)
        -> pb::SkipGracefulOrchestrationTerminationsResponse = clients;
    complete_orchestrator_task(OrchestratorResponse) -> pb::CompleteTaskResponse = work;
    complete_activity_task(ActivityResponse) -> pb::CompleteTaskResponse = work;
    complete_entity_task(EntityBatchResult) -> pb::CompleteTaskResponse = work;
    abandon_task_orchestrator_work_item(AbandonOrchestrationTaskRequest)
        -> pb::AbandonOrchestrationTaskResponse = work;
    abandon_task_activity_work_item(AbandonActivityTaskRequest)
        -> pb::AbandonActivityTaskResponse = work;
    abandon_task_entity_work_item(AbandonEntityTaskRequest)
        -> pb::AbandonEntityTaskResponse = work;
}
