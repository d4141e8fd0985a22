//! Work that is given to workers, and what comes back.

use std::sync::Arc;

use twinbench_model::{EntityId, VirtualTime};

use super::{Offer, Partition, Shared, entities, orchestrations, rewind::open_rows};
use crate::{
    Failure,
    guid::new_guid,
    history::{EventKind, HistoryEvent},
    instance::{Open, TurnOut},
    journal::{Done, Shown},
    message::{Address, Body, Message},
    slot::Out,
    work::{
        ActivityWork, EntityAction, EntityResult, EntityWork, OperationRequest, OrchestratorResult,
        OrchestratorWork, Token, Work, WorkKind,
    },
    workers::within,
};

/// An activity that is out at a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskOut {
    pub(crate) execution: Arc<str>,
    pub(crate) task: i32,
}

impl Partition {
    /// The work behind an offer, as far as its messages are stored; `None` when there is none any
    /// more.
    pub(crate) fn give_out(&mut self, offer: &Offer, token: Token, batch: usize) -> Option<Work> {
        match (&offer.to, &offer.task) {
            (Address::Entity(id), _) => self.give_entity(id, token, batch).map(Work::Entity),
            (Address::Instance(id), None) => self.give_turn(id, token).map(Work::Orchestration),
            (Address::Instance(id), Some((execution, task))) => self
                .give_activity(id, execution, *task, token)
                .map(Work::Activity),
        }
    }

    fn give_turn(&mut self, id: &Arc<str>, token: Token) -> Option<OrchestratorWork> {
        let now = self.now;
        let instance = self.instances.get_mut(id)?;
        instance.ready = false;
        if !instance.has_work() {
            return None;
        }
        let given = instance.inbox.iter().take_while(|message| message.stored);
        let mut new = vec![HistoryEvent::outside(now, EventKind::OrchestratorStarted)];
        let mut delivered = 0;
        for message in given {
            delivered += 1;
            new.extend(
                orchestrations::events_of(&message.body)
                    .map(|kind| HistoryEvent::outside(now, kind)),
            );
        }
        if delivered == 0 {
            self.wake_instance(id);
            return None;
        }
        instance.out = Some(TurnOut {
            token,
            delivered,
            at: now,
        });
        Some(OrchestratorWork {
            token,
            instance: Arc::clone(id),
            execution: Arc::clone(&instance.head.execution),
            name: instance.head.name.clone(),
            version: instance.head.version.clone(),
            past: Arc::clone(&instance.history),
            new,
        })
    }

    fn give_entity(&mut self, id: &EntityId, token: Token, batch: usize) -> Option<EntityWork> {
        let slot = self.entities.get_mut(id)?;
        slot.ready = false;
        if slot.out.is_some() {
            return None;
        }
        let is_given =
            |message: &&Message| message.stored && matches!(message.body, Body::Operation(_));
        let owned = slot.owned.iter().take(batch).take_while(is_given).count();
        let queued = if slot.lock.is_none() && owned == slot.owned.len() {
            slot.queue
                .iter()
                .take(batch - owned)
                .take_while(is_given)
                .count()
        } else {
            0
        };
        if owned + queued == 0 {
            self.wake_entity(id);
            return None;
        }
        let given = slot
            .owned
            .iter()
            .take(owned)
            .chain(slot.queue.iter().take(queued));
        let source = Arc::clone(&slot.source);
        let operations = given
            .filter_map(|message| match &message.body {
                Body::Operation(operation) => Some(OperationRequest {
                    request: operation
                        .request
                        .clone()
                        .unwrap_or_else(|| new_guid(&source, message.number)),
                    operation: Arc::clone(&operation.name),
                    input: operation.input.clone(),
                    caller: operation.caller.clone(),
                    scheduled: operation.scheduled,
                    trace: operation.trace.clone(),
                }),
                _ => None,
            })
            .collect();
        let state = slot.held.state().ok().flatten();
        slot.out = Some(Out {
            token,
            owned,
            queued,
        });
        Some(EntityWork {
            token,
            id: id.clone(),
            state,
            operations,
        })
    }

    fn give_activity(
        &mut self,
        id: &Arc<str>,
        execution: &Arc<str>,
        task: i32,
        token: Token,
    ) -> Option<ActivityWork> {
        let instance = self.instances.get(id)?;
        let waits = instance.head.execution == *execution
            && instance.open.get(&task) == Some(&Open::Activity);
        if !waits {
            return None;
        }
        // Nearly always among the last rows.
        let row = instance.history.iter().rev().find(|event| {
            event.id == task && matches!(event.kind, EventKind::TaskScheduled { .. })
        })?;
        let EventKind::TaskScheduled {
            name,
            version,
            input,
            trace,
            tags,
        } = row.kind.clone()
        else {
            return None;
        };
        Some(ActivityWork {
            token,
            instance: Arc::clone(id),
            execution: Arc::clone(execution),
            task,
            name,
            version,
            input,
            trace,
            tags,
        })
    }

    /// The turn that a token is for, while nothing has come between.
    pub(crate) fn finish_turn(
        &mut self,
        shared: &Shared,
        id: &Arc<str>,
        token: Token,
        result: OrchestratorResult,
    ) -> bool {
        let Some(instance) = self.instances.get_mut(id) else {
            return false;
        };
        let Some(out) = instance.out.filter(|out| out.token == token) else {
            return false;
        };
        instance.out = None;
        let taken = result.events_processed.map_or(out.delivered, |rows| {
            rows.saturating_sub(1).min(out.delivered)
        });
        let mut new = self.receive(id, taken);
        for event in &mut new {
            event.at = out.at;
        }
        self.apply(shared, id, new, result);
        self.wake_instance(id);
        true
    }

    /// The batch that a token is for came to this.
    pub(crate) fn finish_batch(
        &mut self,
        shared: &Shared,
        id: &EntityId,
        token: Token,
        mut result: EntityResult,
    ) -> bool {
        let Some(slot) = self.entities.get_mut(id) else {
            return false;
        };
        let Some(out) = slot.out.filter(|out| out.token == token) else {
            return false;
        };
        slot.out = None;
        slot.losses = 0;
        let all = out.owned + out.queued;
        let longest = shared.options.limits.state;
        let too_long = result
            .state
            .as_ref()
            .filter(|state| state.as_str().len() > longest)
            .map(|state| {
                Failure::new(
                    Failure::LIMIT,
                    format!(
                        "the state would have {} bytes, more than the limit of {longest}",
                        state.as_str().len()
                    ),
                )
            });
        let longest = shared.options.limits.payload;
        let outputs = result.results.iter().flatten().map(Option::as_ref);
        let sent = result.actions.iter().map(EntityAction::input);
        let refused = outputs
            .chain(sent)
            .find_map(|payload| within(longest, payload).err());
        let failed = result.failure.take().or(too_long).or(refused);
        let whole = failed.is_none();
        if let Some(failure) = failed {
            result.results = vec![Err(failure); all];
            result.actions.clear();
        }
        let done = result.results.len().min(all);
        let mut replies = Vec::new();
        let mut consumed = Vec::new();
        let owned = out.owned.min(slot.owned.len());
        for (place, outcome) in result.results.into_iter().take(done).enumerate() {
            let message = if place < owned {
                slot.owned.pop_front()
            } else {
                slot.queue.pop_front()
            };
            let Some(Message {
                number,
                stored,
                body: Body::Operation(operation),
                ..
            }) = message
            else {
                continue;
            };
            if stored {
                consumed.push(number);
            }
            let facts = Done {
                operation: &operation.name,
                input: Shown::from(operation.input.as_ref()),
                result: if outcome.is_ok() { "ok" } else { "error" },
                error: outcome.as_ref().err().map(Into::into),
            };
            self.journal.operation(self.now, &slot.source, &facts);
            replies.extend(entities::reply(*operation, outcome));
        }
        if whole && done > 0 {
            slot.held = crate::slot::Held::of_text(result.state);
            slot.last_operation = self.now;
        }
        self.consumed.append(&mut consumed);
        self.change_entity(id);
        self.after_batch(id, replies, result.actions);
        true
    }

    /// Takes an item back that its worker will not do.
    pub(crate) fn take_back(
        &mut self,
        to: &Address,
        token: Token,
        not_before: VirtualTime,
        lost: bool,
    ) -> Option<Offer> {
        let now = self.now;
        let (kind, name, version, losses) = match to {
            Address::Entity(id) => {
                let slot = self.entities.get_mut(id)?;
                slot.out.filter(|out| out.token == token)?;
                slot.out = None;
                slot.ready = true;
                slot.losses += u32::from(lost);
                (WorkKind::Entity, id.name().into(), None, slot.losses)
            }
            Address::Instance(id) => {
                let instance = self.instances.get_mut(id)?;
                instance.out.filter(|out| out.token == token)?;
                instance.out = None;
                instance.ready = true;
                instance.losses += u32::from(lost);
                (
                    WorkKind::Orchestration,
                    instance.head.name.as_str().into(),
                    instance.head.version.as_deref().map(Into::into),
                    instance.losses,
                )
            }
        };
        Some(Offer {
            kind,
            name,
            version,
            to: to.clone(),
            task: None,
            made: now,
            not_before: not_before.max(now),
            losses,
        })
    }

    /// The offer of an activity that is to be done again.
    pub(crate) fn offer_of_task(
        &self,
        to: &Address,
        execution: &Arc<str>,
        task: i32,
    ) -> Option<Offer> {
        let Address::Instance(id) = to else {
            return None;
        };
        let instance = self.instances.get(id)?;
        let (made, name, version) = instance.history.iter().rev().find_map(|event| match &event
            .kind
        {
            EventKind::TaskScheduled { name, version, .. } if event.id == task => {
                Some((event.at, name, version))
            }
            _ => None,
        })?;
        Some(Offer {
            kind: WorkKind::Activity,
            name: name.as_str().into(),
            version: version.as_deref().map(Into::into),
            to: to.clone(),
            task: Some((Arc::clone(execution), task)),
            made,
            not_before: self.now,
            losses: 0,
        })
    }

    /// How many operations of an entity are out: of the lock's owner, and of others.
    pub(crate) fn operations_out(&self, to: &Address) -> (usize, usize) {
        let Address::Entity(id) = to else {
            return (0, 0);
        };
        let out = self.entities.get(id).and_then(|slot| slot.out);
        out.map_or((0, 0), |out| (out.owned, out.queued))
    }

    /// A work item whose workers were lost too often fails: of an entity's operations those that
    /// the last worker had.
    pub(crate) fn give_up(
        &mut self,
        shared: &Shared,
        offer: &Offer,
        (owned, queued): (usize, usize),
    ) {
        let failure = Failure::new(
            Failure::WORKER_LOST,
            format!(
                "{} workers were lost with this work and none finished it",
                offer.losses
            ),
        );
        match (&offer.to, &offer.task) {
            (Address::Instance(id), Some((execution, task))) => {
                self.finish_task(id, execution, *task, Err(failure));
            }
            (Address::Instance(id), None) => {
                if let Some(instance) = self.instances.get_mut(id) {
                    instance.ready = false;
                }
                let new = self.receive(id, usize::MAX);
                self.apply(shared, id, new, OrchestratorResult::failed(failure));
            }
            (Address::Entity(id), _) => {
                if let Some(slot) = self.entities.get_mut(id) {
                    slot.ready = false;
                    slot.out = Some(Out {
                        token: Token(0),
                        owned,
                        queued,
                    });
                }
                let result = EntityResult {
                    failure: Some(failure),
                    ..EntityResult::default()
                };
                self.finish_batch(shared, id, Token(0), result);
            }
        }
    }

    /// After a restore: activities that nobody has done are offered or done again, and everybody
    /// who has something to do is woken.
    pub(crate) fn resume(&mut self, shared: &Shared) {
        let ids: Vec<_> = self.instances.keys().cloned().collect();
        for id in ids {
            let Some(instance) = self.instances.get_mut(&id) else {
                continue;
            };
            if instance.head.status.is_final() {
                continue;
            }
            let execution = Arc::clone(&instance.head.execution);
            let rows: Vec<_> = open_rows(instance)
                .map(|event| (event.id, event.at, event.kind.clone()))
                .collect();
            for (task, made, kind) in rows {
                match kind {
                    EventKind::TaskScheduled { .. }
                        if instance_open(self, &id, task, Open::Activity) =>
                    {
                        self.schedule(shared, &id, &execution, (task, made), &kind);
                    }
                    EventKind::SubOrchestrationCreated { instance, .. } => {
                        instance_open(self, &id, task, Open::SubOrchestration(instance));
                    }
                    _ => {}
                }
            }
        }
    }

    /// After a restore: marks what a message that is under way answers, so that it is neither done
    /// again nor answered twice.
    pub(crate) fn expect(&mut self, message: &Message) {
        let (Address::Instance(id), Body::Notice { execution, kind }) =
            (&message.to, &message.body)
        else {
            return;
        };
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        if execution.as_ref() != Some(&instance.head.execution) {
            return;
        }
        let open = match kind {
            EventKind::TaskCompleted { task, .. } | EventKind::TaskFailed { task, .. } => {
                (*task, Open::Activity)
            }
            EventKind::TimerFired { timer, .. } => (
                *timer,
                Open::Timer {
                    due: message.due,
                    number: message.number,
                },
            ),
            _ => return,
        };
        instance.open.insert(open.0, open.1);
    }
}

/// Notes that an orchestration waits for something; false when that is known already.
fn instance_open(partition: &mut Partition, id: &Arc<str>, task: i32, open: Open) -> bool {
    let Some(instance) = partition.instances.get_mut(id) else {
        return false;
    };
    if instance.open.contains_key(&task) {
        return false;
    }
    instance.open.insert(task, open);
    true
}
