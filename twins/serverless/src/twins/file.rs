//! Twin files as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;
use twinbench_model::VirtualDuration;

/// The version of the format that this program reads.
pub const VERSION: u32 = 1;

/// A type of twins: what is kept of a device's messages, and what is started by it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Twinbench twin file")]
pub struct TwinFile {
    /// Format version, 1.
    #[schemars(with = "u32")]
    pub version: Spanned<u32>,
    /// The entities' name; the key is the device's id.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// What it is about, for people.
    pub description: Option<String>,
    /// Devices that are such twins: ids, or patterns with `*`; the first file that has the device
    /// wins. Default: all.
    #[serde(default = "everybody")]
    #[schemars(with = "Vec<String>")]
    pub devices: Vec<Spanned<String>>,
    /// How long readings are kept: a span, or `"$setting"`.
    #[schemars(with = "String")]
    pub retention: Spanned<String>,
    /// What can be configured, by the operation `SetConfiguration`.
    #[serde(default)]
    pub setting: Vec<Setting>,
    /// What is taken of a message.
    #[serde(default)]
    pub field: Vec<Field>,
    /// What is computed of the readings of a time.
    #[serde(default)]
    pub window: Vec<Window>,
    /// What is started when a value goes beyond another.
    #[serde(default)]
    pub threshold: Vec<Threshold>,
}

fn everybody() -> Vec<Spanned<String>> {
    vec![Spanned::new(0..0, "*".into())]
}

/// Something that can be configured, in the state's `entityConfig`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Setting {
    /// Its name; dots lead into objects.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: SettingType,
    /// Its value when nothing is said; none without.
    #[schemars(with = "Option<serde_json::Value>")]
    pub default: Option<Spanned<toml::Value>>,
    /// The least that makes sense.
    #[schemars(with = "Option<serde_json::Value>")]
    pub min: Option<Spanned<toml::Value>>,
    /// The most that makes sense.
    #[schemars(with = "Option<serde_json::Value>")]
    pub max: Option<Spanned<toml::Value>>,
    /// What becomes of less than `min`.
    #[serde(default)]
    pub below: Outside,
    /// What becomes of more than `max`.
    #[serde(default)]
    pub above: Outside,
}

/// What a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettingType {
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// Yes or no.
    Bool,
    /// A text.
    Text,
    /// A time span as .NET writes it: `00:10:00`.
    Span,
}

/// What becomes of a setting that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// The nearest that makes sense.
    #[default]
    Nearest,
    /// The default.
    Default,
}

/// A value of a message.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Field {
    /// Its name in the state.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// Where it is in the message's JSON, in any case: `data.temperature`.
    #[schemars(with = "String")]
    pub path: Spanned<String>,
    /// What it is; default: a number.
    #[serde(default, rename = "type")]
    pub kind: FieldType,
    /// Its unit, for people.
    pub unit: Option<String>,
    /// Its value in a message that has the object around it, but not it. A message that lacks a
    /// field without default is no reading.
    #[schemars(with = "Option<serde_json::Value>")]
    pub default: Option<Spanned<toml::Value>>,
    /// Digits after the point, half to even, 0 to 15: a number or `"$setting"`.
    #[schemars(with = "Option<serde_json::Value>")]
    pub round: Option<Spanned<toml::Value>>,
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// A number.
    #[default]
    Number,
    /// Yes or no.
    Bool,
    /// A text.
    Text,
}

/// A value that is computed of the readings of the last time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Window {
    /// Its name in the state's `windows`.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// The field.
    #[schemars(with = "String")]
    pub field: Spanned<String>,
    /// What is computed.
    pub of: Statistic,
    /// Over how long a time, back from now; at most the retention.
    #[schemars(with = "String")]
    pub over: Spanned<VirtualDuration>,
}

/// What a window computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// The newest value.
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean.
    Mean,
    /// How many there are.
    Count,
}

/// Starts a workflow once when a value goes beyond another, and again after it came back.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Threshold {
    /// The name of the state's member that says whether it has fired.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// The field (its newest value) or the window that is looked at.
    #[schemars(with = "String")]
    pub of: Spanned<String>,
    /// It fires above this: a number or `"$setting"`; a setting without a value turns it off.
    #[schemars(with = "Option<serde_json::Value>")]
    pub above: Option<Spanned<toml::Value>>,
    /// It fires below this.
    #[schemars(with = "Option<serde_json::Value>")]
    pub below: Option<Spanned<toml::Value>>,
    /// It is armed again strictly on the other side of this; default: of the threshold itself.
    #[schemars(with = "Option<serde_json::Value>")]
    pub until: Option<Spanned<toml::Value>>,
    /// The workflow that is started.
    #[schemars(with = "String")]
    pub start: Spanned<String>,
    /// What it is given; texts `$time`, `$value`, `$threshold`, `$device`, `$name` and
    /// `$settings.…` stand for values. Default: all of the first five.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub input: Option<BTreeMap<Spanned<String>, Spanned<toml::Value>>>,
}
