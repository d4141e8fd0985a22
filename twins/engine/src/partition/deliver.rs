//! Messages that come in.

use std::sync::Arc;

use super::{Partition, home};
use crate::{
    Failure, Status,
    history::{EventKind, ExecutionStarted},
    instance::{Head, Instance},
    message::{Address, Body, Message},
    slot::Slot,
};
use twinbench_model::{EntityId, VirtualTime};

impl Partition {
    /// Time does not go back: an earlier `now` counts as the latest one. What has become due by
    /// then comes before whatever else comes.
    pub(crate) fn advance(&mut self, now: VirtualTime) {
        self.now = self.now.max(now);
        while let Some(message) = self.timers.take_due(self.now) {
            if let Body::Start { started, .. } = &message.body {
                // Its instance was made when the start was taken in: one that is not there any
                // more was ended meanwhile, and purged or replaced.
                let waits = self.instances.get(&started.instance);
                if waits.is_none_or(|it| it.head.execution != started.execution) {
                    self.consume(&message);
                    continue;
                }
            }
            self.deliver(message);
        }
    }

    /// Takes a message that is for somebody here, now or for later.
    pub(crate) fn take_in(&mut self, message: Message) {
        debug_assert_eq!(home(&message.to), self.index as usize);
        if message.due > self.now {
            if let Body::Start { started, .. } = &message.body {
                // It is there to be asked about, although its time has not come.
                let started = started.clone();
                if !self.make_instance(&started) {
                    return self.refuse_start(&started);
                }
            }
            self.timers.add(message);
        } else {
            self.deliver(message);
        }
    }

    /// Gives a message that is due to its receiver.
    pub(crate) fn deliver(&mut self, message: Message) {
        match (&message.to, &message.body) {
            (Address::Entity(_), _) => self.enqueue_entity(message),
            (Address::Instance(id), Body::Terminate { reason, recurse }) => {
                let (id, reason, recurse) = (Arc::clone(id), reason.clone(), *recurse);
                self.consume(&message);
                self.terminate(&id, reason.as_ref(), recurse);
            }
            (Address::Instance(id), Body::Rewind(rewound)) => {
                let (id, rewound) = (Arc::clone(id), rewound.clone());
                self.consume(&message);
                self.rewind_child(&id, *rewound);
            }
            (Address::Instance(_), Body::Start { started, .. }) => {
                let started = started.clone();
                if self.make_instance(&started) {
                    self.enqueue_instance(message);
                } else {
                    self.consume(&message);
                    self.refuse_start(&started);
                }
            }
            (Address::Instance(_), _) => self.enqueue_instance(message),
        }
    }

    /// Makes the instance that a start is for, unless it is there already. False when another
    /// execution of it has not ended.
    fn make_instance(&mut self, started: &ExecutionStarted) -> bool {
        let old = self.instances.get(&started.instance);
        if let Some(old) = old {
            if old.head.execution == started.execution {
                return true;
            }
            if !old.head.status.is_final() {
                return false;
            }
            for chunk in &old.head.chunks {
                self.dropped_chunks
                    .push((Arc::clone(&started.instance), *chunk));
            }
        }
        let id = &started.instance;
        let new = Instance::new(Arc::clone(id), Head::of(started, self.now));
        let old = self.instances.insert(Arc::clone(id), new);
        self.change_instance(id);
        if let Some(old) = old {
            self.release_locks_of(&old);
        }
        true
    }

    /// Somebody else has the id: whoever waits for the new one is told.
    fn refuse_start(&mut self, started: &ExecutionStarted) {
        tracing::warn!(
            instance = &*started.instance,
            name = started.name,
            "already running: the start is dropped"
        );
        if let Some(parent) = &started.parent {
            let failure = Failure::new(
                "OrchestrationAlreadyExists",
                format!("instance {:?} is already running", started.instance),
            );
            let body = Body::Notice {
                execution: Some(Arc::clone(&parent.execution)),
                kind: EventKind::SubOrchestrationFailed {
                    task: parent.task,
                    failure,
                },
            };
            let to = Address::Instance(Arc::clone(&parent.instance));
            self.post(self.now, to, body);
        }
    }

    fn enqueue_entity(&mut self, message: Message) {
        let Address::Entity(id) = &message.to else {
            return;
        };
        let id = id.clone();
        if let Body::Unlock { section, owner } = &message.body {
            let slot = self.entities.get_mut(&id);
            if let Some(slot) = slot
                && slot
                    .lock
                    .as_ref()
                    .is_some_and(|lock| lock.owner == *owner && lock.section == *section)
            {
                slot.lock = None;
                // What its owner sent before is done before the others' operations.
                self.change_entity(&id);
                self.wake_entity(&id);
            } else if let Some(slot) = self.entities.get_mut(&id) {
                // Its owner ended before it was granted: the request does not stand in line any
                // more.
                let mut dropped = Vec::new();
                slot.queue.retain(|waiting| {
                    let gone = matches!(
                        &waiting.body,
                        Body::Lock { section: own, .. } if own == section
                    );
                    if gone && waiting.stored {
                        dropped.push(waiting.number);
                    }
                    !gone
                });
                self.consumed.append(&mut dropped);
            }
            return self.consume(&message);
        }
        let slot = self
            .entities
            .entry(id.clone())
            .or_insert_with_key(Slot::new);
        if !message.stored {
            Self::touch_entity(&mut self.touched, &id, slot);
        }
        let owned = match (&message.body, &slot.lock) {
            (Body::Operation(operation), Some(lock)) => operation
                .caller
                .as_ref()
                .is_some_and(|(instance, _)| *instance == lock.owner),
            _ => false,
        };
        if owned {
            slot.owned.push_back(message);
        } else {
            slot.queue.push_back(message);
        }
        self.wake_entity(&id);
    }

    /// Puts an entity among the ready ones if there is something that it may do.
    pub(super) fn wake_entity(&mut self, id: &EntityId) {
        let Some(slot) = self.entities.get_mut(id) else {
            return;
        };
        let works = !slot.owned.is_empty() || slot.lock.is_none() && !slot.queue.is_empty();
        if works && !slot.ready && slot.out.is_none() {
            slot.ready = true;
            self.ready.push_back(Address::Entity(id.clone()));
        }
    }

    fn enqueue_instance(&mut self, message: Message) {
        let Address::Instance(id) = &message.to else {
            return;
        };
        let Some(receiver) = self.instances.get_mut(id) else {
            tracing::debug!(
                instance = &**id,
                "message for an unknown instance is dropped"
            );
            return self.consume(&message);
        };
        if !receiver.accept(&message.body) {
            return self.consume(&message);
        }
        if !message.stored {
            Self::touch_instance(&mut self.touched, receiver);
        }
        // The beginning comes first, also when it is restored after what came later.
        if matches!(message.body, Body::Start { .. }) {
            receiver.inbox.push_front(message);
        } else {
            receiver.inbox.push_back(message);
        }
        let id = Arc::clone(&receiver.id);
        self.wake_instance(&id);
    }

    /// Puts an orchestration among the ready ones if there is something for it to do.
    pub(super) fn wake_instance(&mut self, id: &Arc<str>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        // Before its start has come nothing can be done.
        let begun = instance.head.status != Status::Pending
            || !instance.history.is_empty()
            || matches!(
                instance.inbox.front().map(|first| &first.body),
                Some(Body::Start { .. })
            );
        if begun && !instance.ready && instance.has_work() {
            instance.ready = true;
            self.ready.push_back(Address::Instance(Arc::clone(id)));
        }
    }
}
