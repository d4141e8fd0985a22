//! A history as the API shows it: who looks wants to see functions, not the engine's bookkeeping.
//!
//! Turns are left out; what was asked for is merged into what came of it, with its name and time.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use twinbench_model::{EntityId, Epoch, VirtualTime};

use super::status::{Show, shown, ticks};
use crate::{EventKind, Failure, HistoryEvent, Json};

/// One row. Fields that a type of event has not are left out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row<'a> {
    event_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orchestration_status: Option<&'static str>,
    /// The text of the input; the original does not unpack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_details: Option<Details<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fire_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_time: Option<String>,
    timestamp: String,
}

/// A failure in the original's names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details<'a> {
    error_type: &'a str,
    error_message: &'a str,
    stack_trace: Option<&'a str>,
    inner_failure: Option<Box<Details<'a>>>,
    is_non_retriable: bool,
}

impl<'a> Details<'a> {
    fn of(failure: &'a Failure) -> Self {
        Self {
            error_type: &failure.error_type,
            error_message: &failure.error_message,
            stack_trace: failure.stack_trace.as_deref(),
            inner_failure: failure.inner.as_deref().map(|it| Box::new(Self::of(it))),
            is_non_retriable: failure.non_retriable,
        }
    }
}

/// What was asked for, until its completion comes.
struct Asked<'a> {
    place: usize,
    name: &'a str,
    input: Option<&'a Json>,
    at: VirtualTime,
}

/// Shapes a history.
pub(super) fn shape(history: &[HistoryEvent], show: Show, epoch: Epoch) -> Vec<Row<'_>> {
    let mut rows: Vec<Option<Row<'_>>> = Vec::with_capacity(history.len());
    let mut asked: BTreeMap<(bool, i32), Asked<'_>> = BTreeMap::new();
    for event in history {
        let sub_orchestration = matches!(
            event.kind,
            EventKind::SubOrchestrationCreated { .. }
                | EventKind::SubOrchestrationCompleted { .. }
                | EventKind::SubOrchestrationFailed { .. }
        );
        match &event.kind {
            EventKind::TaskScheduled { name, input, .. }
            | EventKind::SubOrchestrationCreated { name, input, .. } => {
                let asking = Asked {
                    place: rows.len(),
                    name,
                    input: input.as_ref(),
                    at: event.at,
                };
                asked.insert((sub_orchestration, event.id), asking);
            }
            _ => {}
        }
        let Some(mut row) = row(event, show, epoch) else {
            continue;
        };
        if let EventKind::TaskCompleted { task, .. }
        | EventKind::TaskFailed { task, .. }
        | EventKind::SubOrchestrationCompleted { task, .. }
        | EventKind::SubOrchestrationFailed { task, .. } = &event.kind
            && let Some(asking) = asked.get(&(sub_orchestration, *task))
        {
            row.function_name = Some(asking.name);
            row.scheduled_time = Some(ticks(asking.at, epoch));
            row.input = input(asking.input, show);
            rows[asking.place] = None;
        }
        rows.push(Some(row));
    }
    rows.into_iter().flatten().collect()
}

fn row<'a>(event: &'a HistoryEvent, show: Show, epoch: Epoch) -> Option<Row<'a>> {
    let result = |result: &Option<Json>| {
        let result = || result.as_ref().map_or_else(Json::null, shown);
        show.history_output.then(result)
    };
    let failed = |event_type, failure: &'a Failure| Row {
        event_type,
        reason: Some(text(Some(&failure.error_message))),
        details: failure.stack_trace.clone(),
        failure_details: Some(Details::of(failure)),
        ..Row::default()
    };
    let row = match &event.kind {
        EventKind::OrchestratorStarted | EventKind::OrchestratorCompleted => return None,
        EventKind::ExecutionStarted(started) => Row {
            event_type: "ExecutionStarted",
            function_name: Some(&started.name),
            input: input(started.input.as_ref(), show),
            scheduled_start_time: started.scheduled_start.map(|at| ticks(at, epoch)),
            ..Row::default()
        },
        EventKind::ExecutionCompleted {
            status,
            result: output,
            failure,
        } => {
            let message = failure.as_ref().map(|it| it.error_message.as_str());
            let output = output.as_ref().map_or_else(|| text(message), shown);
            Row {
                event_type: "ExecutionCompleted",
                orchestration_status: Some(status.name()),
                result: show.history_output.then_some(output),
                failure_details: failure.as_ref().map(Details::of),
                ..Row::default()
            }
        }
        EventKind::ExecutionTerminated { input: reason, .. } => Row {
            event_type: "ExecutionTerminated",
            input: input(reason.as_ref(), show),
            ..Row::default()
        },
        EventKind::TaskScheduled {
            name, input: given, ..
        } => Row {
            event_type: "TaskScheduled",
            name: Some(name.clone()),
            input: input(given.as_ref(), show),
            ..Row::default()
        },
        EventKind::TaskCompleted { result: output, .. } => Row {
            event_type: "TaskCompleted",
            result: result(output),
            ..Row::default()
        },
        EventKind::TaskFailed { failure, .. } => failed("TaskFailed", failure),
        EventKind::SubOrchestrationCreated {
            instance,
            name,
            input: given,
            ..
        } => Row {
            event_type: "SubOrchestrationInstanceCreated",
            name: Some(name.clone()),
            instance_id: Some(instance.to_string()),
            input: input(given.as_ref(), show),
            ..Row::default()
        },
        EventKind::SubOrchestrationCompleted { result: output, .. } => Row {
            event_type: "SubOrchestrationInstanceCompleted",
            result: result(output),
            ..Row::default()
        },
        EventKind::SubOrchestrationFailed { failure, .. } => {
            failed("SubOrchestrationInstanceFailed", failure)
        }
        EventKind::TimerCreated { fire_at } => Row {
            event_type: "TimerCreated",
            fire_at: Some(ticks(*fire_at, epoch)),
            ..Row::default()
        },
        EventKind::TimerFired { fire_at, .. } => Row {
            event_type: "TimerFired",
            fire_at: Some(ticks(*fire_at, epoch)),
            ..Row::default()
        },
        EventKind::EventSent {
            instance,
            name,
            input: given,
        } => Row {
            event_type: "EventSent",
            name: Some(name.clone()),
            instance_id: Some(instance.to_string()),
            input: input(given.as_ref(), show),
            ..Row::default()
        },
        EventKind::EventRaised { name, input: given } => Row {
            event_type: "EventRaised",
            name: Some(name.clone()),
            input: input(given.as_ref(), show),
            ..Row::default()
        },
        EventKind::GenericEvent { data } => Row {
            event_type: "GenericEvent",
            data: Some(text(data.as_ref().map(Json::as_str))),
            ..Row::default()
        },
        EventKind::HistoryState => Row {
            event_type: "HistoryState",
            ..Row::default()
        },
        EventKind::ContinueAsNew { input } => Row {
            event_type: "ContinueAsNew",
            result: result(input),
            ..Row::default()
        },
        EventKind::ExecutionSuspended { reason } => Row {
            event_type: "ExecutionSuspended",
            reason: Some(text(reason.as_ref().map(Json::as_str))),
            ..Row::default()
        },
        EventKind::ExecutionResumed { reason } => Row {
            event_type: "ExecutionResumed",
            reason: Some(text(reason.as_ref().map(Json::as_str))),
            ..Row::default()
        },
        EventKind::ExecutionRewound(rewound) => Row {
            event_type: "ExecutionRewound",
            reason: Some(text(rewound.reason.as_deref())),
            ..Row::default()
        },
        entity => of_entity(entity, show, epoch)?,
    };
    Some(Row {
        timestamp: ticks(event.at, epoch),
        ..row
    })
}

/// Entities are called by events, in the original's histories.
fn of_entity<'a>(kind: &EventKind, show: Show, epoch: Epoch) -> Option<Row<'a>> {
    let sent = |target: &EntityId, name: String, message: serde_json::Value| Row {
        event_type: "EventSent",
        name: Some(name),
        instance_id: Some(target.to_string()),
        input: show.input.then(|| text(Some(&message.to_string()))),
        ..Row::default()
    };
    let raised = |name: &str, answer: serde_json::Value| Row {
        event_type: "EventRaised",
        name: Some(name.to_owned()),
        input: show.input.then(|| text(Some(&answer.to_string()))),
        ..Row::default()
    };
    let given = |json: &Option<Json>| text(json.as_ref().map(Json::as_str));
    let name = |scheduled: Option<VirtualTime>| match scheduled {
        Some(at) => format!("op@{}", ticks(at, epoch)),
        None => "op".to_owned(),
    };
    Some(match kind {
        EventKind::EntityOperationSignaled {
            request,
            operation,
            scheduled,
            input,
            target,
        } => sent(
            target,
            name(*scheduled),
            json!({"op": operation, "signal": true, "input": given(input), "id": **request}),
        ),
        EventKind::EntityOperationCalled {
            request,
            operation,
            scheduled,
            input,
            parent,
            target,
            ..
        } => sent(
            target,
            name(*scheduled),
            json!({"op": operation, "input": given(input), "id": **request, "parent": **parent}),
        ),
        EventKind::EntityOperationCompleted { request, output } => {
            raised(request, json!({"result": given(output)}))
        }
        EventKind::EntityOperationFailed { request, failure } => raised(
            request,
            json!({"result": failure.error_message, "exceptionType": failure.error_type}),
        ),
        EventKind::EntityLockRequested {
            section,
            lock_set,
            position,
            parent,
        } => {
            let place = usize::try_from(*position).ok();
            let target = place
                .and_then(|place| lock_set.get(place))
                .or(lock_set.first())?;
            let set: Vec<String> = lock_set.iter().map(ToString::to_string).collect();
            let message =
                json!({"id": **section, "lockset": set, "pos": position, "parent": **parent});
            sent(target, "op".to_owned(), message)
        }
        EventKind::EntityLockGranted { section } => raised(section, json!({})),
        EventKind::EntityUnlockSent {
            section,
            parent,
            target,
        } => sent(
            target,
            "release".to_owned(),
            json!({"id": **section, "parent": **parent}),
        ),
        _ => return None,
    })
}

fn input(given: Option<&Json>, show: Show) -> Option<Json> {
    show.input.then(|| text(given.map(Json::as_str)))
}

/// A text as a JSON string, or `null`.
fn text(text: Option<&str>) -> Json {
    text.map_or_else(Json::null, |text| serde_json::Value::from(text).into())
}
