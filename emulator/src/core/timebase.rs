//! Cycles to virtual time and back, exactly, across changes of the clock.

use twinbench_model::VirtualTime;

const SECOND: u64 = 1_000_000_000;

/// A point at which cycles and time are known together, and the rate since.
///
/// Conversions start from that point, so no rounding adds up. A change of the clock rounds down
/// to a nanosecond once.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Timebase {
    nanos: u64,
    cycles: u64,
    hz: u32,
}

impl Timebase {
    /// Zero cycles at time zero.
    pub(crate) fn new(hz: u32) -> Self {
        Self {
            nanos: 0,
            cycles: 0,
            hz: hz.max(1),
        }
    }

    /// The time at which `cycles` are done, in whole nanoseconds.
    pub(crate) fn time(&self, cycles: u64) -> VirtualTime {
        let (cycles, hz) = (cycles - self.cycles, u64::from(self.hz));
        let nanos = cycles / hz * SECOND + cycles % hz * SECOND / hz;
        VirtualTime::from_nanos(self.nanos.saturating_add(nanos))
    }

    /// The least number of cycles at which `time` is reached.
    pub(crate) fn cycles(&self, time: VirtualTime) -> u64 {
        let (nanos, hz) = (
            time.as_nanos().saturating_sub(self.nanos),
            u64::from(self.hz),
        );
        let rest = (nanos % SECOND * hz).div_ceil(SECOND);
        self.cycles
            .saturating_add((nanos / SECOND).saturating_mul(hz))
            .saturating_add(rest)
    }

    /// Goes on at another rate from `cycles` on.
    pub(crate) fn set_rate(&mut self, cycles: u64, hz: u32) {
        if hz.max(1) != self.hz {
            self.nanos = self.time(cycles).as_nanos();
            self.cycles = cycles;
            self.hz = hz.max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_drifts_over_a_year_and_a_change_of_clock() {
        let mut base = Timebase::new(96_000_000);
        let year = 365 * 86_400;
        assert_eq!(base.time(year * 96_000_000), VirtualTime::from_secs(year));
        assert_eq!(base.cycles(VirtualTime::from_secs(year)), year * 96_000_000);
        base.set_rate(96_000_000, 16_000_000);
        assert_eq!(
            base.time(96_000_000 + 16_000_000),
            VirtualTime::from_secs(2)
        );
        assert!(base.cycles(VirtualTime::MAX) > 1 << 50);
    }

    #[test]
    fn a_time_is_reached_at_its_cycles() {
        let base = Timebase::new(26_000_000);
        for nanos in [1, 38, 39, 999, 1_000_000_007] {
            let time = VirtualTime::from_nanos(nanos);
            let cycles = base.cycles(time);
            assert!(base.time(cycles) >= time);
            assert!(base.time(cycles - 1) < time);
        }
    }
}
