//! How twins are stored: a version byte, then JSON, because properties are JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twinbench_model::{Record, Table};

use super::{Metadata, Section, Twin};
use crate::{DecodeError, registry::IdentityId};

const VERSION: u8 = 1;
/// First byte of a twin's key in the devices' table.
pub(crate) const TWIN_PREFIX: u8 = b't';

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    tags: Map<String, Value>,
    desired: StoredSection,
    reported: StoredSection,
    model: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredSection {
    values: Map<String, Value>,
    version: u64,
    metadata: Metadata,
}

impl From<&Section> for StoredSection {
    fn from(section: &Section) -> Self {
        Self {
            values: section.values.clone(),
            version: section.version,
            metadata: section.metadata.clone(),
        }
    }
}

impl From<StoredSection> for Section {
    fn from(stored: StoredSection) -> Self {
        Self {
            values: stored.values,
            version: stored.version,
            metadata: stored.metadata,
        }
    }
}

impl Twin {
    pub(crate) fn to_record(&self, id: &IdentityId) -> Record {
        let stored = Stored {
            version: self.version,
            tags: self.tags.clone(),
            desired: (&self.desired).into(),
            reported: (&self.reported).into(),
            model: self.model_id.as_deref().map(str::to_owned),
        };
        let mut value = vec![VERSION];
        if let Err(error) = serde_json::to_writer(&mut value, &stored) {
            unreachable!("JSON values always encode: {error}");
        }
        Record::put(Table::HubDevices, id.key(TWIN_PREFIX), value)
    }

    pub(crate) fn from_record(value: &[u8]) -> Result<Self, DecodeError> {
        let (&found, json) = value
            .split_first()
            .ok_or_else(|| DecodeError::Damaged("it is empty".into()))?;
        if found != VERSION {
            return Err(DecodeError::Version {
                found,
                expected: VERSION,
            });
        }
        let stored: Stored = serde_json::from_slice(json)
            .map_err(|error| DecodeError::Damaged(error.to_string()))?;
        if stored.version < 2 {
            return Err(DecodeError::Damaged("its version is below 2".into()));
        }
        Ok(Self {
            version: stored.version,
            tags: stored.tags,
            desired: stored.desired.into(),
            reported: stored.reported.into(),
            model_id: stored.model.map(Into::into),
        })
    }
}
