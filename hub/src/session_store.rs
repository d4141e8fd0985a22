//! Sessions that outlive their connection (CleanSession=0): the subscriptions of an identity.

use std::collections::BTreeMap;

use twinbench_model::{Record, Table};

use crate::{
    mqtt::Subscriptions,
    registry::IdentityId,
    versioned::{self, DecodeError},
};

const VERSION: u8 = 1;
/// First byte of a session's key in the devices' table.
pub(crate) const SESSION_PREFIX: u8 = b's';

/// Kept sessions by identity, each change a record.
#[derive(Debug, Default)]
pub(crate) struct SessionStore {
    sessions: BTreeMap<IdentityId, Subscriptions>,
}

impl SessionStore {
    pub(crate) fn get(&self, id: &IdentityId) -> Option<&Subscriptions> {
        self.sessions.get(id)
    }

    pub(crate) fn put(
        &mut self,
        id: &IdentityId,
        subscriptions: &Subscriptions,
        records: &mut Vec<Record>,
    ) {
        if self.sessions.get(id) == Some(subscriptions) {
            return;
        }
        let value = versioned::encode(VERSION, subscriptions);
        records.push(Record::put(
            Table::HubDevices,
            id.key(SESSION_PREFIX),
            value,
        ));
        self.sessions.insert(id.clone(), subscriptions.clone());
    }

    pub(crate) fn remove(&mut self, id: &IdentityId, records: &mut Vec<Record>) {
        if self.sessions.remove(id).is_some() {
            records.push(Record::delete(Table::HubDevices, id.key(SESSION_PREFIX)));
        }
    }

    pub(crate) fn restore(&mut self, id: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let id = IdentityId::from_key(id)?;
        self.sessions.insert(id, versioned::decode(VERSION, value)?);
        Ok(())
    }
}
