//! Entities: typed state, one operation at a time.

use std::{any::Any, sync::Arc};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use twinbench_model::{EntityId, Epoch, VirtualTime};

use crate::{Failure, Json, guid::new_guid, work::EntityAction};

/// The state of an entity and what its operations do to it.
///
/// Operations of one entity run one after the other. When one fails, its changes to the state and
/// everything it sent are undone, and the next begins where the one before ended.
pub trait Entity: Serialize + DeserializeOwned + Default + Clone + Send + Sync + 'static {
    /// Whether the state always has a JSON form, whatever values it holds: no maps with keys that
    /// are not texts, no `Serialize` of its own that fails.
    ///
    /// When it is false the state is written out after every operation, and a state that has no
    /// form fails the operation. When it is true it is written out once a commit.
    const ALWAYS_SERIALISES: bool = false;

    /// Performs an operation. `self` is the default for an entity that does not exist; any
    /// operation that succeeds brings it into being. The output goes to the caller, if there is one.
    ///
    /// # Errors
    /// An operation may fail; one that is not known fails with [`Failure::unknown_operation`].
    /// An unknown `delete` deletes.
    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure>;
}

/// What an operation knows beside its input, and what it can do beside changing the state.
#[derive(Debug)]
pub struct EntityContext<'a> {
    pub(crate) id: &'a EntityId,
    pub(crate) now: VirtualTime,
    pub(crate) epoch: Epoch,
    pub(crate) outgoing: &'a mut Vec<EntityAction>,
    /// What makes the ids of this operation's orchestrations unlike all others.
    pub(crate) seed: &'a mut u64,
    pub(crate) exists: bool,
    pub(crate) deleted: bool,
    pub(crate) settings: Option<&'a (dyn Any + Send + Sync)>,
}

impl EntityContext<'_> {
    /// The entity.
    pub fn id(&self) -> &EntityId {
        self.id
    }

    /// Whether the entity was there before this operation.
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// The settings that this type of entities was registered with, if they are of this type.
    pub fn settings<S: 'static>(&self) -> Option<&S> {
        self.settings?.downcast_ref()
    }

    /// The current virtual time as a UTC instant.
    pub fn now(&self) -> Timestamp {
        self.epoch.utc(self.now)
    }

    /// The current virtual time.
    pub fn virtual_now(&self) -> VirtualTime {
        self.now
    }

    /// Signals an entity: one way, delivered after this batch.
    pub fn signal(&mut self, to: &EntityId, operation: &str, input: impl Into<Json>) {
        self.outgoing.push(EntityAction::Signal {
            target: to.clone(),
            operation: operation.to_owned(),
            input: Some(input.into()),
            scheduled: None,
            trace: None,
        });
    }

    /// Signals an entity at a later time.
    pub fn signal_at(
        &mut self,
        to: &EntityId,
        operation: &str,
        input: impl Into<Json>,
        due: VirtualTime,
    ) {
        self.outgoing.push(EntityAction::Signal {
            target: to.clone(),
            operation: operation.to_owned(),
            input: Some(input.into()),
            scheduled: Some(due),
            trace: None,
        });
    }

    /// Starts an orchestration and gives its instance id.
    pub fn start(&mut self, name: &str, input: impl Into<Json>) -> String {
        *self.seed += 1;
        let instance: Arc<str> = new_guid(&self.id.to_string(), *self.seed);
        self.outgoing.push(EntityAction::StartOrchestration {
            instance: Some(Arc::clone(&instance)),
            name: name.to_owned(),
            version: None,
            input: Some(input.into()),
            scheduled: None,
            trace: None,
        });
        instance.to_string()
    }

    /// Deletes the entity when this operation succeeds. The next one begins from the default.
    pub fn delete(&mut self) {
        self.deleted = true;
    }
}
