//! Work for workers: giving it out, taking it back, taking in what it came to.

use std::ops::Bound;

use twinbench_model::VirtualTime;

use crate::{
    Engine, Failure, Json,
    message::Address,
    partition::{Offer, Place, TaskOut},
    work::{EntityResult, OrchestratorResult, Token, Work, WorkKind},
};

/// Why the result of a work item is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompleteError {
    /// It was finished, given to somebody else, or is of an earlier run.
    #[error("no work item with this token is out: it was finished, or given to another worker")]
    UnknownToken,
    /// The work item is of another kind.
    #[error("the token is of a work item of another kind")]
    OtherKind,
}

/// Whether an output is short enough.
pub(crate) fn within(longest: usize, output: Option<&Json>) -> Result<(), Failure> {
    let length = output.map_or(0, |output| output.as_str().len());
    if length > longest {
        return Err(Failure::new(
            Failure::LIMIT,
            format!("an output of {length} bytes is more than the limit of {longest}"),
        ));
    }
    Ok(())
}

impl Engine {
    /// Moves what partitions offer to where workers find it; its cause was drained.
    pub(crate) fn offer(&mut self) {
        for partition in &mut self.partitions {
            let offers = partition.offers.drain(..);
            self.offered
                .extend(offers.map(|offer| (offer.place(), offer)));
        }
    }

    /// Gives out the oldest work item that is wanted; `wanted` is asked with its kind, name and
    /// version. Call it after the commit of what [`drain_records`](Self::drain_records) gave: it
    /// knows only work whose cause is in there.
    pub fn take_work(
        &mut self,
        wanted: &mut dyn FnMut(WorkKind, &str, Option<&str>) -> bool,
        now: VirtualTime,
    ) -> Option<Work> {
        self.advance(now);
        if self.generation != self.drained_generation {
            // Before that is stored, the next run would give the same tokens to other work.
            return None;
        }
        let mut passed: Option<Place> = None;
        loop {
            let from = passed.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut rest = self.offered.range((from, Bound::Unbounded));
            let (place, _) = rest.find(|(_, offer)| {
                offer.not_before <= self.now
                    && wanted(offer.kind, &offer.name, offer.version.as_deref())
            })?;
            let place = place.clone();
            let offer = self.offered.remove(&place)?;
            passed = Some(place);
            self.given += 1;
            let token = Token((self.generation << 40) | (self.given & ((1 << 40) - 1)));
            let batch = self.shared.options.limits.batch;
            let work = self.at(&offer.to).give_out(&offer, token, batch);
            if work.is_some() {
                let task = offer
                    .task
                    .map(|(execution, task)| TaskOut { execution, task });
                self.out.insert(token, (offer.to, task, offer.losses));
                return work;
            }
        }
    }

    /// How many work items workers have.
    pub fn out(&self) -> usize {
        self.out.len()
    }

    /// How many work items wait for a worker.
    pub fn work_waiting(&self) -> usize {
        self.offered.len()
    }

    /// When the first of the work items that were put off may be given out again.
    pub fn next_offer(&self) -> Option<VirtualTime> {
        self.offered.values().map(|offer| offer.not_before).min()
    }

    /// The end of a turn of an orchestrator.
    ///
    /// # Errors
    /// When the token is of no such item that is out.
    pub fn complete_orchestration(
        &mut self,
        token: Token,
        result: OrchestratorResult,
        now: VirtualTime,
    ) -> Result<(), CompleteError> {
        self.advance(now);
        match self.out.get(&token) {
            None => Err(CompleteError::UnknownToken),
            Some((Address::Instance(id), None, _)) => {
                let id = id.clone();
                self.out.remove(&token);
                let address = Address::Instance(id.clone());
                let partition = &mut self.partitions[crate::partition::home(&address)];
                let known = partition.finish_turn(&self.shared, &id, token, result);
                self.exchange();
                known.then_some(()).ok_or(CompleteError::UnknownToken)
            }
            Some(_) => Err(CompleteError::OtherKind),
        }
    }

    /// The end of a batch of operations.
    ///
    /// # Errors
    /// When the token is of no such item that is out.
    pub fn complete_entity(
        &mut self,
        token: Token,
        result: EntityResult,
        now: VirtualTime,
    ) -> Result<(), CompleteError> {
        self.advance(now);
        match self.out.get(&token) {
            None => Err(CompleteError::UnknownToken),
            Some((Address::Entity(id), ..)) => {
                let id = id.clone();
                self.out.remove(&token);
                let address = Address::Entity(id.clone());
                let partition = &mut self.partitions[crate::partition::home(&address)];
                let known = partition.finish_batch(&self.shared, &id, token, result);
                self.exchange();
                known.then_some(()).ok_or(CompleteError::UnknownToken)
            }
            Some(_) => Err(CompleteError::OtherKind),
        }
    }

    /// The end of an activity. One that nobody waits for any more is dropped.
    ///
    /// # Errors
    /// When the token is of no such item that is out.
    pub fn complete_activity(
        &mut self,
        token: Token,
        result: Result<Option<Json>, Failure>,
        now: VirtualTime,
    ) -> Result<(), CompleteError> {
        self.advance(now);
        match self.out.get(&token) {
            None => Err(CompleteError::UnknownToken),
            Some((to @ Address::Instance(id), Some(task), _)) => {
                let (to, id, task) = (to.clone(), id.clone(), task.clone());
                self.out.remove(&token);
                let longest = self.shared.options.limits.payload;
                let result = result.and_then(|output| {
                    within(longest, output.as_ref())?;
                    Ok(output)
                });
                self.at(&to)
                    .finish_task(&id, &task.execution, task.task, result);
                self.exchange();
                Ok(())
            }
            Some(_) => Err(CompleteError::OtherKind),
        }
    }

    /// Takes back a work item that its worker gives up, to be given out again at some time. False
    /// when it is not out.
    pub fn abandon(
        &mut self,
        token: Token,
        not_before: Option<VirtualTime>,
        now: VirtualTime,
    ) -> bool {
        self.advance(now);
        self.put_back(token, not_before.unwrap_or(now), false)
    }

    /// Takes back a work item whose worker was lost. After as many losses as
    /// [`Limits::losses`](crate::Limits) says, it fails. False when it is not out.
    pub fn lose(&mut self, token: Token, now: VirtualTime) -> bool {
        self.advance(now);
        self.put_back(token, now, true)
    }

    fn put_back(&mut self, token: Token, not_before: VirtualTime, lost: bool) -> bool {
        let Some((to, task, losses)) = self.out.remove(&token) else {
            return false;
        };
        let partition = &mut self.partitions[crate::partition::home(&to)];
        let operations = partition.operations_out(&to);
        let offer = match task {
            Some(TaskOut { execution, task }) => partition
                .offer_of_task(&to, &execution, task)
                .map(|offer| Offer {
                    not_before,
                    losses: losses + u32::from(lost),
                    ..offer
                }),
            None => partition.take_back(&to, token, not_before, lost),
        };
        let Some(offer) = offer else {
            return true;
        };
        if offer.losses >= self.shared.options.limits.losses {
            partition.give_up(&self.shared, &offer, operations);
            self.exchange();
        } else {
            self.offered.insert(offer.place(), offer);
        }
        true
    }
}
