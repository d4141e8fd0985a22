//! `[device.methods]`: what a simulated device does with direct methods.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;
use twinbench_machine::SimulatedMethod;
use twinbench_model::VirtualDuration;

/// A direct method of a simulated device.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MethodSection {
    /// The status of its answer.
    #[schemars(with = "i32")]
    pub status: Spanned<i32>,
    /// The payload of its answer; default: what it was given.
    #[schemars(with = "Option<serde_json::Value>")]
    pub payload: Option<toml::Value>,
    /// How long it takes.
    #[schemars(with = "String")]
    pub after: VirtualDuration,
    /// Never answer, so that the caller meets its timeout.
    pub silent: bool,
}

impl Default for MethodSection {
    fn default() -> Self {
        Self {
            status: Spanned::new(0..0, 200),
            payload: None,
            after: VirtualDuration::ZERO,
            silent: false,
        }
    }
}

impl From<&MethodSection> for SimulatedMethod {
    fn from(section: &MethodSection) -> Self {
        let payload = section.payload.as_ref();
        Self {
            status: *section.status.get_ref(),
            // Every TOML value has a JSON form.
            payload: payload.map(|payload| serde_json::to_value(payload).unwrap_or_default()),
            after: section.after,
            answers: !section.silent,
        }
    }
}
