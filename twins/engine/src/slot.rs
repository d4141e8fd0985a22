//! Entities as the engine keeps them: typed state behind a pointer, text when it is needed.

use std::{
    any::{Any, type_name},
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use twinbench_model::{EntityId, Epoch, VirtualTime};

use crate::{
    Entity, EntityContext, Failure, Json, Limits,
    message::Message,
    work::{EntityAction, EntityResult, EntityWork, Token},
    workers::within,
};

/// A state whose type is forgotten.
pub(crate) trait State: Send + Sync {
    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure>;
    fn text(&self) -> Result<Json, Failure>;
    fn duplicate(&self) -> Box<dyn State>;
}

impl<T: Entity> State for T {
    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        Entity::dispatch(self, cx, operation, input)
    }

    fn text(&self) -> Result<Json, Failure> {
        Json::of(self)
    }

    fn duplicate(&self) -> Box<dyn State> {
        Box::new(self.clone())
    }
}

/// What all entities of one registration are given with every operation.
pub(crate) type Settings = Arc<dyn Any + Send + Sync>;

/// A registered type of entities.
#[derive(Clone)]
pub(crate) struct Kind {
    pub(crate) settings: Option<Settings>,
    pub(crate) fresh: fn() -> Box<dyn State>,
    pub(crate) read: fn(&Json) -> Result<Box<dyn State>, Failure>,
    pub(crate) always_serialises: bool,
    type_name: &'static str,
}

impl Kind {
    pub(crate) fn of<T: Entity>(settings: Option<Settings>) -> Self {
        Self {
            settings,
            fresh: || Box::new(T::default()),
            read: |text| Ok(Box::new(text.read::<T>()?)),
            always_serialises: T::ALWAYS_SERIALISES,
            type_name: type_name::<T>(),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name)
    }
}

/// Who has an entity for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockHolder {
    pub(crate) owner: Arc<str>,
    pub(crate) section: Arc<str>,
}

/// Operations of an entity that are out at a worker: the first so many of those that wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    pub(crate) token: Token,
    pub(crate) owned: usize,
    pub(crate) queued: usize,
}

/// An entity's state, as a value and as text.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) exists: bool,
    /// The state as a value; `None` while it has not been needed since the restore.
    pub(crate) live: Option<Box<dyn State>>,
    /// The state as text; empty while it has not been needed since the last operation.
    pub(crate) text: OnceLock<Json>,
}

/// An entity.
pub(crate) struct Slot {
    /// The id as text, for events.
    pub(crate) source: Arc<str>,
    pub(crate) held: Held,
    /// The text that the last drained records hold.
    pub(crate) stored: Option<Json>,
    /// Whether a row of the store exists for it: it has a state, or is locked.
    pub(crate) has_row: bool,
    pub(crate) last_operation: VirtualTime,
    pub(crate) lock: Option<LockHolder>,
    /// Operations of the lock's owner, which come before all others.
    pub(crate) owned: VecDeque<Message>,
    pub(crate) queue: VecDeque<Message>,
    pub(crate) out: Option<Out>,
    /// Whether it stands among the ready ones, or its work is on offer.
    pub(crate) ready: bool,
    /// Whether it may hold messages without a row.
    pub(crate) touched: bool,
    /// How often a worker was lost with its operations.
    pub(crate) losses: u32,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("id", &self.source)
            .field("exists", &self.held.exists)
            .field("waiting", &self.backlog())
            .finish_non_exhaustive()
    }
}

impl Slot {
    pub(crate) fn new(id: &EntityId) -> Self {
        Self {
            source: id.to_string().into(),
            held: Held::default(),
            stored: None,
            has_row: false,
            last_operation: VirtualTime::ZERO,
            lock: None,
            owned: VecDeque::new(),
            queue: VecDeque::new(),
            out: None,
            ready: false,
            touched: false,
            losses: 0,
        }
    }

    /// Whether nothing is known of it that could not be found out by its absence.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.held.exists
            && !self.has_row
            && self.lock.is_none()
            && self.owned.is_empty()
            && self.queue.is_empty()
            && self.out.is_none()
    }

    /// Operations that wait.
    pub(crate) fn backlog(&self) -> usize {
        self.owned.len() + self.queue.len()
    }

    /// The committed state as text; `None` when the entity does not exist.
    pub(crate) fn shown(&self) -> Option<Json> {
        self.held.state().unwrap_or_else(|_| self.stored.clone())
    }
}

impl Held {
    pub(crate) fn of_text(state: Option<Json>) -> Self {
        Self {
            exists: state.is_some(),
            live: None,
            text: state.map(Into::into).unwrap_or_default(),
        }
    }

    /// The state as text; `None` when the entity does not exist.
    ///
    /// # Errors
    /// When the state has no form although its type says that it always has one.
    pub(crate) fn state(&self) -> Result<Option<Json>, Failure> {
        if !self.exists {
            return Ok(None);
        }
        if let Some(text) = self.text.get() {
            return Ok(Some(text.clone()));
        }
        let Some(live) = &self.live else {
            return Ok(None);
        };
        let text = live.text()?;
        Ok(Some(self.text.get_or_init(|| text).clone()))
    }

    /// Makes sure that an entity that exists has its state as a value.
    pub(crate) fn wake(&mut self, kind: &Kind) -> Result<(), Failure> {
        if self.exists
            && self.live.is_none()
            && let Some(text) = self.text.get()
        {
            self.live = Some((kind.read)(text)?);
        }
        Ok(())
    }

    /// One operation, wholly or not at all: of a failed one neither state nor messages remain.
    pub(crate) fn operate(
        &mut self,
        kind: &Kind,
        mut context: EntityContext<'_>,
        operation: &str,
        input: &Json,
        limits: &Limits,
    ) -> Result<Option<Json>, Failure> {
        let longest = limits.state;
        context.exists = self.exists;
        let sent = context.outgoing.len();
        let before = self.live.as_ref().map(|state| state.duplicate());
        let mut state = self.live.take().unwrap_or_else(kind.fresh);
        let result = catch_unwind(AssertUnwindSafe(|| {
            state.dispatch(&mut context, operation, input)
        }))
        .unwrap_or_else(|panic| Err(panicked(&*panic)));
        let result = match result {
            Err(failure)
                if failure.error_type == Failure::UNKNOWN_OPERATION
                    && operation.eq_ignore_ascii_case("delete") =>
            {
                context.deleted = true;
                Ok(None)
            }
            other => other,
        };
        let result = result.and_then(|output| {
            within(limits.payload, output.as_ref())?;
            for action in &context.outgoing[sent..] {
                within(limits.payload, action.input())?;
            }
            Ok(output)
        });
        // A state that is far from the limit cannot exceed it by one operation that is not itself
        // of the limit's size; the text is written once a commit then.
        let near = self
            .text
            .get()
            .is_some_and(|text| text.as_str().len() > longest / 4);
        let written = match result {
            Ok(output) if context.deleted || kind.always_serialises && !near => Ok((output, None)),
            Ok(output) => state.text().and_then(|text| {
                if text.as_str().len() > longest {
                    return Err(Failure::new(
                        Failure::LIMIT,
                        format!(
                            "the state would have {} bytes, more than the limit of {longest}",
                            text.as_str().len()
                        ),
                    ));
                }
                Ok((output, Some(text)))
            }),
            Err(failure) => Err(failure),
        };
        match written {
            Ok((output, text)) => {
                self.exists = !context.deleted;
                self.live = self.exists.then_some(state);
                self.text = text.map(Into::into).unwrap_or_default();
                Ok(output)
            }
            Err(failure) => {
                self.live = before;
                context.outgoing.truncate(sent);
                Err(failure)
            }
        }
    }
}

/// What a panic says.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Failure::new(Failure::PANIC, said.unwrap_or("user code panicked"))
}

/// A batch for an engine elsewhere.
pub(crate) fn operate_all(
    kind: &Kind,
    work: &EntityWork,
    now: VirtualTime,
    epoch: Epoch,
) -> EntityResult {
    // The engine that the batch is of has its own.
    let limits = Limits {
        state: usize::MAX,
        payload: usize::MAX,
        ..Limits::default()
    };
    let mut held = Held::of_text(work.state.clone());
    if let Err(failure) = held.wake(kind) {
        return EntityResult {
            failure: Some(failure),
            ..EntityResult::default()
        };
    }
    let mut actions: Vec<EntityAction> = Vec::new();
    let mut results = Vec::with_capacity(work.operations.len());
    for request in &work.operations {
        // The request's id is unlike any other, and the same when the batch is done again.
        let mut seed = request
            .request
            .get(..8)
            .and_then(|start| u64::from_str_radix(start, 16).ok())
            .unwrap_or_default()
            << 24;
        let context = EntityContext {
            id: &work.id,
            now,
            epoch,
            outgoing: &mut actions,
            seed: &mut seed,
            exists: held.exists,
            deleted: false,
            settings: kind.settings.as_deref(),
        };
        let input = request.input.clone().unwrap_or_else(Json::null);
        results.push(held.operate(kind, context, &request.operation, &input, &limits));
    }
    match held.state() {
        Ok(state) => EntityResult {
            results,
            actions,
            state,
            failure: None,
        },
        Err(failure) => EntityResult {
            failure: Some(failure),
            ..EntityResult::default()
        },
    }
}
