//! The identity registry: which devices there are, their keys, and whether they may connect.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use twinbench_model::{DeviceId, Epoch, Record, Table, VirtualTime};

use crate::{DecodeError, KeyError, SymmetricKey, versioned};

const VERSION: u8 = 1;
/// First byte of a device's key in its table; sessions live beside it.
pub(crate) const DEVICE_PREFIX: u8 = b'd';

/// Whether a device may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It may.
    Enabled,
    /// It may not, and an open connection is closed.
    Disabled,
}

/// A device's identity. `Debug` does not show its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Either key signs its tokens.
    pub primary: SymmetricKey,
    /// Either key signs its tokens.
    pub secondary: SymmetricKey,
    /// Whether it may connect.
    pub status: Status,
    /// When it was made; tells it apart from an earlier device of the same id.
    pub created: VirtualTime,
}

impl Device {
    /// The connection string with the primary key. A secret.
    pub fn connection_string(&self, host: &str) -> String {
        format!(
            "HostName={host};DeviceId={};SharedAccessKey={}",
            self.id,
            self.primary.to_base64()
        )
    }

    /// The generation id that the hub puts on its messages: the unix milliseconds of its making.
    pub(crate) fn generation_id(&self, epoch: Epoch) -> String {
        epoch.utc(self.created).as_millisecond().to_string()
    }

    pub(crate) fn to_record(&self) -> Record {
        let stored = Stored {
            primary: self.primary.as_bytes().to_vec(),
            secondary: self.secondary.as_bytes().to_vec(),
            status: self.status,
            created: self.created,
        };
        let value = versioned::encode(VERSION, &stored);
        Record::put(Table::HubDevices, record_key(&self.id), value)
    }

    pub(crate) fn from_record(id: &[u8], value: &[u8]) -> Result<Self, DecodeError> {
        let damaged = |what: String| DecodeError::Damaged(what);
        let id = std::str::from_utf8(id).map_err(|error| damaged(error.to_string()))?;
        let stored: Stored = versioned::decode(VERSION, value)?;
        let key = |bytes: &[u8]| {
            SymmetricKey::new(bytes).map_err(|error: KeyError| damaged(error.to_string()))
        };
        Ok(Self {
            id: DeviceId::new(id).map_err(|error| damaged(error.to_string()))?,
            primary: key(&stored.primary)?,
            secondary: key(&stored.secondary)?,
            status: stored.status,
            created: stored.created,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    primary: Vec<u8>,
    secondary: Vec<u8>,
    status: Status,
    created: VirtualTime,
}

fn record_key(id: &DeviceId) -> Vec<u8> {
    [&[DEVICE_PREFIX], id.as_str().as_bytes()].concat()
}

/// A device cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("device {0} is already registered: choose another id, or change the one that is there")]
pub struct AlreadyExists(pub DeviceId);

/// The devices by id. What the hub needs for every message of a device is kept ready beside it.
#[derive(Debug, Default)]
pub struct Registry {
    devices: BTreeMap<DeviceId, Entry>,
}

/// A device with what is derived from it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) device: Device,
    pub(crate) partition: u16,
    pub(crate) generation: Arc<str>,
}

impl Registry {
    /// A device by its id.
    pub fn get(&self, id: &DeviceId) -> Option<&Device> {
        self.devices.get(id).map(|entry| &entry.device)
    }

    /// Every device, by id.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &Device> {
        self.devices.values().map(|entry| &entry.device)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    pub(crate) fn entry(&self, id: &DeviceId) -> Option<&Entry> {
        self.devices.get(id)
    }

    /// Adds a device that is not there yet, or replaces the one that is.
    pub(crate) fn put(&mut self, device: Device, partitions: u16, epoch: Epoch) {
        let entry = Entry {
            partition: crate::log::partition_of(&device.id, partitions),
            generation: device.generation_id(epoch).into(),
            device,
        };
        self.devices.insert(entry.device.id.clone(), entry);
    }

    pub(crate) fn set_status(&mut self, id: &DeviceId, status: Status) -> Option<&Device> {
        let entry = self.devices.get_mut(id)?;
        entry.device.status = status;
        Some(&entry.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive_key;

    fn device() -> Device {
        let id = DeviceId::new("devkit-01").unwrap();
        Device {
            primary: derive_key(1, &id),
            secondary: derive_key(2, &id),
            id,
            status: Status::Disabled,
            created: VirtualTime::from_secs(5),
        }
    }

    #[test]
    fn survives_its_record() {
        let record = device().to_record();
        let (key, value) = (record.key, record.value.unwrap());
        assert_eq!(key, b"ddevkit-01");
        assert_eq!(Device::from_record(&key[1..], &value).unwrap(), device());
        assert!(Device::from_record(b"a b", &value).is_err());
        assert!(Device::from_record(&key[1..], &value[..9]).is_err());
    }

    #[test]
    fn debug_hides_the_keys() {
        let shown = format!("{:?}", device());
        assert!(shown.contains("devkit-01") && shown.contains("SymmetricKey(…)"));
    }
}
