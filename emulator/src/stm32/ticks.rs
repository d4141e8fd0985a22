//! Cycles of a clock and nanoseconds, without drift: always counted from one origin.

use twinbench_model::{VirtualDuration, VirtualTime};

const NANOS: u128 = 1_000_000_000;

/// Whole cycles of a clock of `hz` in `span`.
pub(crate) fn cycles(span: VirtualDuration, hz: u32) -> u64 {
    (u128::from(span.as_nanos()) * u128::from(hz) / NANOS) as u64
}

/// The first instant, on or after `origin`, by which `cycles` whole cycles have passed.
///
/// A clock that stands still never gets there.
pub(crate) fn instant(origin: VirtualTime, cycles: u64, hz: u32) -> VirtualTime {
    if hz == 0 {
        return VirtualTime::MAX;
    }
    let nanos = (u128::from(cycles) * NANOS).div_ceil(u128::from(hz));
    origin.saturating_add(VirtualDuration::from_nanos(
        u64::try_from(nanos).unwrap_or(u64::MAX),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_is_the_first_at_which_the_cycles_have_passed(
            origin in 0u64..1 << 50, count in 1u64..1 << 40, hz in 1u32..200_000_000
        ) {
            let origin = VirtualTime::from_nanos(origin);
            let at = instant(origin, count, hz);
            prop_assert!(cycles(at.since(origin), hz) >= count);
            let before = VirtualTime::from_nanos(at.as_nanos() - 1);
            prop_assert!(cycles(before.since(origin), hz) < count);
        }
    }
}
