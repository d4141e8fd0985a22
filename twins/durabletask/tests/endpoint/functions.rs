//! Functions that tests register, and a client that asks for them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tonic::{Request, Status, metadata::AsciiMetadataValue, transport::Channel};
use twinbench_durabletask::proto::{
    self as pb, task_hub_sidecar_service_client::TaskHubSidecarServiceClient,
};
use twinbench_engine::{
    ActivityContext, Entity, EntityContext, Failure, Functions, Json, OrchestrationContext,
};
use twinbench_model::{EntityId, VirtualDuration};

/// Remembers numbers in the order in which they came.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct List(pub(crate) Vec<u64>);

impl Entity for List {
    fn dispatch(
        &mut self,
        _: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation {
            "push" => {
                self.0.push(input.read()?);
                Ok(Some(json!(self.0.len()).into()))
            }
            "get" => Ok(Some(Json::of(&self.0)?)),
            other => Err(Failure::unknown_operation(other)),
        }
    }
}

/// The entity that everything here is about.
pub(crate) fn list(key: &str) -> EntityId {
    EntityId::new("list", key).unwrap()
}

async fn double(_: ActivityContext, number: u64) -> Result<u64, Failure> {
    tokio::task::yield_now().await;
    if number == 13 {
        return Err(Failure::new("Unlucky", "not that one"));
    }
    Ok(number * 2)
}

async fn slow(_: ActivityContext, millis: u64) -> Result<u64, Failure> {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    Ok(millis)
}

/// A bit of everything: activities, a failure, a timer, a child, an entity in a critical section.
async fn tour(cx: OrchestrationContext, number: u64) -> Result<Vec<u64>, Failure> {
    let mut found = vec![cx.activity::<u64>("double", &number).await?];
    let failed = cx.activity::<u64>("double", &13).await;
    found.push(u64::from(
        failed.is_err_and(|failure| failure.error_type == "Unlucky"),
    ));
    cx.timer(VirtualDuration::from_millis(50)).await?;
    found.push(cx.sub_orchestration::<u64>("child", &number).await?);
    let section = cx.lock([list("tour")]).await?;
    found.push(
        cx.call_entity::<u64>(&list("tour"), "push", json!(number))
            .await?,
    );
    drop(section);
    let all: Vec<u64> = cx.call_entity(&list("tour"), "get", Json::null()).await?;
    found.extend(all);
    Ok(found)
}

async fn child(cx: OrchestrationContext, number: u64) -> Result<u64, Failure> {
    cx.activity("double", &(number + 1)).await
}

async fn naps(cx: OrchestrationContext, millis: u64) -> Result<u64, Failure> {
    cx.activity("slow", &millis).await
}

/// Doubles a number, and tells an entity of it.
async fn counts(cx: OrchestrationContext, number: u64) -> Result<u64, Failure> {
    let doubled: u64 = cx.activity("double", &(number + 100)).await?;
    cx.signal(&list("counts"), "push", json!(number))?;
    Ok(doubled)
}

/// All of them.
pub(crate) fn functions() -> Functions {
    Functions::new()
        .entity::<List>("List")
        .async_activity("double", double)
        .async_activity("slow", slow)
        .orchestration("tour", tour)
        .orchestration("child", child)
        .orchestration("naps", naps)
        .orchestration("counts", counts)
}

/// Calls with the header of a task hub.
#[derive(Clone)]
pub(crate) struct Client {
    inner: TaskHubSidecarServiceClient<Channel>,
    hub: String,
}

impl Client {
    pub(crate) fn new(address: &str, hub: &str) -> Self {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap();
        Self {
            inner: TaskHubSidecarServiceClient::new(channel.connect_lazy()),
            hub: hub.to_owned(),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let hub = AsciiMetadataValue::try_from(self.hub.clone()).unwrap();
        request.metadata_mut().insert("taskhub", hub);
        request.set_timeout(Duration::from_secs(40));
        request
    }

    pub(crate) async fn start(&self, name: &str, id: &str, input: u64) -> Result<(), Status> {
        self.start_version(name, id, input, None).await
    }

    pub(crate) async fn start_version(
        &self,
        name: &str,
        id: &str,
        input: u64,
        version: Option<&str>,
    ) -> Result<(), Status> {
        let request = self.request(pb::CreateInstanceRequest {
            version: version.map(str::to_owned),
            instance_id: id.to_owned(),
            name: name.to_owned(),
            input: Some(input.to_string()),
            ..pb::CreateInstanceRequest::default()
        });
        self.inner.clone().start_instance(request).await.map(drop)
    }

    pub(crate) async fn signal(&self, key: &str, number: u64) -> Result<(), Status> {
        let request = self.request(pb::SignalEntityRequest {
            instance_id: list(key).to_string(),
            name: "push".to_owned(),
            input: Some(number.to_string()),
            ..pb::SignalEntityRequest::default()
        });
        self.inner.clone().signal_entity(request).await.map(drop)
    }

    /// The list of an entity, and how many messages wait for it.
    pub(crate) async fn list(&self, key: &str) -> Result<(List, i32), Status> {
        let request = self.request(pb::GetEntityRequest {
            instance_id: list(key).to_string(),
            include_state: true,
        });
        let found = self.inner.clone().get_entity(request).await?.into_inner();
        let found = found.entity.unwrap_or_default();
        let state = found.serialized_state.as_deref();
        let list = state.map(|state| serde_json::from_str(state).unwrap());
        Ok((list.unwrap_or_default(), found.backlog_queue_size))
    }

    /// The output of an orchestration, once it has ended.
    pub(crate) async fn output(&self, id: &str) -> Result<Option<String>, Status> {
        let state = self.ended(id).await?;
        assert_eq!(state.failure_details, None, "{id}");
        Ok(state.output)
    }

    pub(crate) async fn ended(&self, id: &str) -> Result<pb::OrchestrationState, Status> {
        let request = self.request(pb::GetInstanceRequest {
            instance_id: id.to_owned(),
            get_inputs_and_outputs: true,
        });
        let mut inner = self.inner.clone();
        let ended = inner.wait_for_instance_completion(request).await?;
        Ok(ended.into_inner().orchestration_state.unwrap_or_default())
    }
}
