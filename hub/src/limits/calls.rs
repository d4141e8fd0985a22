//! The hub asks its meter.

use serde_json::json;
use twinbench_model::{Event, Room, VirtualDuration, VirtualTime};

use super::{Operation, Refusal};
use crate::{Hub, registry::IdentityId};

/// How much of its limits a hub has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsUsed {
    /// Messages that counted this day (UTC).
    pub messages_today: u64,
    /// The day's quota; `None` when there is none.
    pub quota: Option<u64>,
}

impl Hub {
    /// Asks whether an operation on so many bytes may be done; counts it when it may, after the
    /// delay that is given.
    ///
    /// # Errors
    /// When its rate or the daily quota is exceeded.
    pub fn admit_operation(
        &mut self,
        operation: Operation,
        bytes: usize,
        id: Option<&IdentityId>,
        now: VirtualTime,
    ) -> Result<VirtualDuration, Refusal> {
        let clock = (now, self.options.epoch);
        let profile = self.options.profile;
        let asked = self.meter.admit(profile, operation, bytes, clock);
        if let Err(refusal) = asked {
            self.refused_operation(operation, refusal, id, now);
        }
        asked
    }

    /// Asks whether an operation whose answer does not wait, such as a request over REST, may be
    /// done now; counts it when it may.
    ///
    /// # Errors
    /// When its rate or the daily quota is exceeded; and after which time to ask again.
    pub fn admit_at_once(
        &mut self,
        operation: Operation,
        bytes: usize,
        id: Option<&IdentityId>,
        now: VirtualTime,
    ) -> Result<(), (Refusal, VirtualDuration)> {
        let clock = (now, self.options.epoch);
        let profile = self.options.profile;
        let asked = self.meter.admit_at_once(profile, operation, bytes, clock);
        if let Err((refusal, _)) = asked {
            self.refused_operation(operation, refusal, id, now);
        }
        asked
    }

    fn refused_operation(
        &mut self,
        operation: Operation,
        refusal: Refusal,
        id: Option<&IdentityId>,
        now: VirtualTime,
    ) {
        self.stats.throttled += 1;
        let source = id.map_or_else(|| "hub".into(), IdentityId::shared);
        let facts = json!({"operation": operation.name(), "refused": refusal.to_string()});
        let event = Event::json(now, Room::Hub, "throttle", source, &facts);
        self.events.push(event);
    }

    /// How much of the limits is used.
    pub fn limits_used(&mut self, now: VirtualTime) -> LimitsUsed {
        LimitsUsed {
            messages_today: self.meter.today(now, self.options.epoch),
            quota: self.options.profile.daily(),
        }
    }
}
