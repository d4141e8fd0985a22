//! A turn of an entity: a batch of its operations, in this process or at a worker.

use std::sync::Arc;

use twinbench_model::EntityId;

use super::{Offer, Partition, Shared};
use crate::{
    EntityContext, Failure, Json,
    history::EventKind,
    journal::{Done, Shown},
    message::{Address, Body, Message, Operation},
    slot::{Kind, LockHolder, Slot},
    work::{EntityAction, WorkKind},
};

impl Partition {
    pub(super) fn entity_turn(&mut self, shared: &Shared, id: &EntityId) {
        let Some(slot) = self.entities.get_mut(id) else {
            return;
        };
        slot.ready = false;
        if slot.out.is_some() {
            return;
        }
        self.grant_locks(id);
        match shared.functions.entities.get(id.name()) {
            None if shared.options.remote => self.offer_entity(id),
            kind => {
                let kind = kind.cloned().ok_or_else(|| {
                    Failure::new(
                        "EntityNotFound",
                        format!("no entity is registered under the name {:?}", id.name()),
                    )
                });
                self.operate_here(shared, id, kind);
            }
        }
    }

    /// Lock requests that stand first among those that wait get their lock, one holder at a time.
    pub(super) fn grant_locks(&mut self, id: &EntityId) {
        let Some(slot) = self.entities.get_mut(id) else {
            return;
        };
        let first = slot.queue.front().map(|message| &message.body);
        if slot.lock.is_some() || !matches!(first, Some(Body::Lock { .. })) {
            return;
        }
        let Some(message) = slot.queue.pop_front() else {
            return;
        };
        self.consume(&message);
        let Body::Lock {
            section,
            lock_set,
            position,
            owner,
            execution,
        } = message.body
        else {
            return;
        };
        if let Some(slot) = self.entities.get_mut(id) {
            slot.lock = Some(LockHolder {
                owner: Arc::clone(&owner),
                section: Arc::clone(&section),
            });
        }
        self.change_entity(id);
        let next = position.saturating_add(1);
        if let Some(entity) = lock_set.get(next as usize) {
            let to = Address::Entity(entity.clone());
            let body = Body::Lock {
                section,
                lock_set: Arc::clone(&lock_set),
                position: next,
                owner,
                execution,
            };
            self.post(self.now, to, body);
        } else {
            let body = Body::Notice {
                execution: Some(execution),
                kind: EventKind::EntityLockGranted { section },
            };
            self.post(self.now, Address::Instance(owner), body);
        }
    }

    fn offer_entity(&mut self, id: &EntityId) {
        let Some(slot) = self.entities.get_mut(id) else {
            return;
        };
        if slot.next_operation().is_none() {
            return;
        }
        slot.ready = true;
        self.offers.push(Offer {
            kind: WorkKind::Entity,
            name: id.name().into(),
            version: None,
            to: Address::Entity(id.clone()),
            task: None,
            made: self.now,
            not_before: self.now,
            losses: slot.losses,
        });
    }

    fn operate_here(&mut self, shared: &Shared, id: &EntityId, kind: Result<Kind, Failure>) {
        let Some(slot) = self.entities.get_mut(id) else {
            return;
        };
        let ready = kind.and_then(|kind| slot.held.wake(&kind).map(|()| kind));
        let mut actions = Vec::new();
        let mut replies = Vec::new();
        let mut consumed = Vec::new();
        let mut operated = false;
        for _ in 0..shared.options.limits.batch {
            let Some(message) = slot.take_operation() else {
                break;
            };
            if message.stored {
                consumed.push(message.number);
            }
            let Body::Operation(operation) = message.body else {
                continue;
            };
            let null;
            let input = if let Some(input) = &operation.input {
                input
            } else {
                null = Json::null();
                &null
            };
            let context = EntityContext {
                id,
                now: self.now,
                epoch: shared.options.epoch,
                outgoing: &mut actions,
                seed: &mut self.serial,
                exists: false,
                deleted: false,
                settings: ready
                    .as_ref()
                    .ok()
                    .and_then(|kind| kind.settings.as_deref()),
            };
            let result = match &ready {
                Ok(kind) => slot.held.operate(
                    kind,
                    context,
                    &operation.name,
                    input,
                    &shared.options.limits,
                ),
                Err(failure) => Err(failure.clone()),
            };
            if let Err(failure) = &result {
                tracing::warn!(entity = %id, operation = &*operation.name, %failure, "operation failed");
            }
            operated |= result.is_ok();
            let facts = Done {
                operation: &operation.name,
                input: Shown::from(input),
                result: if result.is_ok() { "ok" } else { "error" },
                error: result.as_ref().err().map(Into::into),
            };
            self.journal.operation(self.now, &slot.source, &facts);
            replies.extend(reply(*operation, result));
        }
        if operated {
            slot.last_operation = self.now;
        }
        if operated || !consumed.is_empty() {
            self.change_entity(id);
        }
        self.consumed.append(&mut consumed);
        self.after_batch(id, replies, actions);
    }

    /// Sends what a batch brought, answers first, and sees to what waits still.
    pub(super) fn after_batch(
        &mut self,
        id: &EntityId,
        replies: Vec<(Address, Body)>,
        actions: Vec<EntityAction>,
    ) {
        for (to, body) in replies {
            self.post(self.now, to, body);
        }
        for action in actions {
            self.send(id, action);
        }
        if self.entities.get(id).is_some_and(Slot::is_nothing) {
            self.entities.remove(id);
            self.changed_entities.remove(id);
        } else {
            self.wake_entity(id);
        }
    }

    fn send(&mut self, from: &EntityId, action: EntityAction) {
        match action {
            EntityAction::Signal {
                target,
                operation,
                input,
                scheduled,
                trace,
            } => {
                let body = Body::Operation(Box::new(Operation {
                    request: None,
                    name: operation.into(),
                    input,
                    caller: None,
                    scheduled,
                    trace,
                }));
                let due = scheduled.unwrap_or(self.now);
                self.post(due, Address::Entity(target), body);
            }
            EntityAction::StartOrchestration {
                instance,
                name,
                version,
                input,
                scheduled,
                trace,
            } => {
                let started = self.new_execution(&from.to_string(), instance, name, |it| {
                    it.version = version;
                    it.input = input;
                    it.scheduled_start = scheduled;
                    it.trace = trace;
                });
                let due = scheduled.unwrap_or(self.now);
                let to = Address::Instance(Arc::clone(&started.instance));
                let body = Body::Start {
                    started: Box::new(started),
                    carryover: Vec::new(),
                };
                self.post(due, to, body);
            }
        }
    }
}

/// What the caller of an operation is told.
pub(super) fn reply(
    operation: Operation,
    result: Result<Option<Json>, Failure>,
) -> Option<(Address, Body)> {
    let (instance, execution) = operation.caller?;
    let request = operation.request.unwrap_or_default();
    let kind = match result {
        Ok(output) => EventKind::EntityOperationCompleted { request, output },
        Err(failure) => EventKind::EntityOperationFailed { request, failure },
    };
    let body = Body::Notice {
        execution: Some(execution),
        kind,
    };
    Some((Address::Instance(instance), body))
}

impl Slot {
    /// The next operation that may be done.
    pub(super) fn next_operation(&self) -> Option<&Message> {
        self.owned.front().or_else(|| {
            self.queue
                .front()
                .filter(|first| self.lock.is_none() && !matches!(first.body, Body::Lock { .. }))
        })
    }

    fn take_operation(&mut self) -> Option<Message> {
        self.next_operation()?;
        self.owned.pop_front().or_else(|| self.queue.pop_front())
    }
}
