//! What the recorder is told.

use std::sync::Arc;

use serde::Serialize;
use twinbench_model::{Event, Room, VirtualTime};

use crate::{Failure, Json};

/// Longest input or output that an event carries whole, in bytes.
const LONGEST: usize = 1024;

/// An input or output in an event: itself, or its size when it is long.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Shown<'a> {
    Whole(&'a Json),
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

/// Facts of an `entity` event: one operation.
#[derive(Debug, Serialize)]
pub(crate) struct Done<'a> {
    pub(crate) operation: &'a str,
    pub(crate) input: Shown<'a>,
    pub(crate) result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a Failure>,
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
        task: u32,
        name: &'a str,
        input: Shown<'a>,
    },
    ActivityCompleted {
        task: u32,
        result: Shown<'a>,
    },
    ActivityFailed {
        task: u32,
        error: &'a Failure,
    },
    TimerCreated {
        timer: u32,
        fire_at: VirtualTime,
    },
    TimerFired {
        timer: u32,
    },
    SignalSent {
        to: &'a str,
        operation: &'a str,
    },
    EventRaised {
        name: &'a str,
    },
    ContinuedAsNew {
        input: Shown<'a>,
    },
    Completed {
        output: Shown<'a>,
    },
    Failed {
        error: &'a Failure,
    },
}

/// Writes events in the engine's order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) events: Vec<Event>,
}

impl Journal {
    pub(crate) fn operation(&mut self, now: VirtualTime, source: &Arc<str>, facts: &Done<'_>) {
        self.events.push(Event::json(
            now,
            Room::Entities,
            "entity",
            Arc::clone(source),
            facts,
        ));
    }

    pub(crate) fn workflow(&mut self, now: VirtualTime, source: &Arc<str>, facts: &Workflow<'_>) {
        self.events.push(Event::json(
            now,
            Room::Workflows,
            "workflow",
            Arc::clone(source),
            facts,
        ));
    }
}
