//! What a step can expect.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::action::console;

/// A condition as written, with its place; see [`crate::matcher`] for its words.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Written(#[schemars(with = "serde_json::Value")] pub Spanned<toml::Value>);

/// Exactly one of these.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Expect {
    /// A message that the hub took from a device.
    pub telemetry: Option<Telemetry>,
    /// What a device printed.
    pub uart: Option<UartOutput>,
    /// A durable entity's state.
    pub entity: Option<EntityState>,
    /// An operation that a durable entity did.
    pub operation: Option<EntityOperation>,
    /// A device twin.
    pub twin: Option<TwinState>,
    /// A light or another named pin.
    pub led: Option<Led>,
    /// What the display shows.
    pub display: Option<DisplayText>,
    /// A workflow.
    pub workflow: Option<Workflow>,
    /// What a connector was asked to send.
    pub connector: Option<ConnectorCall>,
    /// A message that the application could not use.
    pub dead_letter: Option<DeadLetter>,
    /// A figure of the bench.
    pub metric: Option<Metric>,
    /// Any event of the canonical stream.
    pub event: Option<AnyEvent>,
    /// How often the event must have happened, at least; default 1.
    #[schemars(with = "Option<u64>")]
    pub at_least: Option<Spanned<u64>>,
    /// How often the event must have happened at the end of the time, exactly.
    #[schemars(with = "Option<u64>")]
    pub exactly: Option<Spanned<u64>>,
}

/// A message that the hub took.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Telemetry {
    /// The device; without, any.
    #[schemars(with = "Option<String>")]
    pub device: Option<Spanned<String>>,
    /// What its body must be.
    pub body: Option<Written>,
    /// What its application properties must be.
    pub properties: Option<Written>,
    /// What its system properties must be.
    pub system: Option<Written>,
}

/// What a device printed. The text is searched across lines.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UartOutput {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// The board's name for the port; default `console`.
    #[serde(default = "console")]
    pub port: String,
    /// A text that must be in it.
    pub text: Option<String>,
    /// A regular expression that must be found in one of its lines.
    #[schemars(with = "Option<String>")]
    pub matches: Option<Spanned<String>>,
}

/// A durable entity's state.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EntityState {
    /// The entity, `@name@key`.
    #[schemars(with = "Option<String>")]
    pub id: Option<Spanned<String>>,
    /// A device instead: its entity in the application.
    #[schemars(with = "Option<String>")]
    pub device: Option<Spanned<String>>,
    /// What its state must be.
    pub state: Written,
}

/// An operation that a durable entity did.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EntityOperation {
    /// The entity, `@name@key`.
    #[schemars(with = "Option<String>")]
    pub id: Option<Spanned<String>>,
    /// A device instead: its entity in the application.
    #[schemars(with = "Option<String>")]
    pub device: Option<Spanned<String>>,
    /// The operation's name; without, any.
    pub operation: Option<Written>,
    /// What its input must be.
    pub input: Option<Written>,
    /// How it must have ended.
    pub result: Option<Written>,
}

/// A device twin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TwinState {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// What its desired properties must be.
    pub desired: Option<Written>,
    /// What its reported properties must be.
    pub reported: Option<Written>,
    /// What its tags must be.
    pub tags: Option<Written>,
}

/// A light or another named pin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Led {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// The board's name for it, such as `led-user`.
    pub name: String,
    /// Whether its level is high.
    pub on: bool,
}

/// What the display shows, read from its pixels.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DisplayText {
    /// The device.
    #[schemars(with = "String")]
    pub device: Spanned<String>,
    /// A text that must be in one of its lines.
    pub text: Option<String>,
    /// A regular expression that must be found in one of its lines.
    #[schemars(with = "Option<String>")]
    pub matches: Option<Spanned<String>>,
}

/// A workflow.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workflow {
    /// The orchestration's name; without, any.
    pub name: Option<String>,
    /// What the instance's id must be.
    pub instance: Option<Written>,
    /// What its status must be: `Running`, `Completed`, `Failed`, …
    pub status: Option<Written>,
    /// What it was started with.
    pub input: Option<Written>,
    /// What it ended with.
    pub output: Option<Written>,
    /// What its history must be: a list of events such as `{ event = "ActivityCompleted" }`.
    pub history: Option<Written>,
}

/// What a connector was asked to send.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConnectorCall {
    /// The connector, such as `SendMessageToDevice`; without, any.
    pub connector: Option<Written>,
    /// The device that it is about; without, any.
    #[schemars(with = "Option<String>")]
    pub device: Option<Spanned<String>>,
    /// Whom it goes to.
    pub to: Option<Written>,
    /// What it says.
    pub text: Option<Written>,
    /// Properties of the message.
    pub properties: Option<Written>,
}

/// A message that the application could not use.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeadLetter {
    /// The device; without, any.
    #[schemars(with = "Option<String>")]
    pub device: Option<Spanned<String>>,
    /// Why.
    pub reason: Option<Written>,
}

/// A figure of the bench.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Metric {
    /// Its name: `messages`, `alerts`, `dead-letters`, …
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// What it must be.
    pub value: Written,
}

/// Any event of the canonical stream.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AnyEvent {
    /// Its kind, the first part of the channel: `d2c`, `entity`, `workflow`, …
    pub kind: String,
    /// Its source, the second part of the channel: an exact id or a pattern with `*`.
    pub source: Option<String>,
    /// What its facts must be.
    pub facts: Option<Written>,
}
