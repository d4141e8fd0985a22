//! `[device.traffic]`: what a simulated device does besides sending at every interval.

use schemars::JsonSchema;
use serde::Deserialize;
use twinbench_machine::{Burst, Churn, Misbehaviour, Misdeed, Traffic, Update};
use twinbench_model::VirtualDuration;

/// What a simulated device does besides sending at every interval. With `count`, each device of the
/// row does it at moments of its own, drawn from the bench's seed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrafficSection {
    /// Many messages at once.
    pub burst: Option<BurstSection>,
    /// The connection comes and goes.
    pub churn: Option<ChurnSection>,
    /// A new firmware, which reaches one device after another.
    pub update: Option<UpdateSection>,
    /// Messages that are not as they must be.
    pub misbehaviour: Option<MisbehaviourSection>,
}

/// Many messages at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurstSection {
    /// How often: once in each such time.
    #[schemars(with = "String")]
    every: VirtualDuration,
    /// How many messages, a millisecond apart.
    count: u32,
}

/// The connection comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChurnSection {
    /// How often: once in each such time.
    #[schemars(with = "String")]
    every: VirtualDuration,
    /// How long it is away.
    #[schemars(with = "String")]
    away: VirtualDuration,
}

/// A new firmware, which reaches one device after another.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateSection {
    /// When the wave begins, counted from the bench's epoch.
    #[schemars(with = "String")]
    at: VirtualDuration,
    /// How long it goes on.
    #[schemars(with = "String")]
    over: VirtualDuration,
    /// How long a device is away for it; default 60 s.
    #[serde(default = "a_minute")]
    #[schemars(with = "String")]
    takes: VirtualDuration,
    /// The version before, in each message's property `firmware-version`.
    from: String,
    /// The version behind.
    to: String,
    /// Percent of the devices that come back with the old version.
    #[serde(default)]
    fails: f64,
}

/// Messages that are not as they must be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MisbehaviourSection {
    /// How often: once in each such time.
    #[schemars(with = "String")]
    every: VirtualDuration,
    /// What may be wrong, each time one of them; default: all.
    #[serde(default = "MisdeedName::all")]
    kinds: Vec<MisdeedName>,
}

/// What may be wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MisdeedName {
    /// It ends in the middle of its JSON.
    Broken,
    /// Its values are texts.
    Texts,
    /// It is longer than a hub takes.
    Huge,
    /// Its time stamp is a day old.
    Backdated,
    /// It is the last one a second time.
    Repeated,
    /// It comes sixty times within a second.
    Flood,
}

fn a_minute() -> VirtualDuration {
    VirtualDuration::from_secs(60)
}

impl MisdeedName {
    fn all() -> Vec<Self> {
        vec![
            Self::Broken,
            Self::Texts,
            Self::Huge,
            Self::Backdated,
            Self::Repeated,
            Self::Flood,
        ]
    }
}

impl From<MisdeedName> for Misdeed {
    fn from(name: MisdeedName) -> Self {
        match name {
            MisdeedName::Broken => Self::Broken,
            MisdeedName::Texts => Self::Texts,
            MisdeedName::Huge => Self::Huge,
            MisdeedName::Backdated => Self::Backdated,
            MisdeedName::Repeated => Self::Repeated,
            MisdeedName::Flood => Self::Flood,
        }
    }
}

impl From<&TrafficSection> for Traffic {
    fn from(section: &TrafficSection) -> Self {
        Self {
            burst: section.burst.map(|it| Burst {
                every: it.every,
                count: it.count,
            }),
            churn: section.churn.map(|it| Churn {
                every: it.every,
                away: it.away,
            }),
            update: section.update.as_ref().map(|it| Update {
                at: it.at,
                over: it.over,
                takes: it.takes,
                from: it.from.clone(),
                to: it.to.clone(),
                fails: it.fails,
            }),
            misbehaviour: section.misbehaviour.as_ref().map(|it| Misbehaviour {
                every: it.every,
                kinds: it.kinds.iter().map(|kind| (*kind).into()).collect(),
            }),
        }
    }
}
