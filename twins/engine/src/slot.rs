//! Entities as the engine keeps them: typed state behind a pointer, text when it is needed.

use std::{
    any::type_name,
    collections::VecDeque,
    fmt,
    sync::{Arc, OnceLock},
};

use twinbench_model::{EntityId, VirtualTime};

use crate::{Entity, EntityContext, Failure, Json, message::Message};

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

/// A registered type of entities.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) fresh: fn() -> Box<dyn State>,
    pub(crate) read: fn(&Json) -> Result<Box<dyn State>, Failure>,
    pub(crate) always_serialises: bool,
    type_name: &'static str,
}

impl Kind {
    pub(crate) fn of<T: Entity>() -> Self {
        Self {
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

/// An entity.
pub(crate) struct Slot {
    /// The id as text, for events.
    pub(crate) source: Arc<str>,
    pub(crate) exists: bool,
    /// The state as a value; `None` while it has not been needed since the restore.
    pub(crate) live: Option<Box<dyn State>>,
    /// The state as text; empty while it has not been needed since the last operation.
    pub(crate) text: OnceLock<Json>,
    /// The text that the last drained records hold.
    pub(crate) stored: Option<Json>,
    pub(crate) last_operation: VirtualTime,
    pub(crate) queue: VecDeque<Message>,
}

impl Slot {
    pub(crate) fn new(id: &EntityId) -> Self {
        Self {
            source: id.to_string().into(),
            exists: false,
            live: None,
            text: OnceLock::new(),
            stored: None,
            last_operation: VirtualTime::ZERO,
            queue: VecDeque::new(),
        }
    }

    /// The committed state as text; `None` when the entity does not exist.
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
}
