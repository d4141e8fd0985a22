//! What a step can do.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;
use twinbench_model::VirtualDuration;

use super::expect::Written;

/// A sensor measures another value from now on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sensor {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// The quantity, such as `temperature`.
    #[schemars(with = "String")]
    pub sensor: Spanned<String>,
    /// In the quantity's unit (°C, %RH, hPa, mG, mg, mdps).
    pub value: f64,
}

/// A sensor's value goes evenly from one value to another; the steps after it do not wait.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ramp {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// The quantity, such as `temperature`.
    #[schemars(with = "String")]
    pub sensor: Spanned<String>,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How long it takes.
    #[schemars(with = "String")]
    pub over: Spanned<VirtualDuration>,
    /// How often the value changes; default: every second.
    #[schemars(with = "Option<String>")]
    pub every: Option<Spanned<VirtualDuration>>,
}

/// Sensors follow a CSV file: a first row of names, of which the first is `time` (a number of
/// seconds, or a span such as `1m 30s`), the others quantities.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stimuli {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// The file, relative to the scenario file.
    #[schemars(with = "String")]
    pub csv: Spanned<PathBuf>,
}

/// A button is pressed and let go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Press {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// The board's name for the button: `a`, `b`.
    pub button: String,
    /// How long; default 100 ms.
    #[serde(rename = "for")]
    #[schemars(with = "Option<String>")]
    pub length: Option<VirtualDuration>,
}

/// Text goes into a UART.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UartInput {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// The board's name for the port; default `console`.
    #[serde(default = "console")]
    pub port: String,
    /// What is typed.
    pub text: String,
}

pub(super) fn console() -> String {
    "console".into()
}

/// The board's reset line.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reset {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
}

/// The board's Wi-Fi.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Wifi {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// Whether it is there.
    pub up: bool,
}

/// Desired properties are changed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Desired {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// Properties and their new values. TOML has no null: the text `null!` deletes a property.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub properties: toml::Table,
}

/// A direct method is called.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DirectMethod {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// The method.
    pub name: String,
    /// Its payload; default: null.
    #[schemars(with = "Option<serde_json::Value>")]
    pub payload: Option<toml::Value>,
    /// How long the hub waits for the answer; default 30 s.
    #[schemars(with = "Option<String>")]
    pub timeout: Option<VirtualDuration>,
    /// The status that the device must answer with.
    pub status: Option<Written>,
    /// What the answer must be.
    pub answer: Option<Written>,
}

/// A message from the cloud to a device.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CloudMessage {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// Its text.
    pub text: Option<String>,
    /// Its body as JSON, instead of a text.
    #[schemars(with = "Option<serde_json::Value>")]
    pub body: Option<toml::Value>,
    /// Application properties.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// A message to the cloud with a device's identity.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Publish {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// Its text.
    pub text: Option<String>,
    /// Its body as JSON, instead of a text.
    #[schemars(with = "Option<serde_json::Value>")]
    pub body: Option<toml::Value>,
    /// Application properties.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// The function gets it in one batch with the message that the next step publishes.
    #[serde(default)]
    pub with_next: bool,
}

/// A request to the application's front-end layer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Request {
    /// The HTTP method; default GET.
    #[serde(default = "get")]
    pub method: String,
    /// The path, such as `/api/devices/devkit-01/configuration`.
    pub path: String,
    /// Its body as JSON.
    #[schemars(with = "Option<serde_json::Value>")]
    pub body: Option<toml::Value>,
    /// The status that must be answered.
    pub status: Option<Written>,
    /// What the answer must be.
    pub answer: Option<Written>,
}

fn get() -> String {
    "GET".into()
}

/// An operation for a durable entity.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Signal {
    /// The entity, `@name@key`.
    #[schemars(with = "String")]
    pub entity: Spanned<String>,
    /// The operation.
    pub operation: String,
    /// Its input; default: null.
    #[schemars(with = "Option<serde_json::Value>")]
    pub input: Option<toml::Value>,
}

/// An event for a workflow.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RaiseEvent {
    /// The instance's id.
    pub instance: String,
    /// The event's name.
    pub event: String,
    /// What it carries; default: null.
    #[schemars(with = "Option<serde_json::Value>")]
    pub input: Option<toml::Value>,
}
