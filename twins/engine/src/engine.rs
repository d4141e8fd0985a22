//! The engine as its callers see it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use twinbench_model::{EntityId, Epoch, Event, VirtualTime};

use crate::{
    ActivityContext, Builder, Failure, Instance, Json, WorkItem,
    activity::Activity,
    entity::Outgoing,
    instance::{Head, Status},
    journal::Journal,
    message::{Body, Message},
    registry::Registry,
    slot::Slot,
    timers::Timers,
    turn::new_instance_id,
};

/// The durable engine. See the [crate's description](crate).
pub struct Engine {
    pub(crate) registry: Registry,
    pub(crate) epoch: Epoch,
    pub(crate) batch: usize,
    pub(crate) now: VirtualTime,
    /// The number given last: to messages, executions and in instance ids.
    pub(crate) serial: u64,
    pub(crate) entities: BTreeMap<EntityId, Slot>,
    pub(crate) instances: BTreeMap<Arc<str>, Instance>,
    /// Receivers with messages, in the order in which their first one came.
    pub(crate) ready: VecDeque<Target>,
    pub(crate) timers: Timers,
    /// Work for functions that are registered here.
    pub(crate) work: VecDeque<WorkItem>,
    /// Work for elsewhere whose cause is not in any drained record yet.
    pub(crate) caused: Vec<WorkItem>,
    /// Work for elsewhere that may be given out.
    pub(crate) offered: VecDeque<WorkItem>,
    pub(crate) outgoing: Vec<Outgoing>,
    pub(crate) journal: Journal,
    pub(crate) changed_entities: BTreeSet<EntityId>,
    pub(crate) changed_instances: BTreeSet<Arc<str>>,
    /// Messages that were consumed and whose row is stored.
    pub(crate) consumed: Vec<u64>,
    /// The serial at the last drain: messages up to it have a stored row.
    pub(crate) drained: u64,
}

/// Who has messages.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Entity(EntityId),
    Instance(Arc<str>),
}

/// Why a signal is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// No such type of entities is registered.
    #[error("no entity is registered under the name {0:?}")]
    UnknownEntity(String),
    /// The key has a character that clients may not use.
    #[error("entity key {0:?} must not have / \\ # ? or control characters")]
    Key(String),
}

/// Why an orchestration is not started, or not told an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// No such orchestration is registered.
    #[error("no orchestration is registered under the name {0:?}")]
    UnknownOrchestration(String),
    /// The id cannot be used.
    #[error(
        "instance id {0:?} must have 1 to 256 characters, not begin with @ and not have / \\ # ? or control characters"
    )]
    Id(String),
    /// An instance of this id is at work.
    #[error("instance {0:?} is already running: use another id, or wait until it has ended")]
    Running(String),
    /// No instance has this id.
    #[error("there is no instance {0:?}")]
    UnknownInstance(String),
    /// The instance has ended.
    #[error("instance {0:?} has ended")]
    Ended(String),
}

fn refused_in_ids(c: char) -> bool {
    matches!(c, '/' | '\\' | '#' | '?') || c.is_control()
}

impl Engine {
    /// What an engine is made with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(registry: Registry, epoch: Epoch, batch: usize) -> Self {
        Self {
            registry,
            epoch,
            batch,
            now: VirtualTime::ZERO,
            serial: 0,
            entities: BTreeMap::new(),
            instances: BTreeMap::new(),
            ready: VecDeque::new(),
            timers: Timers::default(),
            work: VecDeque::new(),
            caused: Vec::new(),
            offered: VecDeque::new(),
            outgoing: Vec::new(),
            journal: Journal::default(),
            changed_entities: BTreeSet::new(),
            changed_instances: BTreeSet::new(),
            consumed: Vec::new(),
            drained: 0,
        }
    }

    /// Signals an entity, as a client does. The operation is done in the next [`run`](Self::run).
    ///
    /// # Errors
    /// When no such entities are registered, or the key is none that a client may use.
    pub fn signal(
        &mut self,
        to: &EntityId,
        operation: &str,
        input: impl Into<Json>,
        now: VirtualTime,
    ) -> Result<(), SignalError> {
        self.signal_at(to, operation, input, now, now)
    }

    /// Signals an entity at a later time.
    ///
    /// # Errors
    /// As [`signal`](Self::signal).
    pub fn signal_at(
        &mut self,
        to: &EntityId,
        operation: &str,
        input: impl Into<Json>,
        due: VirtualTime,
        now: VirtualTime,
    ) -> Result<(), SignalError> {
        if !self.registry.entities.contains_key(to.name()) {
            return Err(SignalError::UnknownEntity(to.name().to_owned()));
        }
        if to.key().contains(refused_in_ids) {
            return Err(SignalError::Key(to.key().to_owned()));
        }
        self.advance(now);
        self.post(
            due,
            Body::Signal {
                to: to.clone(),
                operation: operation.into(),
                input: input.into(),
            },
        );
        Ok(())
    }

    /// Starts an orchestration and gives its id, which is a new GUID when none is given.
    ///
    /// # Errors
    /// When no such orchestration is registered, the id cannot be used, or is in use.
    pub fn start(
        &mut self,
        name: &str,
        instance: Option<&str>,
        input: impl Into<Json>,
        now: VirtualTime,
    ) -> Result<String, StartError> {
        if !self.registry.orchestrations.contains_key(name) {
            return Err(StartError::UnknownOrchestration(name.to_owned()));
        }
        let instance = match instance {
            Some(id) => {
                let length = id.chars().count();
                if id.starts_with('@')
                    || id.contains(refused_in_ids)
                    || !(1..=256).contains(&length)
                {
                    return Err(StartError::Id(id.to_owned()));
                }
                if self
                    .instances
                    .get(id)
                    .is_some_and(|it| !it.status().is_final())
                {
                    return Err(StartError::Running(id.to_owned()));
                }
                id.to_owned()
            }
            None => new_instance_id("", &mut self.serial),
        };
        self.advance(now);
        let body = Body::Start {
            instance: instance.clone(),
            name: name.to_owned(),
            input: input.into(),
        };
        self.post(now, body);
        Ok(instance)
    }

    /// Tells an orchestration of an external event.
    ///
    /// # Errors
    /// When there is no such instance, or it has ended.
    pub fn raise_event(
        &mut self,
        instance: &str,
        name: &str,
        input: impl Into<Json>,
        now: VirtualTime,
    ) -> Result<(), StartError> {
        match self.instances.get(instance) {
            None => return Err(StartError::UnknownInstance(instance.to_owned())),
            Some(it) if it.status().is_final() => {
                return Err(StartError::Ended(instance.to_owned()));
            }
            Some(_) => {}
        }
        self.advance(now);
        let body = Body::Event {
            instance: instance.to_owned(),
            name: name.to_owned(),
            input: input.into(),
        };
        self.post(now, body);
        Ok(())
    }

    /// Does everything there is to do at a time: timers that are due, operations, turns of
    /// orchestrators, activities that are registered here, and whatever follows from them.
    pub fn run(&mut self, now: VirtualTime) {
        self.advance(now);
        loop {
            match self.ready.pop_front() {
                Some(Target::Entity(id)) => self.entity_turn(&id),
                Some(Target::Instance(id)) => self.instance_turn(&id),
                None => match self.work.pop_front() {
                    Some(item) => self.work_here(&item),
                    None => return,
                },
            }
        }
    }

    /// When [`run`](Self::run) has something to do without anything coming in: the present when
    /// messages wait, else the next timer.
    pub fn next_timer(&self) -> Option<VirtualTime> {
        if self.ready.is_empty() && self.work.is_empty() {
            self.timers.next()
        } else {
            Some(self.now)
        }
    }

    /// Takes up to `most` activities to be done elsewhere. Call it after the commit of what
    /// [`drain_records`](Self::drain_records) gave: it knows only work whose cause is in there.
    pub fn take_work(&mut self, most: usize) -> Vec<WorkItem> {
        self.offered.drain(..most.min(self.offered.len())).collect()
    }

    /// Puts work back that its worker will not do, to be given out again.
    pub fn return_work(&mut self, item: WorkItem) {
        self.offered.push_front(item);
    }

    /// The result of an activity that was done elsewhere. One that nobody waits for any more, or
    /// that comes a second time, is dropped.
    pub fn complete(&mut self, item: &WorkItem, result: Result<Json, Failure>, now: VirtualTime) {
        self.advance(now);
        self.post_result(item, result);
    }

    /// The state of an entity after its last turn; `None` when it does not exist.
    pub fn read(&self, id: &EntityId) -> Option<Json> {
        let slot = self.entities.get(id)?;
        slot.state().unwrap_or_else(|_| slot.stored.clone())
    }

    /// Entities whose name begins with `name` (in any case), in the order of their ids.
    pub fn entities(&self, name: &str) -> impl Iterator<Item = (&EntityId, Json)> {
        let name = name.to_lowercase();
        // Ids are ordered by their names: those that begin alike stand together.
        let first = EntityId::new(&name, "").ok();
        let from = match &first {
            Some(first) => self.entities.range(first..),
            None => self.entities.range::<EntityId, _>(..),
        };
        from.take_while(move |(id, _)| id.name().starts_with(&name))
            .filter_map(|(id, slot)| {
                Some((id, slot.state().unwrap_or_else(|_| slot.stored.clone())?))
            })
    }

    /// Orchestrations in the order of their ids.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values()
    }

    /// An orchestration.
    pub fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.get(id)
    }

    /// Moves the events since the last call to `out`, in the order in which they happened.
    pub fn drain_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.journal.events);
    }

    /// Time does not go back: an earlier `now` counts as the latest one. What has become due by
    /// then comes before whatever the caller brings.
    fn advance(&mut self, now: VirtualTime) {
        self.now = self.now.max(now);
        while let Some(message) = self.timers.take_due(self.now) {
            self.deliver(message);
        }
    }

    pub(crate) fn post(&mut self, due: VirtualTime, body: Body) {
        self.serial += 1;
        let message = Message {
            number: self.serial,
            // Never in the past: so messages are in one order by (due, number), restored or not.
            due: due.max(self.now),
            body,
        };
        if due > self.now {
            self.timers.add(message, false);
        } else {
            self.deliver(message);
        }
    }

    pub(crate) fn post_result(&mut self, item: &WorkItem, result: Result<Json, Failure>) {
        let (instance, execution, task) = (item.instance.clone(), item.execution, item.task);
        self.post(
            self.now,
            Body::Result {
                instance,
                execution,
                task,
                result,
            },
        );
    }

    /// Gives a message that is due to its receiver.
    fn deliver(&mut self, message: Message) {
        if let Body::Start {
            instance,
            name,
            input,
        } = &message.body
        {
            let id: Arc<str> = instance.as_str().into();
            let old = self.instances.get(&id);
            if old.is_some_and(|it| it.head.execution == message.number) {
                // Restored: the instance that this message starts is here already.
                return self.enqueue(message);
            }
            if old.is_some_and(|it| !it.status().is_final()) {
                tracing::warn!(instance, name, "already running: the start is dropped");
                self.consume(message.number);
                return;
            }
            let stored_rows = old.map_or(0, |it| it.stored_rows);
            let head = Head {
                name: name.clone(),
                status: Status::Pending,
                execution: message.number,
                created: self.now,
                updated: self.now,
                input: input.clone(),
                output: None,
                failure: None,
                custom_status: None,
                work: BTreeMap::new(),
            };
            let new = Instance {
                stored_rows,
                ..Instance::new(Arc::clone(&id), head)
            };
            self.changed_instances.insert(Arc::clone(&id));
            self.instances.insert(id, new);
        }
        self.enqueue(message);
    }

    /// Puts a message into its receiver's queue.
    pub(crate) fn enqueue(&mut self, message: Message) {
        match &message.body {
            Body::Signal { to, .. } => {
                let slot = match self.entities.get_mut(to) {
                    Some(slot) => slot,
                    None => self
                        .entities
                        .entry(to.clone())
                        .or_insert_with(|| Slot::new(to)),
                };
                if slot.queue.is_empty() {
                    self.ready.push_back(Target::Entity(to.clone()));
                }
                slot.queue.push_back(message);
            }
            Body::Start { instance, .. }
            | Body::Event { instance, .. }
            | Body::Result { instance, .. }
            | Body::Continue { instance, .. }
            | Body::Fired { instance, .. } => {
                let Some(receiver) = self.instances.get_mut(instance.as_str()) else {
                    tracing::debug!(instance, "message for an unknown instance is dropped");
                    return self.consume(message.number);
                };
                if receiver.inbox.is_empty() {
                    self.ready
                        .push_back(Target::Instance(Arc::clone(&receiver.id)));
                }
                receiver.inbox.push_back(message);
            }
        }
    }

    /// A message has had its effect: its row, if it has one, goes with the next records.
    pub(crate) fn consume(&mut self, number: u64) {
        if number <= self.drained {
            self.consumed.push(number);
        }
    }

    fn work_here(&mut self, item: &WorkItem) {
        let context = ActivityContext {
            item,
            now: self.now,
        };
        let result = match self.registry.activities.get(&item.name) {
            Some(Activity::Here(function)) => function(&context, &item.input),
            _ => Err(Failure::new(
                "ActivityNotFound",
                format!("no activity {:?} is registered", item.name),
            )),
        };
        self.post_result(item, result);
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("now", &self.now)
            .field("entities", &self.entities.len())
            .field("instances", &self.instances.len())
            .finish_non_exhaustive()
    }
}
