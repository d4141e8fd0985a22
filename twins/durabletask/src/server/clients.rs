//! What clients call.

use std::{sync::Arc, time::Duration};

use tonic::{Request, Status, metadata::MetadataMap};
use twinbench_engine::{
    Engine, EntityQuery, Instance, InstanceError, InstanceQuery, SignalError, StartError,
};
use twinbench_model::VirtualTime;

use super::service::Service;
use crate::{convert, proto as pb};

/// Ids that one request may name.
const BATCH: usize = 500;
/// Ids on a page of a list, where the client does not say.
const PAGE: usize = 100;
/// What is left of a deadline for the answer that it has passed.
const SPARE: Duration = Duration::from_millis(20);

fn refused(cause: &InstanceError) -> Status {
    let text = cause.to_string();
    match cause {
        InstanceError::Unknown(_) => Status::not_found(text),
        InstanceError::TooLong { .. } => Status::invalid_argument(text),
        InstanceError::Full { .. } => Status::resource_exhausted(text),
        InstanceError::Ended(_) | InstanceError::NotFailed(..) | InstanceError::NotEnded(_) => {
            Status::failed_precondition(text)
        }
    }
}

/// What is told to an orchestration that has ended is dropped, as it would be when it ends first.
fn told(result: Result<(), InstanceError>) -> Result<(), Status> {
    match result {
        Ok(()) | Err(InstanceError::Ended(_)) => Ok(()),
        Err(cause) => Err(refused(&cause)),
    }
}

pub(super) async fn start_instance(
    service: &Service,
    hub: &str,
    request: pb::CreateInstanceRequest,
) -> Result<pb::CreateInstanceResponse, Status> {
    let request = convert::start_request(service.epoch(), request)?;
    let started = service
        .handle
        .run(hub, move |engine, now| engine.start_with(request, now))
        .await?;
    match started {
        Ok(instance_id) => Ok(pb::CreateInstanceResponse { instance_id }),
        Err(cause) => Err(match cause {
            StartError::Exists(_) => Status::already_exists(cause.to_string()),
            StartError::UnknownOrchestration(_) => Status::not_found(cause.to_string()),
            StartError::Id(_) | StartError::TooLong { .. } => {
                Status::invalid_argument(cause.to_string())
            }
        }),
    }
}

pub(super) async fn get_instance(
    service: &Service,
    hub: &str,
    request: pb::GetInstanceRequest,
) -> Result<pb::GetInstanceResponse, Status> {
    let epoch = service.epoch();
    let found = service
        .handle
        .run(hub, move |engine, _| {
            engine.instance(&request.instance_id).map(|instance| {
                convert::orchestration_state(epoch, instance, request.get_inputs_and_outputs)
            })
        })
        .await?;
    Ok(found_instance(found))
}

fn found_instance(state: Option<pb::OrchestrationState>) -> pb::GetInstanceResponse {
    pb::GetInstanceResponse {
        exists: state.is_some(),
        orchestration_state: state,
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Started,
    Ended,
}

impl Until {
    fn holds(self, instance: &Instance) -> bool {
        match self {
            Self::Started => instance.status() != twinbench_engine::Status::Pending,
            Self::Ended => instance.status().is_final(),
        }
    }
}

pub(super) async fn wait(
    service: &Service,
    hub: &str,
    request: Request<pb::GetInstanceRequest>,
    until: Until,
) -> Result<pb::GetInstanceResponse, Status> {
    let deadline = timeout(request.metadata());
    let request = request.into_inner();
    let (epoch, id) = (service.epoch(), request.instance_id.clone());
    let waiting = service.handle.until(hub, move |engine| {
        let Some(instance) = engine.instance(&request.instance_id) else {
            return Some(None);
        };
        until.holds(instance).then(|| {
            let payloads = request.get_inputs_and_outputs;
            Some(convert::orchestration_state(epoch, instance, payloads))
        })
    });
    let mut closed = service.closed.clone();
    let passed = async {
        match deadline {
            Some(deadline) => tokio::time::sleep(deadline.saturating_sub(SPARE)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        found = waiting => Ok(found_instance(found?)),
        () = passed => Err(Status::deadline_exceeded(format!(
            "instance {id:?} is not there yet"
        ))),
        _ = closed.wait_for(|closed| *closed) => Err(Status::unavailable("the server ends")),
    }
}

/// The time that the caller gives: a number of up to 8 digits, and its unit.
fn timeout(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.saturating_mul(3_600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

pub(super) async fn rewind_instance(
    service: &Service,
    hub: &str,
    request: pb::RewindInstanceRequest,
) -> Result<pb::RewindInstanceResponse, Status> {
    service
        .handle
        .run(hub, move |engine, now| {
            engine.rewind(&request.instance_id, request.reason.as_deref(), now)
        })
        .await?
        .map_err(|cause| refused(&cause))?;
    Ok(pb::RewindInstanceResponse {})
}

pub(super) async fn restart_instance(
    service: &Service,
    hub: &str,
    request: pb::RestartInstanceRequest,
) -> Result<pb::RestartInstanceResponse, Status> {
    let restarted = service.handle.run(hub, move |engine, now| {
        let id = request.instance_id.as_str();
        if engine
            .instance(id)
            .is_some_and(|it| !it.status().is_final())
        {
            return Err(InstanceError::NotEnded(id.to_owned()));
        }
        engine.restart(id, request.restart_with_new_instance_id, now)
    });
    let instance_id = restarted.await?.map_err(|cause| refused(&cause))?;
    Ok(pb::RestartInstanceResponse { instance_id })
}

pub(super) async fn raise_event(
    service: &Service,
    hub: &str,
    request: pb::RaiseEventRequest,
) -> Result<pb::RaiseEventResponse, Status> {
    let raised = service.handle.run(hub, move |engine, now| {
        let input = convert::json(request.input);
        engine.raise_event(&request.instance_id, &request.name, input, now)
    });
    told(raised.await?)?;
    Ok(pb::RaiseEventResponse {})
}

pub(super) async fn terminate_instance(
    service: &Service,
    hub: &str,
    request: pb::TerminateRequest,
) -> Result<pb::TerminateResponse, Status> {
    let terminated = service.handle.run(hub, move |engine, now| {
        let output = convert::json(request.output);
        engine.terminate(&request.instance_id, output, request.recursive, now)
    });
    match terminated.await? {
        // What is not there need not end.
        Err(InstanceError::Unknown(_)) => {}
        result => told(result)?,
    }
    Ok(pb::TerminateResponse {})
}

pub(super) async fn suspend_instance(
    service: &Service,
    hub: &str,
    request: pb::SuspendRequest,
) -> Result<pb::SuspendResponse, Status> {
    let suspended = service.handle.run(hub, move |engine, now| {
        let is_suspended = |it: &Instance| it.status() == twinbench_engine::Status::Suspended;
        if engine
            .instance(&request.instance_id)
            .is_some_and(is_suspended)
        {
            // An SDK that is told twice waits for being resumed twice, or for ever.
            return Ok(());
        }
        engine.suspend(&request.instance_id, convert::json(request.reason), now)
    });
    told(suspended.await?)?;
    Ok(pb::SuspendResponse {})
}

pub(super) async fn resume_instance(
    service: &Service,
    hub: &str,
    request: pb::ResumeRequest,
) -> Result<pb::ResumeResponse, Status> {
    let resumed = service.handle.run(hub, move |engine, now| {
        engine.resume_instance(&request.instance_id, convert::json(request.reason), now)
    });
    told(resumed.await?)?;
    Ok(pb::ResumeResponse {})
}

pub(super) async fn query_instances(
    service: &Service,
    hub: &str,
    request: pb::QueryInstancesRequest,
) -> Result<pb::QueryInstancesResponse, Status> {
    let epoch = service.epoch();
    let query = request.query.unwrap_or_default();
    let payloads = query.fetch_inputs_and_outputs;
    let query = convert::instance_query(epoch, query)?;
    let response = service.handle.run(hub, move |engine, _| {
        let (found, more) = engine.query_instances(&query);
        pb::QueryInstancesResponse {
            orchestration_state: found
                .into_iter()
                .map(|it| convert::orchestration_state(epoch, it, payloads))
                .collect(),
            continuation_token: more,
        }
    });
    Ok(response.await?)
}

pub(super) async fn list_instance_ids(
    service: &Service,
    hub: &str,
    request: pb::ListInstanceIdsRequest,
) -> Result<pb::ListInstanceIdsResponse, Status> {
    let query = convert::list_query(service.epoch(), &request)?;
    let after = match request.last_instance_key.and_then(convert::filled) {
        Some(key) => Some(list_place(&key).ok_or(convert::Error::PageToken(key))?),
        None => None,
    };
    let page = match convert::page(request.page_size, "pageSize")? {
        0 => PAGE,
        page => page,
    };
    let response = service.handle.run(hub, move |engine, _| {
        let (found, _) = engine.query_instances(&query);
        let mut ended: Vec<(VirtualTime, String)> = found
            .into_iter()
            .filter_map(|it| Some((it.completed()?, it.id().to_owned())))
            .filter(|place| after.as_ref().is_none_or(|after| place > after))
            .collect();
        ended.sort();
        let more = ended.len() > page;
        ended.truncate(page);
        let last_instance_key = ended
            .last()
            .filter(|_| more)
            .map(|(at, id)| format!("{}:{id}", at.as_nanos()));
        pb::ListInstanceIdsResponse {
            instance_ids: ended.into_iter().map(|(_, id)| id).collect(),
            last_instance_key,
        }
    });
    Ok(response.await?)
}

fn list_place(key: &str) -> Option<(VirtualTime, String)> {
    let (at, id) = key.split_once(':')?;
    Some((VirtualTime::from_nanos(at.parse().ok()?), id.to_owned()))
}

pub(super) async fn purge_instances(
    service: &Service,
    hub: &str,
    request: pb::PurgeInstancesRequest,
) -> Result<pb::PurgeInstancesResponse, Status> {
    use pb::purge_instances_request::Request as What;
    let recurse = request.recursive;
    let what = request
        .request
        .ok_or(convert::Error::Missing("PurgeInstancesRequest.request"))?;
    let ids = match what {
        What::InstanceId(id) => Some(vec![id]),
        What::InstanceBatch(batch) if batch.instance_ids.len() > BATCH => {
            return Err(Status::invalid_argument(format!(
                "{} ids are more than the {BATCH} that one request may name",
                batch.instance_ids.len()
            )));
        }
        What::InstanceBatch(batch) => Some(batch.instance_ids),
        What::PurgeInstanceFilter(filter) => {
            let query = convert::purge_query(service.epoch(), &filter)?;
            return purge_found(service, hub, query, recurse).await;
        }
    };
    let orchestrations_only = request.is_orchestration;
    let purged = service.handle.run(hub, move |engine, _| {
        let mut purged = 0;
        for id in ids.into_iter().flatten() {
            purged += match convert::entity_id(&id) {
                Ok(entity) if !orchestrations_only => usize::from(engine.purge_entity(&entity)),
                _ => engine.purge(&id, recurse),
            };
        }
        purged
    });
    Ok(purged_all(purged.await?))
}

async fn purge_found(
    service: &Service,
    hub: &str,
    query: InstanceQuery,
    recurse: bool,
) -> Result<pb::PurgeInstancesResponse, Status> {
    let purged = service.handle.run(hub, move |engine, _| {
        let (found, _) = engine.query_instances(&query);
        let ids: Vec<String> = found.into_iter().map(|it| it.id().to_owned()).collect();
        ids.iter().map(|id| engine.purge(id, recurse)).sum()
    });
    Ok(purged_all(purged.await?))
}

fn purged_all(purged: usize) -> pb::PurgeInstancesResponse {
    pb::PurgeInstancesResponse {
        deleted_instance_count: count(purged),
        is_complete: Some(true),
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) async fn skip_graceful_orchestration_terminations(
    service: &Service,
    hub: &str,
    request: pb::SkipGracefulOrchestrationTerminationsRequest,
) -> Result<pb::SkipGracefulOrchestrationTerminationsResponse, Status> {
    let ids = request.instance_batch.unwrap_or_default().instance_ids;
    if ids.len() > BATCH {
        return Err(Status::invalid_argument(format!(
            "{} ids are more than the {BATCH} that one request may name",
            ids.len()
        )));
    }
    let reason = convert::json(request.reason);
    let left = service.handle.run(hub, move |engine, now| {
        let ends = |engine: &mut Engine, id: &String| {
            engine.terminate(id, reason.clone(), false, now).is_err()
        };
        ids.into_iter().filter(|id| ends(engine, id)).collect()
    });
    Ok(pb::SkipGracefulOrchestrationTerminationsResponse {
        unterminated_instance_ids: left.await?,
    })
}

pub(super) async fn create_task_hub(
    service: &Service,
    hub: &str,
    request: pb::CreateTaskHubRequest,
) -> Result<pb::CreateTaskHubResponse, Status> {
    if request.recreate_if_exists {
        clear(service, hub, true).await?;
    } else {
        service.handle.run(hub, |_, _| ()).await?;
    }
    Ok(pb::CreateTaskHubResponse {})
}

pub(super) async fn delete_task_hub(
    service: &Service,
    hub: &str,
    _: pb::DeleteTaskHubRequest,
) -> Result<pb::DeleteTaskHubResponse, Status> {
    clear(service, hub, false).await?;
    Ok(pb::DeleteTaskHubResponse {})
}

async fn clear(service: &Service, hub: &str, keep: bool) -> Result<(), Status> {
    if service.handle.clear(hub, keep).await? {
        return Ok(());
    }
    Err(Status::failed_precondition(
        "the task hubs of this server are fixed: purge what is in them",
    ))
}

pub(super) async fn signal_entity(
    service: &Service,
    hub: &str,
    request: pb::SignalEntityRequest,
) -> Result<pb::SignalEntityResponse, Status> {
    let request = convert::signal_request(service.epoch(), request)?;
    let signalled = service
        .handle
        .run(hub, move |engine, now| engine.signal_with(request, now));
    match signalled.await? {
        Ok(()) => Ok(pb::SignalEntityResponse {}),
        Err(cause) => Err(match cause {
            SignalError::UnknownEntity(_) => Status::not_found(cause.to_string()),
            SignalError::Full { .. } => Status::resource_exhausted(cause.to_string()),
            SignalError::Key(_) | SignalError::TooLong { .. } => {
                Status::invalid_argument(cause.to_string())
            }
        }),
    }
}

pub(super) async fn get_entity(
    service: &Service,
    hub: &str,
    request: pb::GetEntityRequest,
) -> Result<pb::GetEntityResponse, Status> {
    let epoch = service.epoch();
    let id = convert::entity_id(&request.instance_id)?;
    let entity = service.handle.run(hub, move |engine, _| {
        let view = engine.entity(&id)?;
        Some(convert::entity_metadata(
            epoch,
            &view,
            request.include_state,
        ))
    });
    let entity = entity.await?;
    Ok(pb::GetEntityResponse {
        exists: entity.is_some(),
        entity,
    })
}

pub(super) async fn query_entities(
    service: &Service,
    hub: &str,
    request: pb::QueryEntitiesRequest,
) -> Result<pb::QueryEntitiesResponse, Status> {
    let epoch = service.epoch();
    let query = request.query.unwrap_or_default();
    let state = query.include_state;
    let query: EntityQuery = convert::entity_query(epoch, query)?;
    let response = service.handle.run(hub, move |engine, _| {
        let (found, more) = engine.query_entities(&query);
        pb::QueryEntitiesResponse {
            entities: found
                .iter()
                .map(|it| convert::entity_metadata(epoch, it, state))
                .collect(),
            continuation_token: more.map(|id| id.to_string()),
        }
    });
    Ok(response.await?)
}

pub(super) async fn clean_entity_storage(
    service: &Service,
    hub: &str,
    request: pb::CleanEntityStorageRequest,
) -> Result<pb::CleanEntityStorageResponse, Status> {
    let cleaned = service.handle.run(hub, move |engine, now| {
        engine.clean_entities(
            request.remove_empty_entities,
            request.release_orphaned_locks,
            now,
        )
    });
    let (removed, released) = cleaned.await?;
    Ok(pb::CleanEntityStorageResponse {
        continuation_token: None,
        empty_entities_removed: count(removed),
        orphaned_locks_released: count(released),
    })
}

/// The history of an orchestration, where there is one of that execution.
pub(super) fn history_of(
    engine: &Engine,
    instance: &str,
    execution: Option<&str>,
) -> Option<Arc<Vec<twinbench_engine::HistoryEvent>>> {
    engine
        .instance(instance)
        .filter(|it| execution.is_none_or(|execution| execution == it.execution()))
        .map(|it| Arc::clone(it.history()))
}
