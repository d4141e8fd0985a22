//! Which application is mirrored: the repaired one, or the original with its defects.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinbench_model::Epoch;

/// Which application is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Without the defects of the original.
    #[default]
    Repaired,
    /// With every one of them (reference notes of the application, section 4).
    Original,
}

impl Profile {
    /// Every profile, in the order of the reference.
    pub const ALL: [Self; 2] = [Self::Repaired, Self::Original];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repaired => "repaired",
            Self::Original => "original",
        }
    }

    /// The profile of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether it is the original.
    pub const fn is_original(self) -> bool {
        matches!(self, Self::Original)
    }
}

/// Where the event-batch function's messages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "MessageSource")]
pub enum Source {
    /// An IoT Hub: every message carries the device that was authenticated.
    #[default]
    IotHub,
    /// Plain Event Hubs, or their emulator: nobody says who sent a message.
    EventHubs,
}

/// How device entities treat what comes; the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Treatment {
    pub(crate) profile: Profile,
    /// How far the clock that the entities read is ahead of the bench's.
    pub(crate) clock_ahead: SignedDuration,
}

impl Treatment {
    pub(crate) fn new(profile: Profile, host_clock: Option<Timestamp>, epoch: Epoch) -> Self {
        let ahead = host_clock.map(|clock| clock.duration_since(epoch.instant()));
        Self {
            profile,
            // Repaired entities know one clock only: the bench's.
            clock_ahead: ahead
                .filter(|_| profile.is_original())
                .unwrap_or(SignedDuration::ZERO),
        }
    }
}
