//! What the service does to identities.

use twinbench_model::{DeviceId, Record, Table, VirtualTime};

use super::{
    AlreadyExists, Authentication, Identity, IdentityId, IdentitySettings, Registry, Status,
};
use crate::{
    CloseReason, Hub, SymmetricKey,
    journal::{self, RegistryFacts},
    routes::LifecycleChange,
    twin::TWIN_PREFIX,
};

/// Modules of a device, at most (IoT Hub quotas).
const MAX_MODULES: usize = 50;
/// Devices and modules of a hub, at most (IoT Hub quotas).
const MAX_DEVICES: usize = 1_000_000;

/// An identity was not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It is there already.
    #[error("{0} is already registered: choose another id, or change the one that is there")]
    AlreadyExists(IdentityId),
    /// It is not there.
    #[error("{0} is not registered: add it to the hub first")]
    NotFound(IdentityId),
    /// There are as many as can be.
    #[error("there are {0} already, which is the limit: delete some")]
    TooMany(usize),
}

impl Hub {
    /// The identity registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A device or module.
    pub fn identity(&self, id: &IdentityId) -> Option<&Identity> {
        self.registry.identity(id)
    }

    /// Registers a device with two keys, enabled: what a bench does for its own devices.
    ///
    /// # Errors
    /// When there is one of this id.
    pub fn add_device(
        &mut self,
        id: DeviceId,
        primary: SymmetricKey,
        secondary: SymmetricKey,
        now: VirtualTime,
    ) -> Result<(), AlreadyExists> {
        if self.registry.get(&id).is_some() {
            return Err(AlreadyExists(id));
        }
        let settings = IdentitySettings::new(Authentication::Sas { primary, secondary });
        self.keep(Identity::new(id.into(), settings, now));
        Ok(())
    }

    /// Makes a device or a module.
    ///
    /// # Errors
    /// When it is there already, its device is not there, or there are as many as can be.
    pub fn create_identity(
        &mut self,
        id: IdentityId,
        settings: IdentitySettings,
        now: VirtualTime,
    ) -> Result<&Identity, RegistryError> {
        if self.registry.identity(&id).is_some() {
            return Err(RegistryError::AlreadyExists(id));
        }
        let (there, limit) = if id.module.is_none() {
            (self.registry.len(), MAX_DEVICES)
        } else if self.registry.get(&id.device).is_some() {
            (self.registry.modules(&id.device).count(), MAX_MODULES)
        } else {
            return Err(RegistryError::NotFound(id.device.into()));
        };
        if there >= limit {
            return Err(RegistryError::TooMany(limit));
        }
        self.keep(Identity::new(id.clone(), settings, now));
        self.registry_event(&id, "created", now);
        self.identity_changed(&id, LifecycleChange::Created, now);
        self.identity(&id).ok_or(RegistryError::NotFound(id))
    }

    /// Changes a device or module. An open connection ends when the identity is disabled or its
    /// keys or certificates are others now.
    ///
    /// # Errors
    /// When it is not there.
    pub fn update_identity(
        &mut self,
        id: &IdentityId,
        settings: IdentitySettings,
        now: VirtualTime,
    ) -> Result<&Identity, RegistryError> {
        let missing = || RegistryError::NotFound(id.clone());
        let mut identity = self.identity(id).cloned().ok_or_else(missing)?;
        let status_changed = identity.settings.status != settings.status;
        if status_changed {
            identity.status_updated = Some(now);
        }
        let proof_changed = identity.settings.authentication != settings.authentication;
        identity.settings = settings;
        identity.version += 1;
        self.keep(identity);
        self.registry_event(id, "updated", now);
        let disabled = self.identity(id).map(Identity::status) == Some(Status::Disabled);
        if disabled {
            self.close_identity(id, &CloseReason::DeviceDisabled, now);
        } else if proof_changed {
            self.close_identity(id, &CloseReason::CredentialsChanged, now);
        }
        self.identity(id).ok_or_else(missing)
    }

    /// Deletes a device with its modules, or a module: twin, queue, subscriptions and connection
    /// end with it. Messages in the event log stay.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete_identity(
        &mut self,
        id: &IdentityId,
        now: VirtualTime,
    ) -> Result<(), RegistryError> {
        if self.identity(id).is_none() {
            return Err(RegistryError::NotFound(id.clone()));
        }
        if id.module.is_none() {
            let modules = self.registry.modules(&id.device);
            let modules: Vec<IdentityId> = modules.map(|module| module.id.clone()).collect();
            for module in modules {
                self.delete_one(&module, now);
            }
        }
        self.delete_one(id, now);
        Ok(())
    }

    fn delete_one(&mut self, id: &IdentityId, now: VirtualTime) {
        self.close_identity(id, &CloseReason::DeviceDeleted, now);
        self.identity_changed(id, LifecycleChange::Deleted, now);
        self.registry_event(id, "deleted", now);
        self.drop_queue(id);
        self.sessions.remove(id, &mut self.records);
        if self.registry.remove(id).is_some() {
            for prefix in [super::DEVICE_PREFIX, TWIN_PREFIX, super::ACTIVITY_PREFIX] {
                self.records
                    .push(Record::delete(Table::HubDevices, id.key(prefix)));
            }
        }
    }

    /// Enables or disables a device; disabling closes its connection. Tells whether there is
    /// such a device.
    pub fn set_status(&mut self, id: &DeviceId, status: Status, now: VirtualTime) -> bool {
        let id = IdentityId::from(id.clone());
        let Some(identity) = self.identity(&id) else {
            return false;
        };
        let mut settings = identity.settings.clone();
        settings.status = status;
        self.update_identity(&id, settings, now).is_ok()
    }

    fn keep(&mut self, identity: Identity) {
        self.records.push(identity.to_record());
        let (partitions, epoch) = (self.options.partitions, self.options.epoch);
        self.registry.put(identity, partitions, epoch);
    }

    fn registry_event(&mut self, id: &IdentityId, change: &'static str, now: VirtualTime) {
        let Some(identity) = self.identity(id) else {
            return;
        };
        let facts = RegistryFacts {
            change,
            status: identity.settings.status,
            authentication: identity.settings.authentication.kind(),
        };
        self.events
            .push(journal::registry(now, id.shared(), &facts));
    }

    /// Closes the connection of an identity, and those of a device's modules.
    pub(crate) fn close_identity(
        &mut self,
        id: &IdentityId,
        reason: &CloseReason,
        now: VirtualTime,
    ) {
        let own = self.online.range(id.clone()..);
        let own = own.take_while(|(other, _)| other.device == id.device);
        let own = own.filter(|(other, _)| id.module.is_none() || *other == id);
        let connections: Vec<_> = own.map(|(_, connection)| *connection).collect();
        for connection in connections {
            self.close(connection, reason.clone(), now);
        }
    }
}
