//! The identity registry: which devices and modules there are, how they prove who they are, and
//! whether they may connect.

mod activity;
mod calls;
mod id;
mod identity;
mod stored;

use std::{collections::BTreeMap, sync::Arc};

use twinbench_model::{DeviceId, Epoch};

pub(crate) use activity::ACTIVITY_PREFIX;
pub use activity::Activity;
pub use calls::RegistryError;
pub use id::{IdentityId, ModuleId};
pub use identity::{
    Authentication, Identity, IdentitySettings, Status, Thumbprint, ThumbprintError,
};
pub(crate) use stored::DEVICE_PREFIX;

use crate::twin::Twin;

/// A device cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("device {0} is already registered: choose another id, or change the one that is there")]
pub struct AlreadyExists(pub DeviceId);

/// The identities by id, each with its twin. What the hub needs for every message of a device is
/// kept ready beside it.
#[derive(Debug, Default)]
pub struct Registry {
    identities: BTreeMap<IdentityId, Entry>,
    devices: usize,
}

/// An identity with what is derived from it and what lives as long.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) identity: Identity,
    pub(crate) partition: u16,
    pub(crate) generation: Arc<str>,
    pub(crate) twin: Twin,
    pub(crate) activity: Activity,
}

impl Registry {
    /// A device by its id.
    pub fn get(&self, id: &DeviceId) -> Option<&Identity> {
        self.entry(id).map(|entry| &entry.identity)
    }

    /// A device or module by its id.
    pub fn identity(&self, id: &IdentityId) -> Option<&Identity> {
        self.identities.get(id).map(|entry| &entry.identity)
    }

    /// Every device and module: by id, a device before its modules.
    pub fn all(&self) -> impl Iterator<Item = &Identity> {
        self.identities.values().map(|entry| &entry.identity)
    }

    /// Devices and modules that come after an id, in order.
    pub fn after(&self, id: &IdentityId) -> impl Iterator<Item = &Identity> + use<'_> {
        use std::ops::Bound::{Excluded, Unbounded};
        let rest = self.identities.range((Excluded(id.clone()), Unbounded));
        rest.map(|(_, entry)| &entry.identity)
    }

    /// Every device, by id.
    pub fn list(&self) -> impl Iterator<Item = &Identity> {
        self.all().filter(|identity| identity.id.module.is_none())
    }

    /// The modules of a device, by id.
    pub fn modules<'a>(&'a self, device: &'a DeviceId) -> impl Iterator<Item = &'a Identity> {
        let own = move |identity: &&Identity| identity.id.device == *device;
        self.after(&device.clone().into()).take_while(own)
    }

    /// When a device or module was seen.
    pub fn activity(&self, id: &IdentityId) -> Option<Activity> {
        self.identities.get(id).map(|entry| entry.activity)
    }

    /// How many devices there are, modules not counted.
    pub fn len(&self) -> usize {
        self.devices
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    pub(crate) fn entry(&self, id: &DeviceId) -> Option<&Entry> {
        // A clone of two words and a count: cheaper than a second index.
        self.identities.get(&IdentityId::from(id.clone()))
    }

    pub(crate) fn entry_of(&self, id: &IdentityId) -> Option<&Entry> {
        self.identities.get(id)
    }

    pub(crate) fn entry_mut(&mut self, id: &IdentityId) -> Option<&mut Entry> {
        self.identities.get_mut(id)
    }

    /// Adds an identity that is not there yet, or replaces the one that is, whose twin stays.
    pub(crate) fn put(&mut self, identity: Identity, partitions: u16, epoch: Epoch) {
        let old = self.identities.remove(&identity.id);
        if old.is_none() && identity.id.module.is_none() {
            self.devices += 1;
        }
        let (twin, activity) = match old {
            Some(old) => (old.twin, old.activity),
            None => (Twin::new(identity.created), Activity::default()),
        };
        let entry = Entry {
            partition: crate::log::partition_of(&identity.id.device, partitions),
            generation: identity.generation_id(epoch).into(),
            identity,
            twin,
            activity,
        };
        self.identities.insert(entry.identity.id.clone(), entry);
    }

    pub(crate) fn remove(&mut self, id: &IdentityId) -> Option<Entry> {
        let gone = self.identities.remove(id)?;
        if id.module.is_none() {
            self.devices -= 1;
        }
        Some(gone)
    }
}
