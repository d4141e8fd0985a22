//! Counting operations against a profile.

use std::collections::BTreeMap;

use twinbench_model::{Epoch, VirtualDuration, VirtualTime};

use super::{Operation, Profile};

/// How much may come at once before anything is delayed: what the rate gives in this time.
const BURST: VirtualDuration = VirtualDuration::from_secs(1);
/// How long an operation may be delayed before it is refused instead.
const LONGEST_DELAY: VirtualDuration = VirtualDuration::from_secs(10);
const MINUTE: u64 = 60_000_000_000;
const DAY: i64 = 24 * 3_600;

/// An operation is not to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its rate is exceeded (429001 ThrottlingException).
    #[error("too many operations of this kind: send slower")]
    Throttled,
    /// The day's messages are used up (403002 IotHubQuotaExceeded).
    #[error(
        "the daily quota of {0} messages is used up: wait for midnight UTC, or choose another tier"
    )]
    QuotaExceeded(u64),
}

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// By when the operations so far have had their time, in the ideal spacing of their rates,
    /// the burst not considered.
    spaced: BTreeMap<Operation, VirtualTime>,
    day: i64,
    messages: u64,
}

impl Meter {
    /// Asks for an operation on so many bytes: how long it has to wait.
    pub(crate) fn admit(
        &mut self,
        profile: Profile,
        operation: Operation,
        bytes: usize,
        clock: (VirtualTime, Epoch),
    ) -> Result<VirtualDuration, Refusal> {
        let asked = self.ask(profile, operation, bytes, clock);
        asked.map_err(|(refusal, _)| refusal)
    }

    /// Asks for an operation whose answer does not wait: what the cloud would keep for a while
    /// before it does it, is done now, and counts as if it had been kept. A refusal says after
    /// which time to ask again.
    pub(crate) fn admit_at_once(
        &mut self,
        profile: Profile,
        operation: Operation,
        bytes: usize,
        clock: (VirtualTime, Epoch),
    ) -> Result<(), (Refusal, VirtualDuration)> {
        self.ask(profile, operation, bytes, clock).map(drop)
    }

    fn ask(
        &mut self,
        profile: Profile,
        operation: Operation,
        bytes: usize,
        (now, epoch): (VirtualTime, Epoch),
    ) -> Result<VirtualDuration, (Refusal, VirtualDuration)> {
        let none = VirtualDuration::ZERO;
        let Some(rate) = profile.per_minute(operation) else {
            return Ok(none);
        };
        let pieces = bytes.div_ceil(profile.piece()).max(1) as u64;
        let quota = profile.daily().filter(|_| operation.is_metered());
        if let Some(quota) = quota.filter(|quota| self.today(now, epoch) + pieces > *quota) {
            let seconds = epoch.unix_seconds(now).rem_euclid(DAY);
            let midnight = u64::try_from(DAY - seconds).unwrap_or(0);
            let midnight = VirtualDuration::from_secs(midnight);
            return Err((Refusal::QuotaExceeded(quota), midnight));
        }
        // Of methods the rate itself is in pieces; everything else counts by the operation.
        let count = if operation == Operation::Method {
            bytes.div_ceil(4096).max(1) as u64
        } else {
            1
        };
        let step = VirtualDuration::from_nanos(MINUTE * count / rate.max(1));
        // A burst of a second's worth, and never less than one operation.
        let credit = BURST.as_nanos().max(step.as_nanos());
        let none_yet = VirtualTime::ZERO;
        let spaced = self.spaced.get(&operation).copied().unwrap_or(none_yet);
        let after = spaced.max(now).saturating_add(step);
        let delay = after.since(now.saturating_add(VirtualDuration::from_nanos(credit)));
        if delay > LONGEST_DELAY {
            let after = delay.as_nanos() - LONGEST_DELAY.as_nanos();
            let after = VirtualDuration::from_nanos(after);
            return Err((Refusal::Throttled, after));
        }
        self.spaced.insert(operation, after);
        if operation.is_metered() {
            self.messages += pieces;
        }
        Ok(delay)
    }

    /// Messages of this day so far.
    pub(crate) fn today(&mut self, now: VirtualTime, epoch: Epoch) -> u64 {
        let day = epoch.unix_seconds(now).div_euclid(DAY);
        if day != self.day {
            (self.day, self.messages) = (day, 0);
        }
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Tier;

    fn epoch() -> Epoch {
        Epoch::new("2026-01-01T23:00:00Z".parse().unwrap())
    }

    fn ask(meter: &mut Meter, tier: Tier, bytes: usize, millis: u64) -> Result<u64, Refusal> {
        let now = VirtualTime::from_millis(millis);
        let asked = meter.admit(
            Profile::of(tier),
            Operation::DeviceToCloud,
            bytes,
            (now, epoch()),
        );
        asked.map(|delay| delay.as_nanos() / 1_000_000)
    }

    #[test]
    fn a_burst_passes_then_delays_grow_then_it_is_refused() {
        let mut meter = Meter::default();
        let delays: Vec<_> = (0..1_300)
            .map(|_| ask(&mut meter, Tier::S1, 10, 5_000))
            .collect();
        assert!(delays[..100].iter().all(|delay| *delay == Ok(0)));
        assert_eq!(delays[149], Ok(500));
        assert_eq!(delays[1_099], Ok(10_000));
        assert_eq!(delays[1_100], Err(Refusal::Throttled));
        // What is refused costs nothing, and time heals.
        assert_eq!(ask(&mut meter, Tier::S1, 10, 5_010), Ok(10_000));
        assert_eq!(ask(&mut meter, Tier::S1, 10, 60_000), Ok(0));
        assert_eq!(ask(&mut meter, Tier::Off, 10, 0), Ok(0));
    }

    #[test]
    fn who_is_refused_is_told_when_to_ask_again() {
        let mut meter = Meter::default();
        let profile = Profile::of(Tier::S1);
        let mut ask = |seconds| {
            let clock = (VirtualTime::from_secs(seconds), epoch());
            let asked = meter.admit_at_once(profile, Operation::Query, 0, clock);
            asked.map_err(|(refusal, after)| (refusal, after.as_nanos() / 1_000_000_000))
        };
        // 20 queries a minute are one every three seconds: one at once, and as many as have their
        // turn within ten seconds.
        assert_eq!([ask(0), ask(0), ask(0), ask(0)], [Ok(()); 4]);
        assert_eq!(ask(0), Err((Refusal::Throttled, 2)));
        assert_eq!(ask(1), Err((Refusal::Throttled, 1)));
        assert_eq!(ask(2), Ok(()));
    }

    #[test]
    fn the_quota_counts_pieces_and_ends_at_midnight() {
        let mut meter = Meter::default();
        for second in 0..800 {
            // Ten pieces of half a kilobyte each.
            assert_eq!(ask(&mut meter, Tier::F1, 5_000, second * 1_000), Ok(0));
        }
        let used_up = Err(Refusal::QuotaExceeded(8_000));
        assert_eq!(ask(&mut meter, Tier::F1, 1, 900_000), used_up);
        assert_eq!(ask(&mut meter, Tier::F1, 1, 3_600_000), Ok(0));
    }
}
