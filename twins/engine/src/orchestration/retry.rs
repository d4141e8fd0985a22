//! When a failed activity is tried again.

use twinbench_model::VirtualDuration;

use crate::Failure;

/// How often and how long after a failure an activity is tried again.
///
/// The wait before attempt `n + 1` is `first_interval × backoff^(n-1)`, at most `max_interval`.
/// No attempt begins once `timeout` has passed since the first.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Attempts in all, the first one included; 0 counts as 1.
    pub max_attempts: u32,
    /// The wait after the first failure.
    pub first_interval: VirtualDuration,
    /// What each further wait is multiplied with.
    pub backoff: f64,
    /// The longest wait.
    pub max_interval: Option<VirtualDuration>,
    /// How long after the first attempt another may begin.
    pub timeout: Option<VirtualDuration>,
    /// Says which failures are worth another attempt; all of them when there is none. It must say
    /// the same on every replay.
    pub handle: Option<fn(&Failure) -> bool>,
}

impl PartialEq for RetryPolicy {
    fn eq(&self, other: &Self) -> bool {
        let numbers = |it: &Self| {
            (
                it.max_attempts,
                it.first_interval,
                it.backoff.to_bits(),
                it.max_interval,
                it.timeout,
                it.handle.is_some(),
            )
        };
        numbers(self) == numbers(other)
    }
}

impl RetryPolicy {
    /// A policy without backoff and without limits of time.
    pub const fn new(max_attempts: u32, first_interval: VirtualDuration) -> Self {
        Self {
            max_attempts,
            first_interval,
            backoff: 1.0,
            max_interval: None,
            timeout: None,
            handle: None,
        }
    }

    /// The wait after the `attempt`th failure (from 1), `passed` after the first attempt began;
    /// `None` when there is no further attempt.
    pub(super) fn delay(
        &self,
        attempt: u32,
        passed: VirtualDuration,
        failure: &Failure,
    ) -> Option<VirtualDuration> {
        if attempt >= self.max_attempts
            || failure.non_retriable
            || self.timeout.is_some_and(|timeout| passed >= timeout)
            || self.handle.is_some_and(|handle| !handle(failure))
        {
            return None;
        }
        let factor = self
            .backoff
            .powi(attempt.saturating_sub(1).min(1000) as i32);
        // Rounded, not cut: a wait of whole milliseconds must not lose one to binary fractions.
        let nanos = (self.first_interval.as_nanos() as f64 * factor).round();
        let delay = VirtualDuration::from_nanos(nanos as u64);
        Some(
            self.max_interval
                .map_or(delay, |longest| delay.min(longest)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_capped() {
        let policy = RetryPolicy {
            backoff: 2.0,
            max_interval: Some(VirtualDuration::from_secs(5)),
            timeout: Some(VirtualDuration::from_secs(60)),
            ..RetryPolicy::new(5, VirtualDuration::from_secs(1))
        };
        let failure = Failure::new("Test", "");
        let waits: Vec<_> = (1..=5)
            .map(|attempt| {
                policy
                    .delay(attempt, VirtualDuration::ZERO, &failure)
                    .map(VirtualDuration::as_secs_f64)
            })
            .collect();
        assert_eq!(waits, [Some(1.0), Some(2.0), Some(4.0), Some(5.0), None]);
        assert_eq!(
            policy.delay(1, VirtualDuration::from_secs(60), &failure),
            None
        );
    }
}
