//! What a bench's generators are to the sensors of a board.

use twinbench_emulator::sensors::Surroundings;
use twinbench_model::VirtualTime;

use super::SENSOR_PERIOD;
use crate::generator::Sampler;

/// A generator behind a sensor. Its value holds from one point of the grid of [`SENSOR_PERIOD`] to
/// the next, so that what is read does not depend on when it was read before.
#[derive(Debug, Clone)]
pub(super) struct Generated {
    pub(super) sampler: Sampler,
    /// When the board was switched on.
    pub(super) start: VirtualTime,
}

impl Surroundings for Generated {
    fn at(&mut self, now: VirtualTime) -> (f64, VirtualTime) {
        if self.sampler.is_constant() {
            return (self.sampler.at(self.start), VirtualTime::MAX);
        }
        let grid = SENSOR_PERIOD.as_nanos();
        let since = |time: VirtualTime| VirtualTime::ZERO + time.since(self.start);
        let now = self.start.saturating_add(now.since(VirtualTime::ZERO));
        let point = VirtualTime::from_nanos(now.as_nanos() / grid * grid).max(self.start);
        let next = (now.as_nanos() / grid).saturating_add(1);
        let until = since(VirtualTime::from_nanos(next.saturating_mul(grid)));
        (self.sampler.at(point), until)
    }
}
