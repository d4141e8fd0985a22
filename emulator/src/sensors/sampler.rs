//! When a sensor takes its samples.

use twinbench_model::VirtualTime;

/// A data rate. The first sample comes with the rate, the others at its period.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sampler {
    millihertz: u32,
    since: VirtualTime,
    taken: u64,
}

impl Sampler {
    /// Sets the rate; 0 stops. The same rate goes on undisturbed.
    pub(crate) fn set_rate(&mut self, millihertz: u32, now: VirtualTime) {
        if millihertz != self.millihertz {
            *self = Self {
                millihertz,
                since: now,
                taken: 0,
            };
        }
    }

    /// Whether samples are taken at all.
    pub(crate) fn running(&self) -> bool {
        self.millihertz != 0
    }

    /// Whether a sample came since the last call.
    pub(crate) fn take(&mut self, now: VirtualTime) -> bool {
        if !self.running() {
            return false;
        }
        let nanos = u128::from(now.since(self.since).as_nanos());
        let due = (nanos * u128::from(self.millihertz) / 1_000_000_000_000) as u64 + 1;
        let new = due > self.taken;
        self.taken = due;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_comes_at_once_and_then_at_each_period() {
        let mut sampler = Sampler::default();
        assert!(!sampler.take(VirtualTime::from_secs(1)));
        sampler.set_rate(12_500, VirtualTime::from_secs(1));
        assert!(sampler.take(VirtualTime::from_millis(1000)));
        assert!(!sampler.take(VirtualTime::from_millis(1079)));
        sampler.set_rate(12_500, VirtualTime::from_millis(1079));
        assert!(sampler.take(VirtualTime::from_millis(1080)));
    }
}
