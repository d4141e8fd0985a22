//! Times: UTC with nanoseconds there, virtual time here.

use jiff::Timestamp;
use twinbench_model::{Epoch, VirtualTime};

/// A virtual time in UTC.
pub fn timestamp(epoch: Epoch, time: VirtualTime) -> prost_types::Timestamp {
    let utc = epoch.utc(time);
    let (mut seconds, mut nanos) = (utc.as_second(), utc.subsec_nanosecond());
    if nanos < 0 {
        // Before 1970 jiff counts backwards, the protocol forwards.
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}

/// A time in UTC as virtual time: what is before the epoch counts as the epoch, what is beyond the
/// calendar as [`VirtualTime::MAX`].
pub fn virtual_time(epoch: Epoch, time: &prost_types::Timestamp) -> VirtualTime {
    let nanos = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    match Timestamp::from_nanosecond(nanos) {
        Ok(utc) => epoch.virtual_time(utc).unwrap_or(if utc < epoch.instant() {
            VirtualTime::ZERO
        } else {
            VirtualTime::MAX
        }),
        Err(_) if nanos < 0 => VirtualTime::ZERO,
        Err(_) => VirtualTime::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_nanoseconds() {
        for epoch in ["1960-01-01T00:00:00Z", "2026-01-01T00:00:00Z"] {
            let epoch = Epoch::new(epoch.parse().unwrap());
            for nanos in [0, 1, 999_999_999, 1_000_000_000, 86_400_000_000_001] {
                let time = VirtualTime::from_nanos(nanos);
                assert_eq!(virtual_time(epoch, &timestamp(epoch, time)), time);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_the_nearest() {
        let epoch = Epoch::new(Timestamp::UNIX_EPOCH);
        let at = |seconds| virtual_time(epoch, &prost_types::Timestamp { seconds, nanos: 0 });
        assert_eq!(at(-1), VirtualTime::ZERO);
        assert_eq!(at(i64::MIN), VirtualTime::ZERO);
        assert_eq!(at(i64::MAX), VirtualTime::MAX);
        // 9999-12-31 is beyond 64 bits of nanoseconds.
        assert_eq!(at(253_402_300_799), VirtualTime::MAX);
    }
}
