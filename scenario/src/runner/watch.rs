//! An expectation under way.

use serde_json::Value;
use twinbench_model::{Event, Room, VirtualTime};

use super::{Failure, Outcome, World, WorldError, counter::Counter, outcome_of, state::Seen};
use crate::plan::{Count, EntityRef, Expectation, StateTest, TextTest};

/// An expectation under way: of a step, or an invariant's.
#[derive(Debug)]
pub(super) struct Watch {
    expectation: Expectation,
    /// Whether it is to hold, or must not be.
    holds: bool,
    counter: Option<Counter>,
    /// When an invariant counts.
    pub(super) window: (VirtualTime, VirtualTime),
    /// From when on workflows count.
    since: VirtualTime,
    /// Why it could not be armed.
    pub(super) refused: Option<Outcome>,
    /// Whether the state was looked at before.
    looked: bool,
    /// Whether the break was told.
    told: bool,
}

impl Watch {
    pub(super) fn new(expectation: &Expectation, holds: bool) -> Self {
        let counter = match expectation {
            Expectation::Event(test) => Some(Counter::new(test)),
            Expectation::State(_) => None,
        };
        Self {
            expectation: expectation.clone(),
            holds,
            counter,
            window: (VirtualTime::ZERO, VirtualTime::MAX),
            since: VirtualTime::ZERO,
            refused: None,
            looked: false,
            told: false,
        }
    }

    pub(super) fn arm(&mut self, now: VirtualTime, world: &dyn World) -> Result<(), WorldError> {
        self.since = now;
        match &mut self.counter {
            Some(counter) => counter.arm(world),
            None => Ok(()),
        }
    }

    /// Whether an event of this kind may matter to its counter.
    pub(super) fn wants(&self, event: &Event) -> bool {
        self.counter
            .as_ref()
            .is_some_and(|it| it.is_armed() && it.test.kind == event.kind)
    }

    pub(super) fn observe(&mut self, event: &Event, time: VirtualTime, facts: Option<&Value>) {
        if time < self.window.0 || time > self.window.1 {
            return;
        }
        if let Some(counter) = &mut self.counter {
            counter.observe(event, time, facts);
        }
    }

    /// A step's decision: `None` while it is open.
    pub(super) fn look(
        &mut self,
        over: bool,
        seen: &Seen,
        world: &dyn World,
    ) -> Result<Option<Outcome>, WorldError> {
        if let Some(refused) = &self.refused {
            return Ok(Some(refused.clone()));
        }
        let expected = self.expected();
        if let Some(counter) = &self.counter {
            let right = if self.holds {
                counter.early().or(over.then(|| counter.at_end()))
            } else {
                // One that must not be is wrong as soon as it is, right when the time is over.
                match counter.early() {
                    Some(true) => Some(false),
                    _ => over.then_some(!counter.at_end()),
                }
            };
            return Ok(right.map(|right| {
                if right {
                    Outcome::Passed
                } else {
                    Outcome::Failed(counter.failure(expected))
                }
            }));
        }
        let Some(state) = self.state(over, seen, world) else {
            return Ok(None);
        };
        let state = match state {
            Ok(state) => state,
            Err(error) => return outcome_of(error).map(Some),
        };
        Ok(match (state, self.holds) {
            (Ok(()), true) => Some(Outcome::Passed),
            (Ok(()), false) => Some(Outcome::Failed(must_not(expected))),
            (Err(failure), true) if over => Some(Outcome::Failed(failure)),
            (Err(_), false) if over => Some(Outcome::Passed),
            (Err(_), _) => None,
        })
    }

    /// An invariant's break, told once.
    pub(super) fn broken(
        &mut self,
        now: VirtualTime,
        seen: &Seen,
        world: &dyn World,
    ) -> Result<Option<Outcome>, WorldError> {
        if self.told || now < self.window.0 {
            return Ok(None);
        }
        let expected = self.expected();
        let outcome = if let Some(counter) = &self.counter {
            (counter.early() == Some(true)).then(|| Outcome::Failed(counter.failure(expected)))
        } else if now > self.window.1 {
            None
        } else {
            match self.state(false, seen, world) {
                Some(Err(error)) => Some(outcome_of(error)?),
                Some(Ok(Ok(()))) if !self.holds => Some(Outcome::Failed(must_not(expected))),
                Some(Ok(Err(failure))) if self.holds => Some(Outcome::Failed(failure)),
                Some(Ok(_)) | None => None,
            }
        };
        self.told = outcome.is_some();
        Ok(outcome)
    }

    fn expected(&self) -> String {
        let never = if self.holds { "" } else { "never " };
        format!("{never}{}", self.expectation)
    }

    /// Looks at the state when there is news of it or it must be decided. `None`: nothing is new,
    /// and it was not so before.
    fn state(
        &mut self,
        over: bool,
        seen: &Seen,
        world: &dyn World,
    ) -> Option<Result<Result<(), Failure>, WorldError>> {
        let Expectation::State(test) = &self.expectation else {
            return None;
        };
        // An exact number is only known when the time is over.
        let exact = matches!(
            test,
            StateTest::Workflow {
                count: Count::Exactly(_),
                ..
            }
        );
        if exact && !over {
            return None;
        }
        let news = match test {
            StateTest::Entity { .. } => seen.news(Room::Entities),
            StateTest::Twin { .. } => seen.news(Room::Hub),
            StateTest::Led { .. } | StateTest::Display { .. } => seen.news(Room::Machine),
            StateTest::Workflow { .. } => seen.news(Room::Workflows),
            StateTest::Metric { .. } => true,
        };
        if self.looked && !news && !over {
            return None;
        }
        self.looked = true;
        Some(read(test, &self.expectation, self.since, seen, world))
    }
}

/// What must not be, is.
fn must_not(expected: String) -> Failure {
    Failure {
        expected,
        found: "that it is so".into(),
        nearest: None,
    }
}

/// Reads a state and compares it.
fn read(
    test: &StateTest,
    expectation: &Expectation,
    since: VirtualTime,
    seen: &Seen,
    world: &dyn World,
) -> Result<Result<(), Failure>, WorldError> {
    let fail = |found: String, nearest: Option<String>| {
        Ok(Err(Failure {
            expected: expectation.to_string(),
            found,
            nearest,
        }))
    };
    match test {
        StateTest::Entity { entity, state } => {
            let id = match entity {
                EntityRef::Id(id) => id.clone(),
                EntityRef::Device(device) => world.entity_of(device)?,
            };
            let found = world.entity(&id)?;
            match state.compare(found.as_ref()) {
                Ok(()) => Ok(Ok(())),
                Err(_) if found.is_none() => fail(format!("{id} has no state"), None),
                Err(miss) => fail(
                    crate::matcher::shown(found.as_ref()),
                    Some(miss.to_string()),
                ),
            }
        }
        StateTest::Twin { device, twin } => {
            let found = world.twin(device)?;
            match twin.compare(Some(&found)) {
                Ok(()) => Ok(Ok(())),
                Err(miss) => fail(crate::matcher::shown(Some(&found)), Some(miss.to_string())),
            }
        }
        StateTest::Led { device, name, on } => match seen.pin(device, name) {
            Some(high) if high == *on => Ok(Ok(())),
            // A light that never changed is off.
            None if !*on => Ok(Ok(())),
            Some(_) => fail(format!("it is {}", if *on { "off" } else { "on" }), None),
            None => {
                let pins = seen.pins(device);
                let pins = if pins.is_empty() {
                    "none".to_owned()
                } else {
                    pins.join(", ")
                };
                fail(
                    "it never changed".into(),
                    Some(format!("pins that changed: {pins}")),
                )
            }
        },
        StateTest::Display { device, text } => {
            let Some(lines) = seen.display(device) else {
                return fail("the display was never drawn".into(), None);
            };
            let holds = lines.iter().any(|line| match text {
                TextTest::Contains(part) => line.contains(part.as_str()),
                TextTest::Matches(regex) => regex.is_match(line),
            });
            if holds {
                Ok(Ok(()))
            } else {
                fail(format!("{lines:?}"), None)
            }
        }
        StateTest::Workflow { instance, count } => {
            let all: Vec<_> = world.workflows()?;
            let all: Vec<_> = all.into_iter().filter(|it| it.updated >= since).collect();
            let mut hits = 0;
            let mut nearest: Option<(usize, String)> = None;
            for view in &all {
                match instance.compare(Some(&view.value)) {
                    Ok(()) => hits += 1,
                    Err(miss) if nearest.as_ref().is_none_or(|it| it.0 <= miss.held) => {
                        let id = view.value.get("instance").and_then(Value::as_str);
                        nearest = Some((miss.held, format!("{}: {miss}", id.unwrap_or("?"))));
                    }
                    Err(_) => {}
                }
            }
            let right = match count {
                Count::AtLeast(n) => hits >= *n,
                Count::Exactly(n) => hits == *n,
            };
            if right {
                return Ok(Ok(()));
            }
            fail(
                format!("{} instances, {hits} of them so", all.len()),
                nearest.map(|(_, text)| text),
            )
        }
        StateTest::Metric { name, value } => {
            let found = Value::from(world.metric(name)?);
            match value.compare(Some(&found)) {
                Ok(()) => Ok(Ok(())),
                Err(_) => fail(crate::matcher::shown(Some(&found)), None),
            }
        }
    }
}
