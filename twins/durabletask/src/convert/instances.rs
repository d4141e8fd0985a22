//! What clients ask for and are shown.

use twinbench_engine::{
    EntityQuery, EntityView, Instance, InstanceQuery, SignalRequest, StartRequest, Status,
};
use twinbench_model::{Epoch, VirtualTime};

use super::{
    Error, entity_id, failure_details, filled, json, page, statuses, text, timestamp, trace,
    virtual_time,
};
use crate::proto as pb;

fn time(epoch: Epoch, at: Option<&prost_types::Timestamp>) -> Option<VirtualTime> {
    at.map(|at| virtual_time(epoch, at))
}

/// With what an orchestration is to be started.
///
/// # Errors
/// When it has no name, or an unknown status is to be replaced.
pub fn start_request(
    epoch: Epoch,
    request: pb::CreateInstanceRequest,
) -> Result<StartRequest, Error> {
    let replace = request
        .orchestration_id_reuse_policy
        .map(|policy| statuses(&policy.replaceable_status))
        .transpose()?;
    Ok(StartRequest {
        name: filled(request.name).ok_or(Error::Missing("the orchestration's name"))?,
        instance: filled(request.instance_id),
        version: request.version,
        input: json(request.input),
        scheduled_start: time(epoch, request.scheduled_start_timestamp.as_ref()),
        tags: request.tags,
        trace: trace(request.parent_trace_context),
        execution: request.execution_id.and_then(filled),
        replace: replace.unwrap_or_default(),
    })
}

/// What an entity is to be told.
///
/// # Errors
/// When the entity's id is none.
pub fn signal_request(
    epoch: Epoch,
    request: pb::SignalEntityRequest,
) -> Result<SignalRequest, Error> {
    Ok(SignalRequest {
        to: entity_id(&request.instance_id)?,
        operation: request.name.into(),
        input: json(request.input),
        due: time(epoch, request.scheduled_time.as_ref()),
        request: filled(request.request_id).map(Into::into),
        trace: trace(request.parent_trace_context),
    })
}

/// An orchestration as clients see it; input, output and custom status when they are asked for.
pub fn orchestration_state(
    epoch: Epoch,
    instance: &Instance,
    payloads: bool,
) -> pb::OrchestrationState {
    let shown = |json| text(json).filter(|_| payloads);
    pb::OrchestrationState {
        instance_id: instance.id().to_owned(),
        name: instance.name().to_owned(),
        version: instance.version().map(str::to_owned),
        orchestration_status: instance.status() as i32,
        scheduled_start_timestamp: instance.scheduled_start().map(|at| timestamp(epoch, at)),
        created_timestamp: Some(timestamp(epoch, instance.created())),
        last_updated_timestamp: Some(timestamp(epoch, instance.updated())),
        input: shown(instance.input()),
        output: shown(instance.output()),
        custom_status: shown(instance.custom_status()),
        failure_details: instance.failure().filter(|_| payloads).map(failure_details),
        execution_id: Some(instance.execution().to_owned()),
        completed_timestamp: instance.completed().map(|at| timestamp(epoch, at)),
        parent_instance_id: instance.parent().map(|parent| parent.instance.to_string()),
        tags: instance.tags().clone(),
    }
}

/// Which orchestrations a client wants to see.
///
/// # Errors
/// When a status is unknown or a number negative.
pub fn instance_query(epoch: Epoch, query: pb::InstanceQuery) -> Result<InstanceQuery, Error> {
    Ok(InstanceQuery {
        status: statuses(&query.runtime_status)?,
        created_from: time(epoch, query.created_time_from.as_ref()),
        created_to: time(epoch, query.created_time_to.as_ref()),
        prefix: query.instance_id_prefix.and_then(filled),
        after: query.continuation_token.and_then(filled),
        page: page(query.max_instance_count, "maxInstanceCount")?,
        ..InstanceQuery::default()
    })
}

/// Which orchestrations that have ended a client wants the ids of, all of them on one page.
///
/// # Errors
/// When a status is unknown.
pub fn list_query(
    epoch: Epoch,
    request: &pb::ListInstanceIdsRequest,
) -> Result<InstanceQuery, Error> {
    let mut status = statuses(&request.runtime_status)?;
    if status.is_empty() {
        status.extend(Status::ALL);
    }
    status.retain(|status| status.is_final());
    Ok(InstanceQuery {
        status,
        completed_from: Some(
            time(epoch, request.completed_time_from.as_ref()).unwrap_or(VirtualTime::ZERO),
        ),
        completed_to: time(epoch, request.completed_time_to.as_ref()),
        ..InstanceQuery::default()
    })
}

/// Which orchestrations are to be removed.
///
/// # Errors
/// When a status is unknown.
pub fn purge_query(epoch: Epoch, filter: &pb::PurgeInstanceFilter) -> Result<InstanceQuery, Error> {
    Ok(InstanceQuery {
        status: statuses(&filter.runtime_status)?,
        created_from: time(epoch, filter.created_time_from.as_ref()),
        created_to: time(epoch, filter.created_time_to.as_ref()),
        ..InstanceQuery::default()
    })
}

/// An entity as clients see it; its state when it is asked for.
pub fn entity_metadata(epoch: Epoch, entity: &EntityView, state: bool) -> pb::EntityMetadata {
    pb::EntityMetadata {
        instance_id: entity.id.to_string(),
        last_modified_time: Some(timestamp(epoch, entity.last_operation)),
        backlog_queue_size: i32::try_from(entity.backlog).unwrap_or(i32::MAX),
        locked_by: entity.locked_by.as_deref().map(str::to_owned),
        serialized_state: text(entity.state.as_ref()).filter(|_| state),
    }
}

/// Which entities a client wants to see.
///
/// # Errors
/// When the page's token is none, or a number negative.
pub fn entity_query(epoch: Epoch, query: pb::EntityQuery) -> Result<EntityQuery, Error> {
    let after = query.continuation_token.and_then(filled).map(|token| {
        token
            .parse()
            .map_err(|_| Error::PageToken(token.chars().take(100).collect()))
    });
    Ok(EntityQuery {
        prefix: query.instance_id_starts_with.and_then(filled),
        modified_from: time(epoch, query.last_modified_from.as_ref()),
        modified_to: time(epoch, query.last_modified_to.as_ref()),
        transient: query.include_transient,
        after: after.transpose()?,
        page: page(query.page_size.unwrap_or_default(), "pageSize")?,
    })
}
