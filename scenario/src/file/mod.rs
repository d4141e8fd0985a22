//! Scenario files: what is done to a bench, and what must come of it.
//!
//! TOML, versioned; unknown keys are refused with a suggestion, and every error names file, line
//! and column.

mod action;
mod actions;
mod check;
mod expect;
mod expectations;
mod load;
mod names;
mod variables;

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use twinbench_model::VirtualDuration;

pub use action::{
    CloudMessage, Desired, DirectMethod, Press, Publish, RaiseEvent, Ramp, Request, Reset, Sensor,
    Signal, Stimuli, UartInput, Wifi,
};

pub use expect::{
    AnyEvent, ConnectorCall, DeadLetter, DisplayText, EntityOperation, EntityState, Expect, Led,
    Metric, Telemetry, TwinState, UartOutput, Workflow, Written,
};
pub use load::{Case, Place, PlannedGolden, Reader, Suite};
pub use names::Known;

/// The version of the format that this program reads.
pub const VERSION: u32 = 1;

/// A scenario file as written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Twinbench scenario file")]
pub struct ScenarioFile {
    /// Format version, 1.
    #[schemars(with = "u32")]
    pub version: Spanned<u32>,
    /// The scenario's name; default: the file's.
    #[schemars(with = "Option<String>")]
    pub name: Option<Spanned<String>>,
    /// What it is about, for people.
    pub description: Option<String>,
    /// The bench file, relative to this file. A matrix may name several instead.
    #[schemars(with = "Option<String>")]
    pub bench: Option<Spanned<PathBuf>>,
    /// The seed, instead of the bench file's.
    pub seed: Option<u64>,
    /// How long to go on at least, even when every step is done.
    #[serde(rename = "for")]
    #[schemars(with = "Option<String>")]
    pub length: Option<VirtualDuration>,
    /// Files whose variables, steps, faults and invariants come before those of this one,
    /// relative to this file.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub include: Vec<Spanned<PathBuf>>,
    /// Values for `${name}` anywhere below; a text that is nothing but `${name}` becomes the value
    /// itself, with its type.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub variables: BTreeMap<String, toml::Value>,
    /// What is done and expected, in order.
    #[serde(default)]
    #[schemars(with = "Vec<Step>")]
    pub step: Vec<Spanned<Step>>,
    /// What goes wrong, from when to when.
    #[serde(default)]
    #[schemars(with = "Vec<Fault>")]
    pub fault: Vec<Spanned<Fault>>,
    /// What must hold all the time.
    #[serde(default)]
    #[schemars(with = "Vec<Always>")]
    pub always: Vec<Spanned<Always>>,
    /// The scenario is run once for every combination within a table.
    #[serde(default)]
    pub matrix: Vec<Matrix>,
    /// Parts of the canonical stream that must be as they were kept in a file.
    #[serde(default)]
    pub golden: Vec<Golden>,
    /// Profiles of the application in which the scenario must fail: it shows their defect.
    #[serde(default)]
    pub fails_in: Vec<String>,
}

/// One step: when, and what is done or expected.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Step {
    /// What a person calls it.
    pub name: Option<String>,
    /// Not before this virtual time, counted from the scenario's begin.
    #[schemars(with = "Option<String>")]
    pub at: Option<Spanned<VirtualDuration>>,
    /// So long after the step before.
    #[schemars(with = "Option<String>")]
    pub after: Option<Spanned<VirtualDuration>>,
    /// How long an expectation may take to come true, from when the step's turn comes.
    #[schemars(with = "Option<String>")]
    pub within: Option<Spanned<VirtualDuration>>,
    /// Which events count for an expectation.
    #[schemars(with = "Option<Since>")]
    pub since: Option<Spanned<Since>>,

    /// A sensor measures another value from now on.
    pub set: Option<Sensor>,
    /// A sensor's value goes evenly from one value to another.
    pub ramp: Option<Ramp>,
    /// A sensor follows the rows of a CSV file.
    pub stimuli: Option<Stimuli>,
    /// A button is pressed and let go.
    pub press: Option<Press>,
    /// Text goes into a UART of the board.
    pub uart: Option<UartInput>,
    /// The board's reset line.
    pub reset: Option<Reset>,
    /// The board's Wi-Fi goes away or comes back.
    pub wifi: Option<Wifi>,
    /// Desired properties of a device twin are changed.
    pub desired: Option<Desired>,
    /// A direct method is called; the step ends with its answer.
    pub method: Option<DirectMethod>,
    /// A message goes from the cloud to a device.
    pub c2d: Option<CloudMessage>,
    /// A message goes to the cloud with a device's identity.
    pub publish: Option<Publish>,
    /// A request to the application's front-end layer.
    pub request: Option<Request>,
    /// An operation is sent to a durable entity.
    pub signal: Option<Signal>,
    /// An event is raised for a workflow.
    pub raise: Option<RaiseEvent>,

    /// This must come true.
    #[schemars(with = "Option<Expect>")]
    pub expect: Option<Spanned<Expect>>,
    /// This must not happen within the time.
    #[schemars(with = "Option<Expect>")]
    pub never: Option<Spanned<Expect>>,
}

/// Which events an expectation looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Since {
    /// Those after the last action, which is usual.
    Action,
    /// Those after the step's turn came.
    Step,
    /// All of them.
    Start,
}

/// Something that goes wrong for a while.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fault {
    /// When it begins, counted from the scenario's begin.
    #[schemars(with = "String")]
    pub from: VirtualDuration,
    /// How long it lasts; without, to the end. A crash has no length.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub length: Option<VirtualDuration>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// Whom it concerns: a device's id, or a pattern with `*`; without, everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Which connector is concerned (`connector-…`): `c2d`, `sms`, `email`, `webhook`, `capture`;
    /// without, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<String>,
    /// How likely each message is concerned, 0 to 1; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// How late a message comes (`delay`, `reorder`, `latency`, `throttle`) or a clock is
    /// (`clock-skew`); default 1 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub by: Option<VirtualDuration>,
}

/// What goes wrong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Messages are lost on their way to the hub.
    Drop,
    /// Messages reach the hub twice.
    Duplicate,
    /// Messages reach the hub late, in order.
    Delay,
    /// Messages reach the hub late, each by a time of its own, so that they overtake each other.
    Reorder,
    /// The event batches are given to the function a second time.
    Redeliver,
    /// The cloud process ends and starts again from what it has committed.
    Crash,
    /// The board's supply fails: it starts again when the fault ends.
    Brownout,
    /// The board's Wi-Fi is away.
    WifiDown,
    /// What a device takes for the time is behind, by `by`.
    ClockSkew,
    /// A connector is not there: no call reaches anybody.
    ConnectorDown,
    /// A connector refuses every call.
    ConnectorRefuses,
    /// A connector's answers come later, by `by`.
    ConnectorSlow,
    /// Signals of the function to entities overtake each other, by up to `by`; for the whole run.
    SignalReorder,
    /// Signals of the function to entities come twice; for the whole run.
    SignalDuplicate,
    /// The network to the hub is gone: connections break, new ones are closed without an answer.
    NetworkDrop,
    /// Nothing passes between device and hub, though their connections stand.
    HalfOpen,
    /// What the hub says reaches the device later, by `by`, in order.
    Latency,
    /// The hub acknowledges later, by `by`, and refuses twin requests with 429.
    Throttle,
    /// The hub refuses every sign-in.
    RejectAuthentication,
    /// The hub closes connections, once.
    ForceDisconnect,
    /// The hub closes connections, and is not available until the fault ends.
    ServerRestart,
}

impl FaultKind {
    /// Every kind, in the order of the reference.
    pub const ALL: [Self; 21] = [
        Self::Drop,
        Self::Duplicate,
        Self::Delay,
        Self::Reorder,
        Self::Redeliver,
        Self::Crash,
        Self::Brownout,
        Self::WifiDown,
        Self::ClockSkew,
        Self::ConnectorDown,
        Self::ConnectorRefuses,
        Self::ConnectorSlow,
        Self::SignalReorder,
        Self::SignalDuplicate,
        Self::NetworkDrop,
        Self::HalfOpen,
        Self::Latency,
        Self::Throttle,
        Self::RejectAuthentication,
        Self::ForceDisconnect,
        Self::ServerRestart,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
            Self::Reorder => "reorder",
            Self::Redeliver => "redeliver",
            Self::Crash => "crash",
            Self::Brownout => "brownout",
            Self::WifiDown => "wifi-down",
            Self::ClockSkew => "clock-skew",
            Self::ConnectorDown => "connector-down",
            Self::ConnectorRefuses => "connector-refuses",
            Self::ConnectorSlow => "connector-slow",
            Self::SignalReorder => "signal-reorder",
            Self::SignalDuplicate => "signal-duplicate",
            Self::NetworkDrop => "network-drop",
            Self::HalfOpen => "half-open",
            Self::Latency => "latency",
            Self::Throttle => "throttle",
            Self::RejectAuthentication => "reject-authentication",
            Self::ForceDisconnect => "force-disconnect",
            Self::ServerRestart => "server-restart",
        }
    }

    /// Whether it is there for the whole run.
    pub const fn is_whole_run(self) -> bool {
        matches!(self, Self::SignalReorder | Self::SignalDuplicate)
    }

    /// Whether it happens at one instant and has no length.
    pub const fn is_instant(self) -> bool {
        matches!(self, Self::Crash | Self::ForceDisconnect)
    }
}

/// What must hold all the time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Always {
    /// What a person calls it.
    pub name: Option<String>,
    /// From when on; default: the scenario's begin.
    #[schemars(with = "Option<String>")]
    pub from: Option<VirtualDuration>,
    /// Until when; default: the end.
    #[schemars(with = "Option<String>")]
    pub until: Option<VirtualDuration>,
    /// A state that must hold at every instant.
    #[schemars(with = "Option<Expect>")]
    pub expect: Option<Spanned<Expect>>,
    /// An event or a state that must not be.
    #[schemars(with = "Option<Expect>")]
    pub never: Option<Spanned<Expect>>,
}

/// A part of the canonical stream that must be as it was kept.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Golden {
    /// The file, relative to this one; what differs is written beside it as `.new`.
    #[schemars(with = "String")]
    pub file: Spanned<PathBuf>,
    /// Channels (`kind/source`), exact or patterns with `*`.
    pub channels: Vec<String>,
}

/// Every combination of these; an empty list leaves what the scenario says.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Matrix {
    /// Bench files, relative to this file.
    #[schemars(with = "Vec<String>")]
    pub bench: Vec<Spanned<PathBuf>>,
    /// Backends for the devices with firmware.
    pub backend: Vec<String>,
    /// Seeds.
    pub seed: Vec<u64>,
    /// Profiles of the application.
    pub profile: Vec<String>,
    /// Values of variables.
    #[schemars(with = "BTreeMap<String, Vec<serde_json::Value>>")]
    pub variables: BTreeMap<String, Vec<toml::Value>>,
}
