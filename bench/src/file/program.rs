//! `restart` and `[device.limits]`: what becomes of a program that plays a device.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;
use twinbench_machine::{Limits, Restart};
use twinbench_model::VirtualDuration;

/// How long after its end a program is started again.
const DELAY: VirtualDuration = VirtualDuration::from_secs(1);
/// How often a program that fails is started again.
const MOST: u32 = 3;

/// What becomes of a program that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartName {
    /// It has ended.
    Never,
    /// It is started again when it failed, a second later and up to three times.
    #[default]
    OnFailure,
    /// It is started again a second later.
    Always,
}

/// What a program may use, together with all that it starts (Linux, where this user may make control
/// groups), or else each of its processes (Unix).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Processor time; it is killed when it has used it. Of one process it counts in whole seconds, rounded
    /// up.
    #[schemars(with = "Option<String>")]
    pub cpu: Option<VirtualDuration>,
    /// Memory in MiB; it is killed when it needs more. Of one process it is the address space, and what goes
    /// beyond is refused.
    #[schemars(with = "Option<u32>")]
    pub memory_mib: Option<Spanned<u32>>,
}

impl From<RestartName> for Restart {
    fn from(name: RestartName) -> Self {
        match name {
            RestartName::Never => Self::Never,
            RestartName::OnFailure => Self::OnFailure {
                most: MOST,
                delay: DELAY,
            },
            RestartName::Always => Self::Always { delay: DELAY },
        }
    }
}

impl From<&LimitsSection> for Limits {
    fn from(section: &LimitsSection) -> Self {
        let memory = section.memory_mib.as_ref();
        Self {
            cpu: section
                .cpu
                .map(|cpu| std::time::Duration::from_nanos(cpu.as_nanos())),
            memory: memory.map(|mib| u64::from(*mib.get_ref()) << 20),
        }
    }
}
