//! The state machine that runs a plan: the bench's virtual time and events go in, what to do next
//! and when to be woken comes out, and in the end a verdict of every step.
//!
//! **Invariant:** a verdict depends on the plan, on virtual times and on what the [`World`] tells,
//! on nothing else.
//!
//! Steps are taken in order. An action is done when its turn comes. An expectation waits, from
//! when its turn comes, at most for its `within`; events count since the last action (unless
//! `since` says otherwise), so that two expectations after one action both see what it caused,
//! in whichever order it came.

mod agenda;
mod counter;
pub mod display;
mod state;
mod verdict;
mod watch;
mod world;

use serde_json::{Value, json};
use twinbench_model::{Event, Payload, VirtualDuration, VirtualTime};

use crate::{
    file::{Case, Since},
    plan::{Action, MethodCall, Step, What},
};

use agenda::{Agenda, Entry};
use state::Seen;
pub use verdict::{Failure, Outcome, StepVerdict, Verdict};
use watch::Watch;
pub use world::{Answer, Ticket, WorkflowView, World, WorldError};

/// What the runner wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Let virtual time go on, at most to here, and come back after every step of the bench.
    Until(VirtualTime),
    /// It is decided.
    Done,
}

/// Runs one case.
#[derive(Debug)]
pub struct Runner {
    steps: Vec<Step>,
    watches: Vec<Option<Watch>>,
    always: Vec<Watch>,
    agenda: Agenda,
    seen: Seen,
    verdict: Verdict,
    /// The step whose turn it is.
    current: usize,
    /// When its turn came.
    turn: Option<VirtualTime>,
    /// When the step before was decided.
    before: VirtualTime,
    /// The call that the current step waits for.
    ticket: Option<Ticket>,
    length: VirtualTime,
    started: bool,
    stopped: bool,
}

impl Runner {
    /// A runner at the scenario's begin.
    pub fn new(case: &Case) -> Self {
        let blank = |name: &str, place: &crate::plan::Place| StepVerdict {
            name: name.to_owned(),
            place: place.clone(),
            began: None,
            ended: None,
            outcome: Outcome::NotReached,
        };
        let watches = case
            .steps
            .iter()
            .map(|step| match &step.what {
                What::Expect(expectation) => Some(Watch::new(expectation, true)),
                What::Never(expectation) => Some(Watch::new(expectation, false)),
                What::Do(_) | What::Wait => None,
            })
            .collect();
        let mut agenda = Agenda::default();
        for (number, planned) in case.faults.iter().enumerate() {
            let from = VirtualTime::ZERO.saturating_add(planned.fault.from);
            agenda.add(
                from,
                None,
                Entry::Fault {
                    number,
                    fault: planned.fault.clone(),
                    begins: true,
                },
            );
            if let Some(length) = planned.fault.length {
                let end = from.saturating_add(length);
                agenda.add(
                    end,
                    None,
                    Entry::Fault {
                        number,
                        fault: planned.fault.clone(),
                        begins: false,
                    },
                );
            }
        }
        Self {
            watches,
            always: case
                .always
                .iter()
                .map(|it| {
                    let mut watch = Watch::new(&it.what, it.holds);
                    watch.window = (
                        VirtualTime::ZERO.saturating_add(it.from),
                        it.until
                            .map_or(VirtualTime::MAX, |it| VirtualTime::ZERO.saturating_add(it)),
                    );
                    watch
                })
                .collect(),
            agenda,
            seen: Seen::default(),
            verdict: Verdict {
                steps: case
                    .steps
                    .iter()
                    .map(|it| blank(&it.name, &it.place))
                    .collect(),
                always: case
                    .always
                    .iter()
                    .map(|it| blank(&it.name, &it.place))
                    .collect(),
                ended: VirtualTime::ZERO,
            },
            steps: case.steps.clone(),
            current: 0,
            turn: None,
            before: VirtualTime::ZERO,
            ticket: None,
            length: VirtualTime::ZERO.saturating_add(case.length),
            started: false,
            stopped: false,
        }
    }

    /// Takes an event of the canonical stream. `time` is the event's, counted from the scenario's
    /// begin.
    pub fn observe(&mut self, event: &Event, time: VirtualTime) {
        self.seen.observe(event);
        let mut facts: Option<Option<Value>> = None;
        let watches = self.watches.iter_mut().skip(self.current).flatten();
        for watch in watches.chain(&mut self.always) {
            if !watch.wants(event) {
                continue;
            }
            let facts = facts.get_or_insert_with(|| match &event.payload {
                Payload::Json(text) => serde_json::from_str(text).ok(),
                Payload::Bytes(_) => None,
            });
            watch.observe(event, time, (*facts).as_ref());
        }
    }

    /// Does what is due and decides what can be decided.
    ///
    /// # Errors
    /// When the bench itself fails; what a scenario asks in vain goes into the verdict.
    pub fn advance(&mut self, world: &mut dyn World) -> Result<Next, WorldError> {
        let next = self.go_on(world);
        self.seen.clean();
        next
    }

    fn go_on(&mut self, world: &mut dyn World) -> Result<Next, WorldError> {
        let now = world.now();
        if !self.started {
            self.started = true;
            self.arm_all(world)?;
        }
        self.agenda_until(now, world)?;
        self.check_always(now, world)?;
        while !self.stopped && self.current < self.steps.len() {
            if let Some(wake) = self.step(now, world)? {
                let wake = self.agenda.next().map_or(wake, |next| wake.min(next));
                return Ok(Next::Until(self.until_windows(wake, now)));
            }
        }
        if !self.stopped && now < self.end() {
            return Ok(Next::Until(self.until_windows(self.end(), now)));
        }
        self.finish(now, world)?;
        Ok(Next::Done)
    }

    /// The verdict as it stands; final after [`Next::Done`].
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// When the scenario may end, its steps being done: when ramps and buttons are. A fault that
    /// would last longer ends with it.
    fn end(&self) -> VirtualTime {
        self.agenda
            .next_of_steps()
            .map_or(self.length, |next| next.max(self.length))
    }

    /// Invariants' windows begin at their own times.
    fn until_windows(&self, wake: VirtualTime, now: VirtualTime) -> VirtualTime {
        let edges = self.always.iter().map(|it| it.window.0);
        let edges = edges.chain(self.agenda.next()).filter(|it| *it > now);
        edges.fold(wake, VirtualTime::min)
    }

    /// Takes the current step as far as it goes. `None` when it was decided, else when to wake.
    fn step(
        &mut self,
        now: VirtualTime,
        world: &mut dyn World,
    ) -> Result<Option<VirtualTime>, WorldError> {
        let index = self.current;
        let Some(step) = self.steps.get(index).cloned() else {
            return Ok(None);
        };
        let turn = if let Some(turn) = self.turn {
            turn
        } else {
            let start = match (step.at, step.after) {
                (Some(at), _) => VirtualTime::ZERO.saturating_add(at),
                (None, Some(after)) => self.before.saturating_add(after),
                (None, None) => now,
            };
            if start > now {
                return Ok(Some(start));
            }
            self.turn = Some(now);
            self.verdict.steps[index].began = Some(now);
            if step.since == Since::Step {
                self.arm(index, world)?;
            }
            now
        };
        match &step.what {
            What::Wait => self.decide(now, Outcome::Passed),
            What::Do(action) => return self.action(action, now, world),
            What::Expect(_) | What::Never(_) => {
                let deadline = turn.saturating_add(step.within);
                let Some(watch) = self.watches.get_mut(index).and_then(Option::as_mut) else {
                    return Ok(None);
                };
                match watch.look(now >= deadline, &self.seen, world)? {
                    None => return Ok(Some(deadline)),
                    Some(outcome) => {
                        self.decide(now, outcome);
                    }
                }
            }
        }
        Ok(None)
    }

    fn action(
        &mut self,
        action: &Action,
        now: VirtualTime,
        world: &mut dyn World,
    ) -> Result<Option<VirtualTime>, WorldError> {
        if let Some(ticket) = self.ticket {
            return self.wait_for_answer(action, ticket, now, world);
        }
        // What follows the action counts from here.
        let index = self.current;
        self.arm_after(index, world)?;
        let done = match action {
            Action::Act(act) => world.act(act).map(|()| Outcome::Passed),
            Action::Ramp {
                device,
                quantity,
                from,
                to,
                over,
                every,
            } => {
                self.agenda
                    .ramp(now, index, (device, quantity), (*from, *to), *over, *every);
                Ok(Outcome::Passed)
            }
            Action::Rows { device, rows } => {
                self.agenda.rows(now, index, device, rows);
                Ok(Outcome::Passed)
            }
            Action::Press {
                device,
                button,
                length,
            } => {
                self.agenda.press(now, index, device, button, *length);
                Ok(Outcome::Passed)
            }
            Action::Request {
                method,
                path,
                body,
                answer,
            } => {
                let request = format!("{method} {path}");
                world.request(method, path, body.as_ref()).map(|found| {
                    compare(
                        answer,
                        &json!({"status": found.status, "body": found.body}),
                        &request,
                    )
                })
            }
            Action::Method { call, .. } => match world.call(call) {
                Ok(ticket) => {
                    self.ticket = Some(ticket);
                    return self.wait_for_answer(action, ticket, now, world);
                }
                Err(error) => Err(error),
            },
        };
        let outcome = done.or_else(outcome_of)?;
        self.decide(now, outcome);
        self.agenda_until(now, world)?;
        Ok(None)
    }

    fn wait_for_answer(
        &mut self,
        action: &Action,
        ticket: Ticket,
        now: VirtualTime,
        world: &mut dyn World,
    ) -> Result<Option<VirtualTime>, WorldError> {
        let Action::Method { call, answer } = action else {
            return Ok(None);
        };
        let turn = self.turn.unwrap_or(now);
        let outcome = match world.answer(ticket) {
            Ok(Some(found)) => {
                let value = json!({"status": found.status, "payload": found.body});
                compare(answer, &value, &described(call))
            }
            Ok(None) => {
                // The hub answers at the timeout itself; a second more is for a bench that does not.
                let last = turn
                    .saturating_add(call.timeout)
                    .saturating_add(VirtualDuration::from_secs(1));
                if now < last {
                    return Ok(Some(last));
                }
                Outcome::Failed(Failure {
                    expected: format!("an answer to {} within {}", described(call), call.timeout),
                    found: "none".into(),
                    nearest: None,
                })
            }
            Err(error) => outcome_of(error)?,
        };
        self.ticket = None;
        self.decide(now, outcome);
        Ok(None)
    }

    /// Ends the current step.
    fn decide(&mut self, now: VirtualTime, outcome: Outcome) {
        let verdict = &mut self.verdict.steps[self.current];
        verdict.ended = Some(now);
        if outcome != Outcome::Passed {
            self.stopped = true;
        }
        verdict.outcome = outcome;
        self.before = now;
        self.turn = None;
        self.current += 1;
    }

    /// At the begin: what counts from the start, and what no action comes before.
    fn arm_all(&mut self, world: &mut dyn World) -> Result<(), WorldError> {
        for index in 0..self.steps.len() {
            if self.steps[index].since == Since::Start {
                self.arm(index, world)?;
            }
        }
        for (watch, verdict) in self.always.iter_mut().zip(&mut self.verdict.always) {
            verdict.began = Some(VirtualTime::ZERO);
            if let Err(error) = watch.arm(VirtualTime::ZERO, world) {
                verdict.outcome = outcome_of(error)?;
                verdict.ended = Some(VirtualTime::ZERO);
                self.stopped = true;
            }
        }
        self.arm_from(0, world)
    }

    fn arm_after(&mut self, index: usize, world: &mut dyn World) -> Result<(), WorldError> {
        self.arm_from(index + 1, world)
    }

    /// Arms the expectations from a step on that count since the last action, up to the next one.
    fn arm_from(&mut self, first: usize, world: &mut dyn World) -> Result<(), WorldError> {
        for index in first..self.steps.len() {
            if matches!(self.steps[index].what, What::Do(_)) {
                break;
            }
            if self.steps[index].since == Since::Action {
                self.arm(index, world)?;
            }
        }
        Ok(())
    }

    fn arm(&mut self, index: usize, world: &mut dyn World) -> Result<(), WorldError> {
        let now = world.now();
        if let Some(watch) = self.watches.get_mut(index).and_then(Option::as_mut)
            && let Err(error) = watch.arm(now, world)
        {
            // Told when the step's turn comes.
            watch.refused = Some(outcome_of(error)?);
        }
        Ok(())
    }

    /// Does what the agenda has up to now.
    fn agenda_until(&mut self, now: VirtualTime, world: &mut dyn World) -> Result<(), WorldError> {
        while let Some((step, entry)) = self.agenda.take_due(now) {
            let (done, name) = match &entry {
                Entry::Act(act) => (world.act(act), String::new()),
                Entry::Fault {
                    number,
                    fault,
                    begins,
                } => (
                    world.fault(*number, fault, *begins),
                    format!("fault {}: ", fault.kind.name()),
                ),
            };
            let Err(error) = done else { continue };
            let outcome = match outcome_of(error)? {
                Outcome::Refused { reason } => Outcome::Refused {
                    reason: format!("{name}{reason}"),
                },
                other => other,
            };
            self.stopped = true;
            // What a step set off is its own; a fault is told with the step whose turn it is.
            let index = step
                .unwrap_or(self.current)
                .min(self.verdict.steps.len().saturating_sub(1));
            let verdict = self
                .verdict
                .steps
                .get_mut(index)
                .or(self.verdict.always.first_mut());
            if let Some(verdict) = verdict {
                verdict.outcome = outcome;
                verdict.ended = Some(now);
            }
        }
        Ok(())
    }

    fn check_always(&mut self, now: VirtualTime, world: &mut dyn World) -> Result<(), WorldError> {
        for (watch, verdict) in self.always.iter_mut().zip(&mut self.verdict.always) {
            if let Some(outcome) = watch.broken(now, &self.seen, world)? {
                verdict.outcome = outcome;
                verdict.ended = Some(now);
                self.stopped = true;
            }
        }
        Ok(())
    }

    /// What was not broken held.
    fn finish(&mut self, now: VirtualTime, world: &mut dyn World) -> Result<(), WorldError> {
        self.check_always(now, world)?;
        self.verdict.ended = now;
        let reached = !self.stopped;
        for verdict in &mut self.verdict.always {
            if verdict.outcome == Outcome::NotReached && reached {
                verdict.outcome = Outcome::Passed;
                verdict.ended = Some(now);
            }
        }
        Ok(())
    }
}

/// Compares an answer.
fn compare(expected: &crate::matcher::Matcher, found: &Value, of: &str) -> Outcome {
    match expected.compare(Some(found)) {
        Ok(()) => Outcome::Passed,
        Err(miss) => Outcome::Failed(Failure {
            expected: format!("the answer of {of} to be {expected}"),
            found: crate::matcher::shown(Some(found)),
            nearest: Some(miss.to_string()),
        }),
    }
}

fn described(call: &MethodCall) -> String {
    format!("method {} of {}", call.name, call.device)
}

/// What a bench refuses is an outcome; a bench that failed ends everything.
fn outcome_of(error: WorldError) -> Result<Outcome, WorldError> {
    match error {
        WorldError::NotSupported(what) => Ok(Outcome::NotSupported { what }),
        WorldError::Refused(reason) => Ok(Outcome::Refused { reason }),
        WorldError::Broken(_) => Err(error),
    }
}
