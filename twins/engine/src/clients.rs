//! What clients ask of the engine: signals, starts, events, and ends.

use std::sync::Arc;

use twinbench_model::{EntityId, VirtualDuration, VirtualTime};

use crate::{
    Engine, Instance, Json, Status,
    guid::new_guid,
    history::{EventKind, ExecutionRewound, ExecutionStarted, Tags, Trace},
    message::{Address, Body, Operation},
    partition::home,
};

/// Why a signal is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// No such type of entities is registered.
    #[error("no entity is registered under the name {0:?}")]
    UnknownEntity(String),
    /// The key has a character that clients may not use.
    #[error("entity key {0:?} must not have / \\ # ? or control characters")]
    Key(String),
    /// The input is too long.
    #[error(
        "the input has {length} bytes, more than the limit of {limit}: send less, or raise the limit"
    )]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest that is taken.
        limit: usize,
    },
    /// Too many messages wait for the entity.
    #[error("{waiting} messages wait for {id} already: send slower, or raise the limit")]
    Full {
        /// The entity.
        id: String,
        /// How many wait.
        waiting: usize,
    },
}

/// Why an orchestration is not started.
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
    /// There is an instance of this id that may not be replaced.
    #[error("instance {0:?} already exists: use another id, or wait until it has ended")]
    Exists(String),
    /// The input is too long.
    #[error(
        "the input has {length} bytes, more than the limit of {limit}: send less, or raise the limit"
    )]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest that is taken.
        limit: usize,
    },
}

/// Why an instance is not told something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstanceError {
    /// No instance has this id.
    #[error("there is no instance {0:?}")]
    Unknown(String),
    /// The instance has ended.
    #[error("instance {0:?} has ended")]
    Ended(String),
    /// It can only be rewound when it has failed.
    #[error("instance {0:?} is {name}: only a failed one can be rewound", name = .1.name())]
    NotFailed(String, Status),
    /// It can only be started again when it has ended.
    #[error("instance {0:?} is still at work: only one that has ended can be started again")]
    NotEnded(String),
    /// The input is too long.
    #[error(
        "the input has {length} bytes, more than the limit of {limit}: send less, or raise the limit"
    )]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest that is taken.
        limit: usize,
    },
    /// Too many messages wait for the instance.
    #[error("{waiting} messages wait for {id:?} already: send slower, or raise the limit")]
    Full {
        /// The instance.
        id: String,
        /// How many wait.
        waiting: usize,
    },
}

/// What an orchestration is started with; `StartRequest::new(name)` and what differs from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StartRequest {
    /// The orchestration.
    pub name: String,
    /// The new instance's id; a new GUID when there is none.
    pub instance: Option<String>,
    /// The version that is asked for.
    pub version: Option<String>,
    /// The input.
    pub input: Option<Json>,
    /// When it is to begin; at once when it is not given or past.
    pub scheduled_start: Option<VirtualTime>,
    /// Tags.
    pub tags: Tags,
    /// The trace that it belongs to.
    pub trace: Option<Trace>,
    /// Its first execution's id; a new one when there is none.
    pub execution: Option<String>,
    /// Instances of the same id are replaced when they are in one of these states.
    pub replace: Vec<Status>,
}

impl StartRequest {
    /// A start that replaces instances that have ended.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            replace: vec![
                Status::Completed,
                Status::Failed,
                Status::Canceled,
                Status::Terminated,
            ],
            ..Self::default()
        }
    }
}

/// What a client's signal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalRequest {
    /// The entity.
    pub to: EntityId,
    /// The operation.
    pub operation: Arc<str>,
    /// Its input.
    pub input: Option<Json>,
    /// When it is to be delivered; at once when it is not given or past.
    pub due: Option<VirtualTime>,
    /// A GUID; made when there is none.
    pub request: Option<Arc<str>>,
    /// The trace that it belongs to.
    pub trace: Option<Trace>,
}

fn refused_in_ids(c: char) -> bool {
    matches!(c, '/' | '\\' | '#' | '?') || c.is_control()
}

impl Engine {
    /// Signals an entity, as a client does. The operation is done in the next [`run`](Self::run).
    ///
    /// # Errors
    /// When no such entities are registered, the key is none that a client may use, the input is
    /// too long, or too many messages wait.
    pub fn signal(
        &mut self,
        to: &EntityId,
        operation: &str,
        input: impl Into<Json>,
        now: VirtualTime,
    ) -> Result<(), SignalError> {
        let request = SignalRequest {
            to: to.clone(),
            operation: operation.into(),
            input: Some(input.into()),
            due: None,
            request: None,
            trace: None,
        };
        self.signal_with(request, now)
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
        let request = SignalRequest {
            to: to.clone(),
            operation: operation.into(),
            input: Some(input.into()),
            due: Some(due),
            request: None,
            trace: None,
        };
        self.signal_with(request, now)
    }

    /// Signals an entity in a particular way.
    ///
    /// # Errors
    /// As [`signal`](Self::signal).
    pub fn signal_with(
        &mut self,
        request: SignalRequest,
        now: VirtualTime,
    ) -> Result<(), SignalError> {
        let SignalRequest {
            to,
            operation,
            input,
            due,
            request,
            trace,
        } = request;
        let known = self.shared.functions.entities.contains_key(to.name());
        if !known && !self.shared.options.remote {
            return Err(SignalError::UnknownEntity(to.name().to_owned()));
        }
        if to.key().contains(refused_in_ids) {
            return Err(SignalError::Key(to.key().to_owned()));
        }
        let limits = self.shared.options.limits;
        let length = input.as_ref().map_or(0, |input| input.as_str().len());
        if length > limits.payload {
            return Err(SignalError::TooLong {
                length,
                limit: limits.payload,
            });
        }
        self.advance(now);
        let now = self.now;
        let address = Address::Entity(to);
        let faults = self.shared.options.faults;
        let partition = &mut self.partitions[home(&address)];
        if let Address::Entity(id) = &address
            && let Some(slot) = partition.entities.get(id)
            && slot.backlog() >= limits.queue
        {
            return Err(SignalError::Full {
                id: id.to_string(),
                waiting: slot.backlog(),
            });
        }
        let scheduled = due.filter(|due| *due > now);
        let body = Body::Operation(Box::new(Operation {
            request,
            name: operation,
            input,
            caller: None,
            scheduled,
            trace,
        }));
        let mut due = scheduled.unwrap_or(now);
        if scheduled.is_none() && (faults.reorder.is_some() || faults.duplicate > 0.0) {
            let chance = |serial: u64, salt: u64| mix(faults.seed, serial, salt);
            let serial = partition.serial;
            if share(chance(serial, 1)) < faults.duplicate {
                let due = delayed(now, faults.reorder, chance(serial, 2));
                partition.post(due, address.clone(), body.clone());
            }
            due = delayed(now, faults.reorder, chance(serial, 3));
        }
        partition.post(due, address, body);
        Ok(())
    }

    /// Starts an orchestration and gives its id, which is a new GUID when none is given. One of the
    /// same id that has ended is replaced.
    ///
    /// # Errors
    /// When no such orchestration is registered, the id cannot be used or is in use, or the input
    /// is too long.
    pub fn start(
        &mut self,
        name: &str,
        instance: Option<&str>,
        input: impl Into<Json>,
        now: VirtualTime,
    ) -> Result<String, StartError> {
        let request = StartRequest {
            instance: instance.map(str::to_owned),
            input: Some(input.into()),
            ..StartRequest::new(name)
        };
        self.start_with(request, now)
    }

    /// Starts an orchestration in a particular way and gives its id.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(
        &mut self,
        request: StartRequest,
        now: VirtualTime,
    ) -> Result<String, StartError> {
        let functions = &self.shared.functions;
        if !self.shared.options.remote && !functions.orchestrations.contains_key(&request.name) {
            return Err(StartError::UnknownOrchestration(request.name));
        }
        let limit = self.shared.options.limits.payload;
        let length = request
            .input
            .as_ref()
            .map_or(0, |input| input.as_str().len());
        if length > limit {
            return Err(StartError::TooLong { length, limit });
        }
        if let Some(id) = &request.instance {
            let characters = id.chars().count();
            if id.starts_with('@')
                || id.contains(refused_in_ids)
                || !(1..=256).contains(&characters)
            {
                return Err(StartError::Id(id.clone()));
            }
        }
        self.advance(now);
        let first = &mut self.partitions[0];
        let number = first.number();
        let id: Arc<str> = match request.instance {
            Some(id) => id.into(),
            None => new_guid("", number),
        };
        let address = Address::Instance(Arc::clone(&id));
        let old = self.at(&address).instances.get(&id);
        if let Some(old) = old.map(|old| old.head.status) {
            if !request.replace.contains(&old) {
                return Err(StartError::Exists(id.to_string()));
            }
            if !old.is_final() {
                let reason = Json::from_text("\"replaced by a new instance\"");
                let body = Body::Terminate {
                    reason: Some(reason),
                    recurse: false,
                };
                let now = self.now;
                self.at(&address).post(now, address.clone(), body);
            }
        }
        let execution = request
            .execution
            .map_or_else(|| new_guid("execution", number), Into::into);
        let started = ExecutionStarted {
            name: request.name,
            version: request.version,
            input: request.input,
            instance: Arc::clone(&id),
            execution,
            parent: None,
            scheduled_start: request.scheduled_start,
            trace: request.trace,
            tags: request.tags,
        };
        let due = started.scheduled_start.unwrap_or(self.now).max(self.now);
        let body = Body::Start {
            started: Box::new(started),
            carryover: Vec::new(),
        };
        self.at(&address).post(due, address.clone(), body);
        self.exchange();
        Ok(id.to_string())
    }

    /// Tells an orchestration of an external event.
    ///
    /// # Errors
    /// When there is no such instance, it has ended, the input is too long, or too much waits.
    pub fn raise_event(
        &mut self,
        instance: &str,
        name: &str,
        input: Option<Json>,
        now: VirtualTime,
    ) -> Result<(), InstanceError> {
        let limits = self.shared.options.limits;
        let length = input.as_ref().map_or(0, |input| input.as_str().len());
        if length > limits.payload {
            return Err(InstanceError::TooLong {
                length,
                limit: limits.payload,
            });
        }
        let waiting = self.instance(instance).map_or(0, |it| it.inbox.len());
        if waiting >= limits.queue {
            self.live(instance)?;
            return Err(InstanceError::Full {
                id: instance.to_owned(),
                waiting,
            });
        }
        let kind = EventKind::EventRaised {
            name: name.to_owned(),
            input,
        };
        self.tell(instance, kind, now)
    }

    /// Tells an orchestration to wait: it takes nothing in until it is resumed.
    ///
    /// # Errors
    /// When there is no such instance, or it has ended.
    pub fn suspend(
        &mut self,
        instance: &str,
        reason: Option<Json>,
        now: VirtualTime,
    ) -> Result<(), InstanceError> {
        if self.instance(instance).is_some_and(Instance::is_suspended) {
            // Told twice, SDKs would wait for being resumed twice.
            return Ok(());
        }
        self.tell(instance, EventKind::ExecutionSuspended { reason }, now)
    }

    /// Lets a suspended orchestration go on.
    ///
    /// # Errors
    /// When there is no such instance, or it has ended.
    pub fn resume_instance(
        &mut self,
        instance: &str,
        reason: Option<Json>,
        now: VirtualTime,
    ) -> Result<(), InstanceError> {
        self.tell(instance, EventKind::ExecutionResumed { reason }, now)
    }

    /// Ends an orchestration at once, and with `recurse` its sub-orchestrations; its output is the
    /// one given.
    ///
    /// # Errors
    /// When there is no such instance, or it has ended.
    pub fn terminate(
        &mut self,
        instance: &str,
        output: Option<Json>,
        recurse: bool,
        now: VirtualTime,
    ) -> Result<(), InstanceError> {
        let address = self.live(instance)?;
        self.advance(now);
        let (now, body) = (
            self.now,
            Body::Terminate {
                reason: output,
                recurse,
            },
        );
        self.at(&address).post(now, address.clone(), body);
        self.exchange();
        Ok(())
    }

    /// Lets a failed orchestration go on from before its failures: failed activities are done
    /// again, failed sub-orchestrations are rewound.
    ///
    /// # Errors
    /// When there is no such instance, or it has not failed.
    pub fn rewind(
        &mut self,
        instance: &str,
        reason: Option<&str>,
        now: VirtualTime,
    ) -> Result<(), InstanceError> {
        let id: Arc<str> = instance.into();
        let address = Address::Instance(Arc::clone(&id));
        match self.at(&address).instances.get(&id) {
            None => return Err(InstanceError::Unknown(instance.to_owned())),
            Some(it) if it.head.status != Status::Failed => {
                return Err(InstanceError::NotFailed(
                    instance.to_owned(),
                    it.head.status,
                ));
            }
            Some(_) => {}
        }
        self.advance(now);
        let rewound = ExecutionRewound {
            reason: reason.map(str::to_owned),
            ..ExecutionRewound::default()
        };
        self.partitions[home(&address)].rewind(&self.shared, &id, rewound);
        self.exchange();
        Ok(())
    }

    /// Starts an orchestration that has ended once more, with the input that it had, as a new
    /// instance or in its own place. Gives the instance's id.
    ///
    /// # Errors
    /// When there is no such instance, or it has not ended.
    pub fn restart(
        &mut self,
        instance: &str,
        as_new: bool,
        now: VirtualTime,
    ) -> Result<String, InstanceError> {
        let old = self
            .instance(instance)
            .ok_or_else(|| InstanceError::Unknown(instance.to_owned()))?;
        if !as_new && !old.head.status.is_final() {
            return Err(InstanceError::NotEnded(instance.to_owned()));
        }
        let request = StartRequest {
            instance: (!as_new).then(|| instance.to_owned()),
            version: old.head.version.clone(),
            input: old.head.input.clone(),
            tags: old.head.tags.clone(),
            ..StartRequest::new(&old.head.name)
        };
        self.start_with(request, now)
            .map_err(|_| InstanceError::Unknown(instance.to_owned()))
    }

    fn tell(
        &mut self,
        instance: &str,
        kind: EventKind,
        now: VirtualTime,
    ) -> Result<(), InstanceError> {
        let address = self.live(instance)?;
        self.advance(now);
        let body = Body::Notice {
            execution: None,
            kind,
        };
        let now = self.now;
        self.at(&address).post(now, address.clone(), body);
        Ok(())
    }

    fn live(&self, instance: &str) -> Result<Address, InstanceError> {
        match self.instance(instance) {
            None => Err(InstanceError::Unknown(instance.to_owned())),
            Some(it) if it.head.status.is_final() => Err(InstanceError::Ended(instance.to_owned())),
            Some(it) => Ok(Address::Instance(Arc::clone(&it.id))),
        }
    }
}

/// A number that looks random and depends on what it is made from alone (splitmix64's finaliser).
const fn mix(seed: u64, serial: u64, salt: u64) -> u64 {
    let mut z = seed
        .wrapping_add(serial.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(salt.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A share from 0 to 1.
fn share(number: u64) -> f64 {
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

fn delayed(now: VirtualTime, window: Option<VirtualDuration>, number: u64) -> VirtualTime {
    window.map_or(now, |window| {
        let delay = VirtualDuration::from_secs_f64(window.as_secs_f64() * share(number));
        now.saturating_add(delay)
    })
}
