//! What each tier allows ("IoT Hub quotas and throttling", table of operation throttles).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tier of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Tier {
    /// No limits.
    #[default]
    #[serde(rename = "off")]
    Off,
    /// Free: 8,000 messages a day of 0.5 KB.
    F1,
    /// 400,000 messages a day and unit.
    S1,
    /// 6,000,000 messages a day and unit.
    S2,
    /// 300,000,000 messages a day and unit.
    S3,
}

/// A tier and how many units of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// The tier.
    pub tier: Tier,
    /// How many units: 1 in F1, up to 200 in S1 and S2, up to 10 in S3.
    pub units: u32,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            tier: Tier::Off,
            units: 1,
        }
    }
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// A device connects.
    Connect,
    /// A device sends a message.
    DeviceToCloud,
    /// The service sends a message.
    CloudToDevice,
    /// The service calls a method; metered in pieces of 4 KB.
    Method,
    /// A twin is read.
    TwinRead,
    /// A twin is written.
    TwinWrite,
    /// A query.
    Query,
    /// The registry is read or written.
    Registry,
    /// A job is made, changed or read.
    Job,
}

impl Operation {
    /// Its name in recordings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::DeviceToCloud => "device-to-cloud",
            Self::CloudToDevice => "cloud-to-device",
            Self::Method => "method",
            Self::TwinRead => "twin-read",
            Self::TwinWrite => "twin-write",
            Self::Query => "query",
            Self::Registry => "registry",
            Self::Job => "job",
        }
    }

    /// Whether it counts as messages towards the daily quota.
    pub(super) fn is_metered(self) -> bool {
        matches!(
            self,
            Self::DeviceToCloud
                | Self::CloudToDevice
                | Self::Method
                | Self::TwinRead
                | Self::TwinWrite
        )
    }
}

impl Profile {
    /// A tier with one unit.
    pub fn of(tier: Tier) -> Self {
        Self { tier, units: 1 }
    }

    /// How often an operation may happen in a minute; `None` when as often as it likes.
    pub fn per_minute(self, operation: Operation) -> Option<u64> {
        let units = u64::from(self.units.max(1));
        // Of a second and of a unit; the higher of a fixed rate and one that grows with the units.
        let second = |rate: u64| Some(rate * 60);
        let grows = |fixed: u64, rate: u64| Some(fixed.max(rate * units) * 60);
        let minute = |rate: u64| Some(rate * units);
        let s3 = self.tier == Tier::S3;
        match (self.tier, operation) {
            (Tier::Off, _) => None,
            (Tier::F1 | Tier::S1, Operation::Connect | Operation::DeviceToCloud) => grows(100, 12),
            // Of methods 480 KB in pieces of 4 KB.
            (Tier::S2, Operation::Connect | Operation::DeviceToCloud | Operation::Method) => {
                second(120 * units)
            }
            (Tier::S3, Operation::Connect | Operation::DeviceToCloud) => second(6_000 * units),
            (_, Operation::CloudToDevice | Operation::Registry) => {
                minute(if s3 { 5_000 } else { 100 })
            }
            (Tier::F1 | Tier::S1, Operation::Method) => second(160 / 4 * units),
            (Tier::S3, Operation::Method) => second(24 * 1024 / 4 * units),
            (Tier::F1 | Tier::S1, Operation::TwinRead) => second(100),
            (Tier::S2, Operation::TwinRead) => grows(100, 10),
            (Tier::S3, Operation::TwinRead) => second(500 * units),
            (Tier::F1 | Tier::S1, Operation::TwinWrite) => second(50),
            (Tier::S2, Operation::TwinWrite) => grows(50, 5),
            (Tier::S3, Operation::TwinWrite) => second(250 * units),
            (_, Operation::Query) => minute(if s3 { 1_000 } else { 20 }),
            (_, Operation::Job) => minute(if s3 { 5_000 } else { 100 }),
        }
    }

    /// Messages a day; `None` when there is no quota.
    pub fn daily(self) -> Option<u64> {
        let units = u64::from(self.units.max(1));
        match self.tier {
            Tier::Off => None,
            Tier::F1 => Some(8_000),
            Tier::S1 => Some(400_000 * units),
            Tier::S2 => Some(6_000_000 * units),
            Tier::S3 => Some(300_000_000 * units),
        }
    }

    /// The bytes that count as one message.
    pub fn piece(self) -> usize {
        match self.tier {
            Tier::F1 => 512,
            _ => 4 * 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_table() {
        let check = |tier, units, operation, per_minute| {
            let profile = Profile { tier, units };
            assert_eq!(
                profile.per_minute(operation),
                per_minute,
                "{tier:?} {operation:?}"
            );
        };
        check(Tier::Off, 1, Operation::DeviceToCloud, None);
        check(Tier::F1, 1, Operation::DeviceToCloud, Some(100 * 60));
        check(Tier::S1, 9, Operation::DeviceToCloud, Some(9 * 12 * 60));
        check(Tier::S2, 1, Operation::Connect, Some(120 * 60));
        check(Tier::S3, 2, Operation::DeviceToCloud, Some(12_000 * 60));
        check(Tier::S1, 2, Operation::CloudToDevice, Some(200));
        check(Tier::S3, 1, Operation::Query, Some(1_000));
        check(Tier::S1, 1, Operation::Method, Some(40 * 60));
        check(Tier::S2, 20, Operation::TwinRead, Some(200 * 60));
        assert_eq!(Profile::of(Tier::F1).daily(), Some(8_000));
        assert_eq!(Profile::of(Tier::F1).piece(), 512);
        assert_eq!(Profile::of(Tier::S1).piece(), 4_096);
    }
}
