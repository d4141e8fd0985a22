//! Real time, with a factor: the only place that ties virtual time to the wall clock.

use std::time::{Duration, Instant};

use twinbench_machine::QUANTUM;
use twinbench_model::{VirtualDuration, VirtualTime, api::page::TimeRequest};

use crate::session::{Error, Session};

/// The most virtual time that a step to the next event goes on for.
const SEARCH: VirtualDuration = VirtualDuration::from_secs(3_600);

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

/// The pace of a served bench, as somebody plays and pauses it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// None: it stands.
    pace: Option<Pace>,
    /// The speed when it plays.
    factor: f64,
    /// It stands when this time is reached.
    until: Option<VirtualTime>,
    /// It stands until somebody plays it.
    stands_first: bool,
}

impl Clock {
    /// Plays at a pace.
    pub(super) fn begin(&mut self, pace: Pace) {
        self.factor = pace.factor;
        self.pace = (!self.stands_first).then_some(pace);
    }

    /// When it begins, it stands.
    pub(super) fn stand_first(&mut self) {
        self.stands_first = true;
    }

    /// Stands from now on.
    pub(super) fn stand(&mut self) {
        self.pace = None;
        self.until = None;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.pace.is_none()
    }

    pub(super) fn speed(&self) -> f64 {
        self.factor
    }

    /// The virtual time that is to be reached; `at` is where the session stands.
    pub(super) fn now(&mut self, at: VirtualTime) -> VirtualTime {
        let Some(pace) = &self.pace else { return at };
        let now = pace.now();
        match self.until {
            Some(until) if now >= until => {
                self.until = None;
                self.pace = None;
                until.max(at)
            }
            _ => now,
        }
    }

    /// How long the wall clock needs to reach a virtual time; for ever while it stands.
    pub(super) fn wall_until(&self, time: VirtualTime) -> Duration {
        self.pace
            .as_ref()
            .map_or(Duration::MAX, |pace| pace.wall_until(time))
    }

    /// Does what somebody asks.
    ///
    /// # Errors
    /// When the session fails in a step.
    pub(super) fn turn(
        &mut self,
        request: &TimeRequest,
        session: &mut Session,
    ) -> Result<(), Error> {
        match request {
            TimeRequest::Play => self.play(session.now()),
            TimeRequest::Pause => self.pace = None,
            TimeRequest::Speed { speed } => {
                self.factor = *speed;
                if self.pace.is_some() {
                    self.play(session.now());
                }
            }
            TimeRequest::Until { at } => {
                self.until = Some(VirtualTime::from_nanos(*at));
                self.play(session.now());
            }
            TimeRequest::Step { by_ns } => {
                self.pace = None;
                let by = by_ns
                    .map_or(QUANTUM, VirtualDuration::from_nanos)
                    .min(SEARCH);
                session.run_until(session.now().saturating_add(by))?;
                session.answer_now()?;
            }
            TimeRequest::StepEvent => {
                self.pace = None;
                let end = session.now().saturating_add(SEARCH);
                let before = session.stats().messages;
                while session.now() < end && session.stats().messages == before {
                    session.step(session.next_step(end))?;
                }
                session.answer_now()?;
            }
        }
        Ok(())
    }

    fn play(&mut self, now: VirtualTime) {
        self.pace = Some(Pace::realtime(now, self.factor));
    }
}
