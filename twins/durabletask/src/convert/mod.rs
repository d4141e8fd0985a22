//! Between the protocol's messages and the engine's types.
//!
//! What comes from a socket is checked here and never panics: whatever cannot be meant is an
//! [`Error`]. Inputs, outputs and states pass verbatim.

mod actions;
mod entities;
mod failure;
mod history;
mod instances;
mod time;
mod work;

use std::sync::Arc;

use twinbench_engine::{
    Json, Status,
    history::{Parent, Trace},
};
use twinbench_model::EntityId;

use crate::proto as pb;

pub use self::{
    actions::{orchestrator_response, orchestrator_result},
    entities::{entity_batch_result, entity_result},
    failure::{failure, failure_details},
    history::{history_event, to_history_event},
    instances::{
        entity_metadata, entity_query, instance_query, list_query, orchestration_state,
        purge_query, signal_request, start_request,
    },
    time::{timestamp, virtual_time},
    work::{
        activity_request, activity_response, activity_result, activity_work, entity_request,
        entity_work, entity_work_v1, orchestrator_request, orchestrator_work,
    },
};

/// Why a message means nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something that is needed is absent.
    #[error("{0} is missing: set it")]
    Missing(&'static str),
    /// A number stands for nothing.
    #[error("{number} is no {kind}: use a value of this version of the protocol")]
    Number {
        /// What it was to be.
        kind: &'static str,
        /// The number.
        number: i32,
    },
    /// An entity id is none.
    #[error("{0:?} is not an entity id: write @name@key")]
    EntityId(String),
    /// A page's token is not one that was given out here.
    #[error("{0:?} is no continuation token of this server: begin again without one")]
    PageToken(String),
    /// A number is out of its range.
    #[error("{what} must not be negative, {number} is")]
    Negative {
        /// Which one.
        what: &'static str,
        /// The number.
        number: i32,
    },
}

pub(crate) fn json(text: Option<String>) -> Option<Json> {
    text.map(Json::from_text)
}

pub(crate) fn text(json: Option<&Json>) -> Option<String> {
    json.map(|json| json.as_str().to_owned())
}

fn arc(text: Option<String>) -> Option<Arc<str>> {
    text.map(Into::into)
}

/// Absent and empty mean the same.
pub(crate) fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Reads an entity's id, `@name@key`.
///
/// # Errors
/// When it has another form.
pub fn entity_id(text: &str) -> Result<EntityId, Error> {
    text.parse().map_err(|_| Error::EntityId(text.to_owned()))
}

pub(crate) fn status(number: i32) -> Result<Status, Error> {
    Status::ALL
        .into_iter()
        .find(|status| *status as i32 == number)
        .ok_or(Error::Number {
            kind: "orchestration status",
            number,
        })
}

pub(crate) fn statuses(numbers: &[i32]) -> Result<Vec<Status>, Error> {
    numbers.iter().copied().map(status).collect()
}

pub(crate) fn page(number: i32, what: &'static str) -> Result<usize, Error> {
    usize::try_from(number).map_err(|_| Error::Negative { what, number })
}

fn trace(trace: Option<pb::TraceContext>) -> Option<Trace> {
    trace.map(|trace| Trace {
        parent: trace.trace_parent,
        span: trace.span_id,
        state: trace.trace_state,
    })
}

fn to_trace(trace: Option<&Trace>) -> Option<pb::TraceContext> {
    trace.map(|trace| pb::TraceContext {
        trace_parent: trace.parent.clone(),
        span_id: trace.span.clone(),
        trace_state: trace.state.clone(),
    })
}

fn parent(info: Option<pb::ParentInstanceInfo>) -> Result<Option<Parent>, Error> {
    let Some(info) = info else {
        return Ok(None);
    };
    let of = info
        .orchestration_instance
        .ok_or(Error::Missing("parentInstance.orchestrationInstance"))?;
    Ok(Some(Parent {
        instance: of.instance_id.into(),
        execution: of.execution_id.unwrap_or_default().into(),
        name: info.name.unwrap_or_default(),
        version: info.version,
        task: info.task_scheduled_id,
    }))
}

fn to_parent(parent: Option<&Parent>) -> Option<pb::ParentInstanceInfo> {
    parent.map(|parent| pb::ParentInstanceInfo {
        task_scheduled_id: parent.task,
        name: Some(parent.name.clone()),
        version: parent.version.clone(),
        orchestration_instance: Some(orchestration_instance(
            &parent.instance,
            Some(&parent.execution),
        )),
    })
}

fn orchestration_instance(instance: &str, execution: Option<&str>) -> pb::OrchestrationInstance {
    pb::OrchestrationInstance {
        instance_id: instance.to_owned(),
        execution_id: execution.map(str::to_owned),
    }
}
