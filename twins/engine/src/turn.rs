//! One turn of one receiver: a batch of an entity's operations, or an orchestrator's next steps.

use std::{mem, sync::Arc};

use sha2::{Digest, Sha256};
use twinbench_model::EntityId;

use crate::{
    Engine, EntityContext, Failure, Json, Status, WorkItem,
    activity::Activity,
    engine::Target,
    instance::Instance,
    journal::{Done, Journal, Shown, Workflow},
    message::Body,
    orchestration::{Action, Fact, HistoryEvent, Outcome, Replayed, replay},
    slot::{Kind, Slot},
};

/// A GUID without dashes, made from a name.
pub(crate) fn guid(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let half = digest.first_chunk::<16>().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}

/// An id for a new orchestration: unlike any other of this engine, and the same in every run that
/// came to it the same way.
pub(crate) fn new_instance_id(owner: &str, serial: &mut u64) -> String {
    *serial += 1;
    guid(&format!("{owner}/{serial}"))
}

impl Engine {
    /// Does the operations that wait for an entity, one after the other, each wholly or not at all.
    pub(crate) fn entity_turn(&mut self, id: &EntityId) {
        let Some(slot) = self.entities.get_mut(id) else {
            return;
        };
        let kind = self
            .registry
            .entities
            .get(id.name())
            .copied()
            .ok_or_else(|| {
                Failure::new(
                    "EntityNotFound",
                    format!("no entity is registered under the name {:?}", id.name()),
                )
            });
        let ready = kind.and_then(|kind| wake(slot, kind).map(|()| kind));
        let mut outgoing = mem::take(&mut self.outgoing);
        let mut consumed = Vec::new();
        for _ in 0..self.batch {
            let Some(message) = slot.queue.pop_front() else {
                break;
            };
            consumed.push(message.number);
            let Body::Signal {
                operation, input, ..
            } = message.body
            else {
                continue;
            };
            let sent = outgoing.len();
            let context = EntityContext {
                id,
                now: self.now,
                epoch: self.epoch,
                outgoing: &mut outgoing,
                serial: &mut self.serial,
                exists: slot.exists,
                deleted: false,
            };
            let result = match &ready {
                Ok(kind) => operate(slot, *kind, context, &operation, &input),
                Err(failure) => Err(failure.clone()),
            };
            match &result {
                Ok(()) => {
                    slot.last_operation = self.now;
                    if !self.changed_entities.contains(id) {
                        self.changed_entities.insert(id.clone());
                    }
                }
                Err(failure) => {
                    tracing::warn!(entity = %id, operation, %failure, "operation failed");
                    outgoing.truncate(sent);
                }
            }
            let facts = Done {
                operation: &operation,
                input: Shown::from(&input),
                result: if result.is_ok() { "ok" } else { "error" },
                error: result.as_ref().err(),
            };
            self.journal.operation(self.now, &slot.source, &facts);
        }
        if !slot.queue.is_empty() {
            self.ready.push_back(Target::Entity(id.clone()));
        } else if !slot.exists && slot.stored.is_none() {
            self.entities.remove(id);
        }
        for number in consumed {
            self.consume(number);
        }
        for message in outgoing.drain(..) {
            self.post(message.due, message.body);
        }
        self.outgoing = outgoing;
    }

    /// Runs an orchestrator with what has come for it.
    pub(crate) fn instance_turn(&mut self, id: &Arc<str>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        let mut consumed = Vec::new();
        let mut new = Vec::new();
        while let Some(message) = instance.inbox.pop_front() {
            consumed.push(message.number);
            receive(instance, message.body, &mut new);
        }
        if !new.is_empty() {
            let now = self.now;
            let at = |fact| HistoryEvent {
                timestamp: now,
                fact,
            };
            let new: Vec<_> = [Fact::OrchestratorStarted]
                .into_iter()
                .chain(new)
                .map(at)
                .collect();
            for event in &new {
                tell_received(&mut self.journal, event, id);
            }
            let replayed = match self.registry.orchestrations.get(&instance.head.name) {
                Some(orchestrator) => replay(
                    orchestrator.as_ref(),
                    id,
                    self.epoch,
                    &instance.history,
                    &new,
                ),
                None => Replayed {
                    actions: Vec::new(),
                    custom_status: None,
                    outcome: Outcome::Failed(Failure::new(
                        "OrchestratorNotFound",
                        format!("no orchestration {:?} is registered", instance.head.name),
                    )),
                },
            };
            instance.history.extend(new);
            self.apply(id, replayed);
        }
        for number in consumed {
            self.consume(number);
        }
    }

    /// Makes history of what an orchestrator asked for, and gives it its way.
    fn apply(&mut self, id: &Arc<str>, replayed: Replayed) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        self.changed_instances.insert(Arc::clone(id));
        let (now, execution) = (self.now, instance.head.execution);
        instance.head.updated = now;
        instance.head.status = Status::Running;
        if replayed.custom_status.is_some() {
            instance.head.custom_status = replayed.custom_status;
        }
        let mut posts = Vec::new();
        for (task, action) in replayed.actions {
            let fact = match action {
                Action::Activity { name, input } => {
                    let facts = Workflow::ActivityScheduled {
                        task,
                        name: &name,
                        input: Shown::from(&input),
                    };
                    self.journal.workflow(now, id, &facts);
                    self.serial += 1;
                    instance.head.work.insert(task, self.serial);
                    let item = WorkItem {
                        number: self.serial,
                        instance: id.to_string(),
                        execution,
                        task,
                        name: name.clone(),
                        input: input.clone(),
                    };
                    match self.registry.activities.get(&name) {
                        Some(Activity::Elsewhere) => self.caused.push(item),
                        _ => self.work.push_back(item),
                    }
                    Fact::TaskScheduled {
                        id: task,
                        name,
                        input,
                    }
                }
                Action::Timer { fire_at } => {
                    self.journal.workflow(
                        now,
                        id,
                        &Workflow::TimerCreated {
                            timer: task,
                            fire_at,
                        },
                    );
                    instance.timers.insert(task);
                    posts.push((
                        fire_at,
                        Body::Fired {
                            instance: id.to_string(),
                            execution,
                            timer: task,
                        },
                    ));
                    Fact::TimerCreated { id: task, fire_at }
                }
                Action::Signal {
                    to,
                    operation,
                    input,
                } => {
                    let facts = Workflow::SignalSent {
                        to: &to.to_string(),
                        operation: &operation,
                    };
                    self.journal.workflow(now, id, &facts);
                    let body = Body::Signal {
                        to: to.clone(),
                        operation: operation.as_str().into(),
                        input: input.clone(),
                    };
                    posts.push((now, body));
                    Fact::EventSent {
                        id: task,
                        to,
                        operation,
                        input,
                    }
                }
            };
            instance.history.push(HistoryEvent {
                timestamp: now,
                fact,
            });
        }
        let ended = match replayed.outcome {
            Outcome::Waiting => None,
            Outcome::Completed(result) => {
                self.journal.workflow(
                    now,
                    id,
                    &Workflow::Completed {
                        output: Shown::from(&result),
                    },
                );
                instance.head.status = Status::Completed;
                instance.head.output = Some(result.clone());
                Some(Fact::ExecutionCompleted { result })
            }
            Outcome::Failed(failure) => {
                self.journal
                    .workflow(now, id, &Workflow::Failed { error: &failure });
                instance.head.status = Status::Failed;
                instance.head.failure = Some(failure.clone());
                Some(Fact::ExecutionFailed { failure })
            }
            Outcome::ContinuedAsNew { input, events } => {
                self.journal.workflow(
                    now,
                    id,
                    &Workflow::ContinuedAsNew {
                        input: Shown::from(&input),
                    },
                );
                self.serial += 1;
                let next = self.serial;
                let body = Body::Continue {
                    instance: id.to_string(),
                    execution: next,
                    input: input.clone(),
                    events,
                };
                posts.push((now, body));
                Some(Fact::ContinueAsNew { input })
            }
        };
        let last = ended.into_iter().chain([Fact::OrchestratorCompleted]);
        instance.history.extend(last.map(|fact| HistoryEvent {
            timestamp: now,
            fact,
        }));
        for (due, body) in posts {
            self.post(due, body);
        }
    }
}

/// Makes sure that an entity that exists has its state as a value.
fn wake(slot: &mut Slot, kind: Kind) -> Result<(), Failure> {
    if slot.exists
        && slot.live.is_none()
        && let Some(text) = slot.text.get()
    {
        slot.live = Some((kind.read)(text)?);
    }
    Ok(())
}

/// One operation, wholly or not at all.
fn operate(
    slot: &mut Slot,
    kind: Kind,
    mut context: EntityContext<'_>,
    operation: &str,
    input: &Json,
) -> Result<(), Failure> {
    let before = slot.live.as_ref().map(|state| state.duplicate());
    let mut state = slot.live.take().unwrap_or_else(kind.fresh);
    let result = match state.dispatch(&mut context, operation, input) {
        Err(failure)
            if failure.error_type == Failure::UNKNOWN_OPERATION
                && operation.eq_ignore_ascii_case("delete") =>
        {
            context.deleted = true;
            Ok(())
        }
        other => other.map(|_| ()),
    };
    let text = match result {
        Ok(()) if context.deleted || kind.always_serialises => Ok(None),
        Ok(()) => state.text().map(Some),
        Err(failure) => Err(failure),
    };
    match text {
        Ok(text) => {
            slot.exists = !context.deleted;
            slot.live = slot.exists.then_some(state);
            slot.text = text.map(Into::into).unwrap_or_default();
            Ok(())
        }
        Err(failure) => {
            slot.live = before;
            Err(failure)
        }
    }
}

/// What a message means to an orchestration; one that nobody waits for means nothing.
fn receive(instance: &mut Instance, body: Body, new: &mut Vec<Fact>) {
    if instance.head.status.is_final() {
        return;
    }
    let current = instance.head.execution;
    match body {
        Body::Start { name, input, .. } => new.push(Fact::ExecutionStarted { name, input }),
        Body::Continue {
            execution,
            input,
            events,
            ..
        } => {
            instance.head.execution = execution;
            instance.head.input = input.clone();
            instance.history.clear();
            instance.same_rows = 0;
            instance.head.work.clear();
            instance.timers.clear();
            // It is the first message after the turn that asked for it, so `new` is empty.
            new.push(Fact::ExecutionStarted {
                name: instance.head.name.clone(),
                input,
            });
            new.extend(
                events
                    .into_iter()
                    .map(|(name, input)| Fact::EventRaised { name, input }),
            );
        }
        Body::Event { name, input, .. } => new.push(Fact::EventRaised { name, input }),
        Body::Result {
            execution,
            task,
            result,
            ..
        } if execution == current => {
            if instance.head.work.remove(&task).is_some() {
                new.push(match result {
                    Ok(result) => Fact::TaskCompleted { id: task, result },
                    Err(failure) => Fact::TaskFailed { id: task, failure },
                });
            }
        }
        Body::Fired {
            execution, timer, ..
        } if execution == current => {
            if instance.timers.remove(&timer) {
                new.push(Fact::TimerFired { id: timer });
            }
        }
        Body::Result { .. } | Body::Fired { .. } | Body::Signal { .. } => {}
    }
}

fn tell_received(journal: &mut Journal, event: &HistoryEvent, id: &Arc<str>) {
    let facts = match &event.fact {
        Fact::ExecutionStarted { name, input } => Workflow::Started {
            name,
            input: Shown::from(input),
        },
        Fact::TaskCompleted { id, result } => Workflow::ActivityCompleted {
            task: *id,
            result: Shown::from(result),
        },
        Fact::TaskFailed { id, failure } => Workflow::ActivityFailed {
            task: *id,
            error: failure,
        },
        Fact::TimerFired { id } => Workflow::TimerFired { timer: *id },
        Fact::EventRaised { name, .. } => Workflow::EventRaised { name },
        _ => return,
    };
    journal.workflow(event.timestamp, id, &facts);
}
