//! The stream of work to a worker, and histories in chunks.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use prost::Message;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver},
    time::{Interval, MissedTickBehavior},
};
use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::Status;
use twinbench_engine::{HistoryEvent, work::Work};
use twinbench_model::Epoch;

use super::{clients, service::Service, work::text_of};
use crate::{
    convert,
    handle::EngineHandle,
    proto::{self as pb, WorkerCapability, work_item::Request as Item},
    workers::{Given, Terms, Wanted, is_large},
};

/// The size of a chunk of a history, in bytes.
const CHUNK: usize = 1 << 20;

/// Work for a worker. When it is dropped, the worker is lost.
pub(super) struct WorkItems {
    items: UnboundedReceiver<Given>,
    ping: Interval,
    closed: WatchStream<bool>,
    epoch: Epoch,
    streams_history: bool,
    hub: String,
    worker: u64,
    handle: EngineHandle,
}

/// Makes a worker known, which is given work from now on.
pub(super) async fn open(
    service: &Service,
    hub: String,
    request: pb::GetWorkItemsRequest,
) -> Result<WorkItems, Status> {
    let terms = terms(request, service.options.concurrency)?;
    let streams_history = terms.streams_history;
    let (give, items) = mpsc::unbounded_channel();
    let worker = service
        .handle
        .with_desk(&hub, move |_, desk, _| desk.workers.connect(terms, give));
    let worker = worker.await?;
    let mut ping = tokio::time::interval(service.options.ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Ok(WorkItems {
        items,
        ping,
        closed: WatchStream::from_changes(service.closed.clone()),
        epoch: service.epoch(),
        streams_history,
        hub,
        worker,
        handle: service.handle.clone(),
    })
}

fn terms(request: pb::GetWorkItemsRequest, default: usize) -> Result<Terms, Status> {
    let limit = |number, what| {
        convert::page(number, what).map(|limit| if limit == 0 { default } else { limit })
    };
    let limits = [
        limit(
            request.max_concurrent_orchestration_work_items,
            "maxConcurrentOrchestrationWorkItems",
        )?,
        limit(
            request.max_concurrent_entity_work_items,
            "maxConcurrentEntityWorkItems",
        )?,
        limit(
            request.max_concurrent_activity_work_items,
            "maxConcurrentActivityWorkItems",
        )?,
    ];
    let wanted: [Wanted; 3] = match request.work_item_filters {
        None => [const { None }; 3],
        Some(filters) => {
            let mut entities = std::collections::BTreeMap::new();
            for it in filters.entities {
                entities.insert(it.name.to_lowercase(), Vec::new());
            }
            let named = |names: Vec<(String, Vec<String>)>| {
                let mut wanted = std::collections::BTreeMap::<String, Vec<String>>::new();
                for (name, versions) in names {
                    wanted.entry(name).or_default().extend(versions);
                }
                Some(wanted)
            };
            let orchestrations = filters.orchestrations.into_iter();
            let activities = filters.activities.into_iter();
            [
                named(orchestrations.map(|it| (it.name, it.versions)).collect()),
                Some(entities),
                named(activities.map(|it| (it.name, it.versions)).collect()),
            ]
        }
    };
    Ok(Terms {
        limits,
        wanted,
        streams_history: request
            .capabilities
            .contains(&(WorkerCapability::HistoryStreaming as i32)),
    })
}

impl WorkItems {
    fn message(&self, given: Given) -> pb::WorkItem {
        let completion_token = text_of(given.work.token());
        let request = match &given.work {
            Work::Orchestration(work) => {
                let streamed = self.streams_history && is_large(work);
                let mut request = convert::orchestrator_request(self.epoch, work, streamed);
                request.orchestration_trace_context = given.span;
                Item::OrchestratorRequest(request)
            }
            Work::Entity(work) => Item::EntityRequestV2(convert::entity_request(self.epoch, work)),
            Work::Activity(work) => Item::ActivityRequest(convert::activity_request(work)),
        };
        pb::WorkItem {
            completion_token,
            request: Some(request),
        }
    }
}

impl Stream for WorkItems {
    type Item = Result<pb::WorkItem, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if Pin::new(&mut self.closed).poll_next(cx).is_ready() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(given) = self.items.poll_recv(cx) {
            let item = given.map(|given| self.message(given));
            if item.is_some() {
                self.ping.reset();
            }
            return Poll::Ready(item.map(Ok));
        }
        if self.ping.poll_tick(cx).is_ready() {
            let ping = pb::WorkItem {
                completion_token: String::new(),
                request: Some(Item::HealthPing(pb::HealthPing {})),
            };
            return Poll::Ready(Some(Ok(ping)));
        }
        Poll::Pending
    }
}

impl Drop for WorkItems {
    fn drop(&mut self) {
        let mut unseen = Vec::new();
        self.items.close();
        while let Ok(given) = self.items.try_recv() {
            unseen.push(given.work.token());
        }
        let worker = self.worker;
        self.handle.tell(&self.hub, move |engine, desk, now| {
            desk.workers.disconnect(engine, worker, &unseen, now);
        });
    }
}

/// A history in chunks: that of a turn that is out, or all there is.
pub(super) async fn history(
    service: &Service,
    hub: &str,
    request: pb::StreamInstanceHistoryRequest,
) -> Result<Chunks, Status> {
    let epoch = service.epoch();
    let id = request.instance_id.clone();
    let events = service.handle.with_desk(hub, move |engine, desk, _| {
        let id = request.instance_id.as_str();
        let out = desk
            .workers
            .past_of(id)
            .filter(|_| request.for_work_item_processing);
        let execution = request.execution_id.filter(|it| !it.is_empty());
        out.or_else(|| clients::history_of(engine, id, execution.as_deref()))
    });
    let events = events
        .await?
        .ok_or_else(|| Status::not_found(format!("there is no instance {id:?}")))?;
    Ok(Chunks {
        events,
        next: 0,
        epoch,
    })
}

/// Rows of a history, as many to a message as fit well.
pub(super) struct Chunks {
    events: Arc<Vec<HistoryEvent>>,
    next: usize,
    epoch: Epoch,
}

impl Stream for Chunks {
    type Item = Result<pb::HistoryChunk, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut chunk = pb::HistoryChunk::default();
        let mut size = 0;
        while size < CHUNK
            && let Some(event) = self.events.get(self.next)
        {
            let event = convert::to_history_event(self.epoch, event);
            let bytes = event.encoded_len();
            if size > 0 && size + bytes > CHUNK {
                break;
            }
            size += bytes;
            chunk.events.push(event);
            self.next += 1;
        }
        Poll::Ready((!chunk.events.is_empty()).then_some(Ok(chunk)))
    }
}
