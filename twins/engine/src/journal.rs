//! What the recorder is told.

use std::sync::Arc;

use serde::Serialize;
use twinbench_model::{EntityId, Event, Room, VirtualTime};

use crate::{Failure, Json};

/// Longest input or output that an event carries whole, in bytes.
const LONGEST: usize = 1024;

/// An input or output in an event: itself, or its size when it is long.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Shown<'a> {
    Whole(&'a Json),
    Nothing(()),
    Long { bytes: usize },
}

impl<'a> From<&'a Json> for Shown<'a> {
    fn from(json: &'a Json) -> Self {
        match json.as_str().len() {
            bytes if bytes > LONGEST => Self::Long { bytes },
            _ => Self::Whole(json),
        }
    }
}

impl<'a> From<Option<&'a Json>> for Shown<'a> {
    fn from(json: Option<&'a Json>) -> Self {
        json.map_or(Self::Nothing(()), Self::from)
    }
}

/// A failure in an event: its type and its message.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

impl<'a> From<&'a Failure> for Told<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            error_type: &failure.error_type,
            error_message: &failure.error_message,
        }
    }
}

/// Facts of an `entity` event: one operation.
#[derive(Debug, Serialize)]
pub(crate) struct Done<'a> {
    pub(crate) operation: &'a str,
    pub(crate) input: Shown<'a>,
    pub(crate) result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Told<'a>>,
}

/// Facts of a `workflow` event.
#[derive(Debug, Serialize)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Workflow<'a> {
    Started {
        name: &'a str,
        input: Shown<'a>,
    },
    ActivityScheduled {
        task: i32,
        name: &'a str,
        input: Shown<'a>,
    },
    ActivityCompleted {
        task: i32,
        result: Shown<'a>,
    },
    ActivityFailed {
        task: i32,
        error: Told<'a>,
    },
    TimerCreated {
        timer: i32,
        fire_at: VirtualTime,
    },
    TimerFired {
        timer: i32,
    },
    SignalSent {
        to: &'a str,
        operation: &'a str,
    },
    EventRaised {
        name: &'a str,
    },
    EventSent {
        to: &'a str,
        name: &'a str,
    },
    SubOrchestrationCreated {
        task: i32,
        name: &'a str,
        instance: &'a str,
    },
    SubOrchestrationCompleted {
        task: i32,
        result: Shown<'a>,
    },
    SubOrchestrationFailed {
        task: i32,
        error: Told<'a>,
    },
    EntityCalled {
        to: &'a str,
        operation: &'a str,
    },
    EntityAnswered {
        result: Shown<'a>,
    },
    EntityFailed {
        error: Told<'a>,
    },
    LocksRequested {
        entities: &'a [EntityId],
    },
    LocksGranted,
    LockReleased {
        entity: &'a EntityId,
    },
    Suspended,
    Resumed,
    Rewound {
        reason: Option<&'a str>,
    },
    Terminated {
        reason: Shown<'a>,
    },
    ContinuedAsNew {
        input: Shown<'a>,
    },
    Completed {
        output: Shown<'a>,
    },
    Failed {
        error: Told<'a>,
    },
}

/// Writes events in the engine's order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Whether anybody reads them.
    pub(crate) on: bool,
    pub(crate) events: Vec<Event>,
}

impl Journal {
    pub(crate) fn operation(&mut self, now: VirtualTime, source: &Arc<str>, facts: &Done<'_>) {
        if !self.on {
            return;
        }
        self.events.push(Event::json(
            now,
            Room::Entities,
            "entity",
            Arc::clone(source),
            facts,
        ));
    }

    pub(crate) fn workflow(&mut self, now: VirtualTime, source: &Arc<str>, facts: &Workflow<'_>) {
        if !self.on {
            return;
        }
        self.events.push(Event::json(
            now,
            Room::Workflows,
            "workflow",
            Arc::clone(source),
            facts,
        ));
    }
}
