//! Sessions that outlive their connection (CleanSession=0): the subscriptions of a device.

use std::collections::BTreeMap;

use twinbench_model::{DeviceId, Record, Table};

use crate::{
    mqtt::Subscriptions,
    versioned::{self, DecodeError},
};

const VERSION: u8 = 1;
/// First byte of a session's key in the devices' table.
pub(crate) const SESSION_PREFIX: u8 = b's';

/// Kept sessions by device, each change a record.
#[derive(Debug, Default)]
pub(crate) struct SessionStore {
    sessions: BTreeMap<DeviceId, Subscriptions>,
}

impl SessionStore {
    pub(crate) fn get(&self, device: &DeviceId) -> Option<&Subscriptions> {
        self.sessions.get(device)
    }

    pub(crate) fn put(
        &mut self,
        device: &DeviceId,
        subscriptions: &Subscriptions,
        records: &mut Vec<Record>,
    ) {
        if self.sessions.get(device) == Some(subscriptions) {
            return;
        }
        let value = versioned::encode(VERSION, subscriptions);
        records.push(Record::put(Table::HubDevices, key(device), value));
        self.sessions.insert(device.clone(), subscriptions.clone());
    }

    pub(crate) fn remove(&mut self, device: &DeviceId, records: &mut Vec<Record>) {
        if self.sessions.remove(device).is_some() {
            records.push(Record::delete(Table::HubDevices, key(device)));
        }
    }

    pub(crate) fn restore(&mut self, id: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let damaged = |what: String| DecodeError::Damaged(what);
        let id = std::str::from_utf8(id).map_err(|error| damaged(error.to_string()))?;
        let id = DeviceId::new(id).map_err(|error| damaged(error.to_string()))?;
        self.sessions.insert(id, versioned::decode(VERSION, value)?);
        Ok(())
    }
}

fn key(device: &DeviceId) -> Vec<u8> {
    [&[SESSION_PREFIX], device.as_str().as_bytes()].concat()
}
