//! Workers that do their work, and workers that do not.

use std::{
    collections::BTreeSet,
    task::{Context, Poll, Waker},
};

use jiff::Timestamp;
use twinbench_model::{Epoch, VirtualDuration, VirtualTime};

use super::driver::Chance;
use crate::{
    CompleteError, Engine, Functions,
    work::{Token, Work},
};

/// The worker's side.
pub(super) struct Workers {
    functions: Functions,
    /// Items that a worker has and has not answered.
    held: Vec<Work>,
    /// Items that were answered, given up or lost: an answer to them is refused.
    void: Vec<Work>,
    tokens: BTreeSet<Token>,
    pub(super) items: usize,
    pub(super) lost: usize,
}

impl Workers {
    pub(super) fn new(functions: Functions) -> Self {
        Self {
            functions,
            held: Vec::new(),
            void: Vec::new(),
            tokens: BTreeSet::new(),
            items: 0,
            lost: 0,
        }
    }

    /// The engine died, and with it every item that was out.
    pub(super) fn crash(&mut self) {
        self.lost += self.held.len();
        self.void.append(&mut self.held);
        // Of the oldest ones nobody speaks any more.
        let many = self.void.len().saturating_sub(30);
        self.void.drain(..many);
    }

    /// Something that a worker may do at any time.
    pub(super) fn step(
        &mut self,
        engine: &mut Engine,
        now: VirtualTime,
        chance: &mut Chance,
    ) -> Result<(), String> {
        match chance.below(10) {
            0..5 => {
                for _ in 0..chance.below(6) {
                    let Some(work) = self.take(engine, now)? else {
                        break;
                    };
                    if chance.one_in(2) {
                        self.held.push(work);
                    } else {
                        self.answer(engine, work, now, chance)?;
                    }
                }
            }
            5..7 => {
                if let Some(work) = self.pick(chance) {
                    self.answer(engine, work, now, chance)?;
                }
            }
            7 | 8 => {
                if let Some(work) = self.pick(chance) {
                    self.give_back(engine, work, now, chance)?;
                }
            }
            _ => self.speak_of_the_past(engine, now, chance)?,
        }
        Ok(())
    }

    /// Answers everything that can be answered; false when there was nothing.
    pub(super) fn finish(
        &mut self,
        engine: &mut Engine,
        now: VirtualTime,
        chance: &mut Chance,
    ) -> Result<bool, String> {
        let mut some = false;
        while let Some(work) = self.held.pop() {
            self.answer(engine, work, now, chance)?;
            some = true;
        }
        while let Some(work) = self.take(engine, now)? {
            if chance.one_in(10) {
                self.give_back(engine, work, now, chance)?;
            } else {
                self.answer(engine, work, now, chance)?;
            }
            if chance.one_in(10) {
                self.speak_of_the_past(engine, now, chance)?;
            }
            some = true;
        }
        Ok(some)
    }

    fn take(&mut self, engine: &mut Engine, now: VirtualTime) -> Result<Option<Work>, String> {
        let work = engine.take_work(&mut |_, _, _| true, now);
        if let Some(work) = &work {
            self.items += 1;
            if !self.tokens.insert(work.token()) {
                return Err(format!("{:?} is given out twice", work.token()));
            }
        }
        Ok(work)
    }

    fn pick(&mut self, chance: &mut Chance) -> Option<Work> {
        if self.held.is_empty() {
            return None;
        }
        let place = chance.below(self.held.len() as u64) as usize;
        Some(self.held.swap_remove(place))
    }

    fn give_back(
        &mut self,
        engine: &mut Engine,
        work: Work,
        now: VirtualTime,
        chance: &mut Chance,
    ) -> Result<(), String> {
        let token = work.token();
        let later = now + VirtualDuration::from_millis(chance.below(40));
        let back = if chance.one_in(2) {
            engine.lose(token, now)
        } else {
            engine.abandon(token, chance.one_in(2).then_some(later), now)
        };
        if !back {
            return Err(format!("{work:?} was out and cannot be given back"));
        }
        self.lost += 1;
        self.void.push(work);
        Ok(())
    }

    /// An answer that comes twice, or from a worker that was given up.
    fn speak_of_the_past(
        &mut self,
        engine: &mut Engine,
        now: VirtualTime,
        chance: &mut Chance,
    ) -> Result<(), String> {
        if self.void.is_empty() {
            return Ok(());
        }
        let place = chance.below(self.void.len() as u64) as usize;
        let work = self.void.swap_remove(place);
        match self.hand_in(engine, &work, now, usize::MAX) {
            Err(CompleteError::UnknownToken) => Ok(()),
            other => Err(format!("the second answer to {work:?} came to {other:?}")),
        }
    }

    fn answer(
        &mut self,
        engine: &mut Engine,
        work: Work,
        now: VirtualTime,
        chance: &mut Chance,
    ) -> Result<(), String> {
        let most = if chance.one_in(4) {
            1 + chance.below(3) as usize
        } else {
            usize::MAX
        };
        // A turn whose orchestration was ended meanwhile is refused; everything else is taken.
        let result = self.hand_in(engine, &work, now, most);
        match (&result, &work) {
            (Ok(()), _) | (Err(CompleteError::UnknownToken), Work::Orchestration(_)) => {}
            _ => return Err(format!("the answer to {work:?} came to {result:?}")),
        }
        self.void.push(work);
        Ok(())
    }

    fn hand_in(
        &self,
        engine: &mut Engine,
        work: &Work,
        now: VirtualTime,
        most: usize,
    ) -> Result<(), CompleteError> {
        let epoch = Epoch::new(Timestamp::UNIX_EPOCH);
        match work {
            Work::Orchestration(work) => {
                let result = self.functions.orchestrate(work, epoch);
                engine.complete_orchestration(work.token, result, now)
            }
            Work::Entity(work) => {
                let mut work = work.clone();
                work.operations.truncate(most);
                let result = self.functions.operate(&work, now, epoch);
                engine.complete_entity(work.token, result, now)
            }
            Work::Activity(work) => {
                let mut performing = self.functions.perform(work, now);
                let mut context = Context::from_waker(Waker::noop());
                match performing.as_mut().poll(&mut context) {
                    Poll::Ready(result) => {
                        engine.complete_activity(work.token, result.map(Some), now)
                    }
                    // None of these activities waits for anything.
                    Poll::Pending => Err(CompleteError::OtherKind),
                }
            }
        }
    }
}
