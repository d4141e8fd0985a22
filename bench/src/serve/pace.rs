//! Real time, with a factor: the only place that ties virtual time to the wall clock.

use std::time::{Duration, Instant};

use twinbench_model::{VirtualDuration, VirtualTime};

/// How virtual time follows the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    wall: Instant,
    start: VirtualTime,
    factor: f64,
}

impl Pace {
    /// From now on, `factor` virtual seconds pass in a second; virtual time stands at `start`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the pace is where virtual time meets the wall clock"
    )]
    pub fn realtime(start: VirtualTime, factor: f64) -> Self {
        Self {
            wall: Instant::now(),
            start,
            factor,
        }
    }

    /// The virtual time that the wall clock has reached.
    pub fn now(&self) -> VirtualTime {
        let passed = self.wall.elapsed().as_secs_f64() * self.factor;
        self.start
            .saturating_add(VirtualDuration::from_secs_f64(passed))
    }

    /// How long the wall clock needs to reach a virtual time.
    pub fn wall_until(&self, time: VirtualTime) -> Duration {
        let ahead =
            time.since(self.start).as_secs_f64() / self.factor - self.wall.elapsed().as_secs_f64();
        Duration::try_from_secs_f64(ahead).unwrap_or(if ahead > 0.0 {
            Duration::MAX
        } else {
            Duration::ZERO
        })
    }
}
