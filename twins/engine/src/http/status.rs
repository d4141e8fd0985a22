//! What is told of an instance.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde::Serialize;
use twinbench_model::{Epoch, VirtualTime};

use super::{
    history::{self, Row},
    query::Query,
};
use crate::{EntityView, Instance, Json, Status};

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Show {
    pub(super) history: bool,
    pub(super) history_output: bool,
    pub(super) input: bool,
}

impl Show {
    pub(super) fn of(query: &Query) -> Self {
        Self {
            history: query.flag("showHistory").unwrap_or(false),
            history_output: query.flag("showHistoryOutput").unwrap_or(false),
            input: query.flag("showInput").unwrap_or(true),
        }
    }
}

/// The status payload. Times are whole seconds, as the original writes them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) instance_id: Cow<'a, str>,
    pub(super) runtime_status: &'static str,
    pub(super) input: Option<Json>,
    pub(super) custom_status: Option<Json>,
    pub(super) output: Option<Json>,
    pub(super) created_time: String,
    pub(super) last_updated_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) history_events: Option<Vec<Row<'a>>>,
}

impl<'a> Payload<'a> {
    pub(super) fn of(instance: &'a Instance, show: Show, epoch: Epoch) -> Self {
        Self {
            name: instance.name().into(),
            instance_id: instance.id().into(),
            runtime_status: instance.status().name(),
            input: instance.input().filter(|_| show.input).map(shown),
            custom_status: instance.custom_status().map(shown),
            output: output(instance),
            created_time: whole_seconds(instance.created(), epoch),
            last_updated_time: whole_seconds(instance.updated(), epoch),
            history_events: show
                .history
                .then(|| history::shape(instance.history(), show, epoch)),
        }
    }

    /// An entity as the instance that it is on Azure Storage: it runs for ever, its input is its
    /// scheduler's state.
    pub(super) fn of_entity(view: &EntityView, show: Show, epoch: Epoch) -> Payload<'static> {
        let state = view.state.as_ref().map(Json::as_str);
        let scheduler = serde_json::json!({"exists": state.is_some(), "state": state});
        let status = serde_json::json!({
            "entityExists": state.is_some(),
            "queueSize": view.backlog,
            "lockedBy": view.locked_by.as_deref(),
        });
        let at = whole_seconds(view.last_operation, epoch);
        Payload {
            name: format!("@{}", view.id.name()).into(),
            instance_id: view.id.to_string().into(),
            runtime_status: Status::Running.name(),
            input: show.input.then(|| scheduler.into()),
            custom_status: Some(status.into()),
            output: None,
            created_time: at.clone(),
            last_updated_time: at,
            history_events: None,
        }
    }
}

/// What an instance ended with; of one that failed, what happened.
pub(super) fn output(instance: &Instance) -> Option<Json> {
    let failed = || {
        instance
            .failure()
            .filter(|_| instance.status() == Status::Failed)
    };
    instance.output().map(shown).or_else(|| {
        let message = failed()?.error_message.as_str();
        Some(serde_json::Value::from(message).into())
    })
}

/// A text as JSON: what is none is shown as a JSON string.
pub(super) fn shown(json: &Json) -> Json {
    if json.is_json() {
        json.clone()
    } else {
        Json::from_text(json.as_str().trim())
    }
}

/// `2026-01-01T00:00:10Z`: what is beyond whole seconds is cut off.
pub(super) fn whole_seconds(time: VirtualTime, epoch: Epoch) -> String {
    let utc = epoch.utc(time).to_zoned(TimeZone::UTC);
    utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-01-01T00:00:10.25Z`, down to .NET's ticks of 100 ns.
pub(super) fn ticks(time: VirtualTime, epoch: Epoch) -> String {
    let utc = epoch.utc(time);
    let beyond = utc.as_nanosecond().rem_euclid(100);
    jiff::Timestamp::from_nanosecond(utc.as_nanosecond() - beyond)
        .unwrap_or(utc)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_off() {
        let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        let time = VirtualTime::from_nanos(10_999_999_999);
        assert_eq!(whole_seconds(time, epoch), "2026-01-01T00:00:10Z");
        assert_eq!(ticks(time, epoch), "2026-01-01T00:00:10.9999999Z");
        let time = VirtualTime::from_millis(250);
        assert_eq!(ticks(time, epoch), "2026-01-01T00:00:00.25Z");
        assert_eq!(ticks(VirtualTime::ZERO, epoch), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn a_text_that_is_no_json_is_shown_as_a_string() {
        let text = |json: &Json| serde_json::to_string(&shown(json)).unwrap();
        assert_eq!(text(&Json::from_text("because")), r#""because""#);
        assert_eq!(text(&Json::from_text(" 42 ")), "42");
        assert_eq!(text(&Json::from_text(r#"{"a":1.50}"#)), r#"{"a":1.50}"#);
    }
}
