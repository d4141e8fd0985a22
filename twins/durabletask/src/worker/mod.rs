//! A worker: functions of ours for any endpoint that speaks the protocol.

mod items;

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::task::JoinSet;
use tonic::{
    Code, Request, Status, Streaming,
    metadata::{AsciiMetadataValue, errors::InvalidMetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use twinbench_engine::Functions;
use twinbench_model::Epoch;

use crate::proto::{
    self as pb, WorkerCapability, task_hub_sidecar_service_client::TaskHubSidecarServiceClient,
};

/// The first pause after a lost connection, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A stream on which nothing comes for so long is lost: servers ping more often.
const SILENCE: Duration = Duration::from_mins(2);

/// A client whose calls carry the task hub and who calls.
type Client = TaskHubSidecarServiceClient<InterceptedService<Channel, Credentials>>;

/// How a worker connects, and how much it does at once.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// `http://host:port`, `https://host:port`, or `host:port`, which is plain as well.
    pub endpoint: String,
    /// The task hub.
    pub hub: String,
    /// What is shown to the endpoint as a bearer token, if it asks for one.
    pub token: Option<String>,
    /// The UTC instant of virtual time zero, for functions that ask for the time.
    pub epoch: Epoch,
    /// How many orchestrations it runs at once.
    pub orchestrations: u16,
    /// How many entities it runs at once.
    pub entities: u16,
    /// How many activities it does at once.
    pub activities: u16,
    /// The first pause after a lost connection, and the longest; each is twice the one before.
    pub pauses: (Duration, Duration),
}

impl WorkerOptions {
    /// A worker of a task hub at an endpoint.
    pub fn new(endpoint: &str, hub: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            hub: hub.to_owned(),
            token: None,
            epoch: Epoch::new(jiff::Timestamp::UNIX_EPOCH),
            orchestrations: 100,
            entities: 100,
            activities: 100,
            pauses: PAUSES,
        }
    }
}

/// Why a worker cannot work. What may pass it tries again.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The endpoint is no address.
    #[error("{endpoint:?} is no endpoint ({cause}): write http://host:port or https://host:port")]
    Endpoint {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        #[source]
        cause: tonic::transport::Error,
    },
    /// The hub's name or the token cannot be sent.
    #[error("{what} has characters that cannot be sent ({cause}): use ASCII")]
    Header {
        /// Which.
        what: &'static str,
        /// What is wrong.
        #[source]
        cause: InvalidMetadataValue,
    },
    /// The endpoint refuses, and will do so again.
    #[error("{endpoint} refuses ({code:?}): {message}", code = .cause.code(), message = .cause.message())]
    Refused {
        /// The endpoint.
        endpoint: String,
        /// What it says.
        #[source]
        cause: Box<Status>,
    },
}

/// Runs functions for an endpoint until `shutdown` is there. A lost connection is made again, with
/// pauses that grow. At the end it finishes what it has begun and gives back the rest.
///
/// # Errors
/// When the endpoint is none or refuses this worker.
pub async fn work(
    options: WorkerOptions,
    functions: Functions,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), WorkError> {
    Worker::new(options, functions)?.run(shutdown).await
}

/// A worker that is made and not connected yet.
#[derive(Debug)]
pub struct Worker {
    options: WorkerOptions,
    functions: Arc<Functions>,
    client: Client,
}

/// What is added to each call.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    hub: AsciiMetadataValue,
    worker: AsciiMetadataValue,
    token: Option<AsciiMetadataValue>,
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("taskhub", self.hub.clone());
        metadata.insert("workerid", self.worker.clone());
        metadata.insert("x-user-agent", AsciiMetadataValue::from_static(AGENT));
        if let Some(token) = &self.token {
            metadata.insert("authorization", token.clone());
        }
        Ok(request)
    }
}

const AGENT: &str = concat!("durabletask-twinbench/", env!("CARGO_PKG_VERSION"));

impl Worker {
    /// Makes a worker; nothing is connected yet.
    ///
    /// # Errors
    /// When the endpoint is none, or the hub or the token cannot be sent.
    pub fn new(options: WorkerOptions, functions: Functions) -> Result<Self, WorkError> {
        let wrong = |cause| WorkError::Endpoint {
            endpoint: options.endpoint.clone(),
            cause,
        };
        let address = if options.endpoint.contains("://") {
            options.endpoint.clone()
        } else {
            format!("http://{}", options.endpoint)
        };
        let mut endpoint = Endpoint::from_shared(address.clone())
            .map_err(wrong)?
            .connect_timeout(Duration::from_secs(10))
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_while_idle(true)
            .http2_adaptive_window(true);
        if address.starts_with("https://") {
            let tls = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(tls).map_err(wrong)?;
        }
        let header = |what, text: String| {
            AsciiMetadataValue::try_from(text).map_err(|cause| WorkError::Header { what, cause })
        };
        let token = options.token.as_ref();
        let token = token.map(|token| header("the token", format!("Bearer {token}")));
        let credentials = Credentials {
            hub: header("the task hub", options.hub.clone())?,
            worker: header("the worker's name", worker_name())?,
            token: token.transpose()?,
        };
        let channel = InterceptedService::new(endpoint.connect_lazy(), credentials);
        let client = TaskHubSidecarServiceClient::new(channel)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        Ok(Self {
            options,
            functions: Arc::new(functions),
            client,
        })
    }

    /// Runs until `shutdown` is there, as [`work`] does.
    ///
    /// # Errors
    /// When the endpoint refuses this worker.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), WorkError> {
        tokio::pin!(shutdown);
        let mut pause = self.options.pauses.0;
        loop {
            let connected = tokio::select! {
                () = &mut shutdown => return Ok(()),
                connected = self.connect() => connected,
            };
            match connected {
                Ok(stream) => {
                    pause = self.options.pauses.0;
                    tracing::info!(endpoint = self.options.endpoint, "connected");
                    if self.serve(stream, &mut shutdown).await {
                        return Ok(());
                    }
                }
                Err(cause) if is_final(cause.code()) => {
                    return Err(WorkError::Refused {
                        endpoint: self.options.endpoint.clone(),
                        cause: Box::new(cause),
                    });
                }
                Err(cause) => {
                    tracing::warn!(
                        endpoint = self.options.endpoint,
                        cause = cause.message(),
                        "not connected, trying again"
                    );
                }
            }
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                // Workers that lost one server together do not come back together.
                () = tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))) => {}
            }
            pause = (pause * 2).min(self.options.pauses.1);
        }
    }

    async fn connect(&self) -> Result<Streaming<pb::WorkItem>, Status> {
        let mut client = self.client.clone();
        let mut hello = Request::new(());
        hello.set_timeout(Duration::from_secs(30));
        client.hello(hello).await?;
        let named = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
        let functions = &self.functions;
        let names: [Vec<String>; 3] = [
            named(&mut functions.orchestration_names()),
            named(&mut functions.activity_names()),
            named(&mut functions.entity_names()),
        ];
        let [orchestrations, activities, entities] = names;
        let filters = pb::WorkItemFilters {
            orchestrations: orchestrations
                .into_iter()
                .map(|name| pb::OrchestrationFilter {
                    name,
                    versions: Vec::new(),
                })
                .collect(),
            activities: activities
                .into_iter()
                .map(|name| pb::ActivityFilter {
                    name,
                    versions: Vec::new(),
                })
                .collect(),
            entities: entities
                .into_iter()
                .map(|name| pb::EntityFilter { name })
                .collect(),
        };
        let request = pb::GetWorkItemsRequest {
            max_concurrent_orchestration_work_items: self.options.orchestrations.into(),
            max_concurrent_activity_work_items: self.options.activities.into(),
            max_concurrent_entity_work_items: self.options.entities.into(),
            capabilities: vec![WorkerCapability::HistoryStreaming as i32],
            work_item_filters: Some(filters),
            worker_instance_id: worker_name(),
        };
        Ok(client.get_work_items(request).await?.into_inner())
    }

    /// Does what comes until the stream is lost (false) or `shutdown` is there (true).
    async fn serve(
        &self,
        mut stream: Streaming<pb::WorkItem>,
        shutdown: &mut (impl Future<Output = ()> + Unpin),
    ) -> bool {
        let mut running = JoinSet::new();
        let lost = loop {
            tokio::select! {
                () = &mut *shutdown => break false,
                Some(_) = running.join_next() => {}
                item = tokio::time::timeout(SILENCE, stream.message()) => match item {
                    Ok(Ok(Some(item))) => {
                        running.spawn(self.item(item));
                    }
                    Ok(Ok(None)) | Err(_) => break true,
                    Ok(Err(cause)) => {
                        tracing::warn!(cause = cause.message(), "the stream of work is lost");
                        break true;
                    }
                },
            }
        };
        if lost {
            // Their results are of use still, if the server has not given them to somebody else.
            running.detach_all();
            return false;
        }
        while !running.is_empty() {
            tokio::select! {
                Some(_) = running.join_next() => {}
                Ok(Some(item)) = stream.message() => {
                    let kind = items::kind_of(&item);
                    let client = self.client.clone();
                    items::give_back(client, kind, item.completion_token).await;
                }
            }
        }
        true
    }

    fn item(&self, item: pb::WorkItem) -> impl Future<Output = ()> + Send + use<> {
        items::work_on(
            self.client.clone(),
            Arc::clone(&self.functions),
            self.options.epoch,
            item,
        )
    }
}

/// Whether trying again is useless.
const fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::Unauthenticated
            | Code::PermissionDenied
            | Code::NotFound
            | Code::InvalidArgument
            | Code::Unimplemented
    )
}

/// Names this process to servers.
fn worker_name() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        format!(
            "twinbench:{}:{:016x}",
            std::process::id(),
            rand::random::<u64>()
        )
    })
    .clone()
}
