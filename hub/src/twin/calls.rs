//! What the service and the device do to twins.

use serde_json::{Map, Value};
use twinbench_model::VirtualTime;

use super::{
    LimitError, MAX_PROPERTIES, MAX_TAGS, Twin, limits,
    merge::{Metadata, merge, merge_plain},
};
use crate::{Hub, journal::TwinFacts, registry::IdentityId};

/// What the service writes into a twin. What is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TwinWrite {
    /// Tags.
    pub tags: Option<Map<String, Value>>,
    /// Desired properties, without `$metadata` and `$version`.
    pub desired: Option<Map<String, Value>>,
}

/// A twin was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwinError {
    /// There is no such identity.
    #[error("{0} is not registered: add it to the hub first")]
    NotFound(IdentityId),
    /// It would break a limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The device wants to write over another version than there is.
    #[error("the reported properties have version {found}, not {expected}: read them again")]
    Version {
        /// The version that is there.
        found: u64,
        /// What the device expects.
        expected: u64,
    },
}

impl Hub {
    /// A twin.
    pub fn twin(&self, id: &IdentityId) -> Option<&Twin> {
        self.registry.entry_of(id).map(|entry| &entry.twin)
    }

    /// Lays patches over tags and desired properties. A connected device that asked for it is
    /// told its part.
    ///
    /// # Errors
    /// When there is no such twin or a limit would be broken; then nothing changes.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a write is made for one call and of no use after it"
    )]
    pub fn patch_twin(
        &mut self,
        id: &IdentityId,
        write: TwinWrite,
        now: VirtualTime,
    ) -> Result<&Twin, TwinError> {
        self.write_twin(id, &write, false, now)
    }

    /// Replaces tags and desired properties.
    ///
    /// # Errors
    /// As [`Hub::patch_twin`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a write is made for one call and of no use after it"
    )]
    pub fn replace_twin(
        &mut self,
        id: &IdentityId,
        write: TwinWrite,
        now: VirtualTime,
    ) -> Result<&Twin, TwinError> {
        self.write_twin(id, &write, true, now)
    }

    fn write_twin(
        &mut self,
        id: &IdentityId,
        write: &TwinWrite,
        replace: bool,
        now: VirtualTime,
    ) -> Result<&Twin, TwinError> {
        let entry = self.registry.entry_mut(id);
        let entry = entry.ok_or_else(|| TwinError::NotFound(id.clone()))?;
        let mut twin = entry.twin.clone();
        twin.version += 1;
        if let Some(tags) = &write.tags {
            limits::check(tags)?;
            if replace {
                twin.tags.clear();
            }
            merge_plain(&mut twin.tags, tags);
            limits::check_size(&twin.tags, MAX_TAGS)?;
        }
        if let Some(desired) = &write.desired {
            limits::check(desired)?;
            let section = &mut twin.desired;
            section.version += 1;
            if replace {
                section.values.clear();
                section.metadata = Metadata::new(now, None);
            }
            let stamp = (now, Some(section.version));
            merge(&mut section.values, &mut section.metadata, desired, stamp);
            limits::check_size(&section.values, MAX_PROPERTIES)?;
        }
        self.records.push(twin.to_record(id));
        let version = twin.desired.version;
        let notice = match (&write.desired, replace) {
            (None, _) => None,
            (Some(patch), false) => Some(patch.clone()),
            (Some(_), true) => Some(twin.desired.values.clone()),
        };
        let facts = TwinFacts {
            by: "service",
            replace,
            version: twin.version,
            tags: write.tags.as_ref(),
            desired: write.desired.as_ref(),
            reported: None,
        };
        self.events
            .push(crate::journal::twin(now, id.shared(), &facts));
        entry.twin = twin;
        if let Some(mut body) = notice {
            body.insert("$version".into(), version.into());
            self.notify_desired(id, version, &Value::Object(body), now);
        }
        self.twin_was_written(id, write, None, replace, now);
        self.twin(id).ok_or_else(|| TwinError::NotFound(id.clone()))
    }

    /// Lays a patch over the reported properties: what a device does. Gives their new version.
    ///
    /// # Errors
    /// When there is no such twin, a limit would be broken, or `expected` is not the version
    /// that is there; then nothing changes.
    pub fn patch_reported(
        &mut self,
        id: &IdentityId,
        patch: &Map<String, Value>,
        expected: Option<u64>,
        now: VirtualTime,
    ) -> Result<u64, TwinError> {
        let entry = self.registry.entry_mut(id);
        let entry = entry.ok_or_else(|| TwinError::NotFound(id.clone()))?;
        limits::check(patch)?;
        let mut section = entry.twin.reported.clone();
        if let Some(expected) = expected.filter(|expected| *expected != section.version) {
            let found = section.version;
            return Err(TwinError::Version { found, expected });
        }
        merge(
            &mut section.values,
            &mut section.metadata,
            patch,
            (now, None),
        );
        limits::check_size(&section.values, MAX_PROPERTIES)?;
        section.version += 1;
        let version = section.version;
        entry.twin.reported = section;
        entry.twin.version += 1;
        self.records.push(entry.twin.to_record(id));
        let facts = TwinFacts {
            by: "device",
            replace: false,
            version: entry.twin.version,
            tags: None,
            desired: None,
            reported: Some(patch),
        };
        self.events
            .push(crate::journal::twin(now, id.shared(), &facts));
        self.twin_was_written(id, &TwinWrite::default(), Some(patch), false, now);
        Ok(version)
    }

    /// A device announced its PnP model.
    pub(crate) fn set_model(&mut self, id: &IdentityId, model: Option<&str>) {
        let Some(entry) = self.registry.entry_mut(id) else {
            return;
        };
        if entry.twin.model_id.as_deref() != model {
            entry.twin.model_id = model.map(Into::into);
            self.records.push(entry.twin.to_record(id));
        }
    }
}
