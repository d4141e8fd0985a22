//! How identities are stored.

use serde::{Deserialize, Serialize};
use twinbench_model::{Record, Table, VirtualTime};

use super::{Authentication, Identity, IdentityId, IdentitySettings, Status, Thumbprint};
use crate::{DecodeError, SymmetricKey, versioned};

/// Version 1 had devices with two keys and a status.
const VERSION: u8 = 2;
/// First byte of an identity's key in its table; others live beside it.
pub(crate) const DEVICE_PREFIX: u8 = b'd';

#[derive(Serialize, Deserialize)]
struct Stored {
    authentication: StoredAuthentication,
    status: Status,
    status_reason: Option<String>,
    iot_edge: bool,
    device_scope: Option<String>,
    parent_scopes: Vec<String>,
    managed_by: Option<String>,
    created: VirtualTime,
    status_updated: Option<VirtualTime>,
    version: u64,
}

#[derive(Serialize, Deserialize)]
enum StoredAuthentication {
    Sas(Vec<u8>, Vec<u8>),
    SelfSigned(Option<Thumbprint>, Option<Thumbprint>),
    Authority,
    None,
}

#[derive(Serialize, Deserialize)]
struct Version1 {
    primary: Vec<u8>,
    secondary: Vec<u8>,
    status: Status,
    created: VirtualTime,
}

impl Identity {
    pub(crate) fn to_record(&self) -> Record {
        let settings = self.settings.clone();
        let stored = Stored {
            authentication: match settings.authentication {
                Authentication::Sas { primary, secondary } => StoredAuthentication::Sas(
                    primary.as_bytes().to_vec(),
                    secondary.as_bytes().to_vec(),
                ),
                Authentication::SelfSigned { primary, secondary } => {
                    StoredAuthentication::SelfSigned(primary, secondary)
                }
                Authentication::Authority => StoredAuthentication::Authority,
                Authentication::None => StoredAuthentication::None,
            },
            status: settings.status,
            status_reason: settings.status_reason,
            iot_edge: settings.iot_edge,
            device_scope: settings.device_scope,
            parent_scopes: settings.parent_scopes,
            managed_by: settings.managed_by,
            created: self.created,
            status_updated: self.status_updated,
            version: self.version,
        };
        let value = versioned::encode(VERSION, &stored);
        Record::put(Table::HubDevices, self.id.key(DEVICE_PREFIX), value)
    }

    pub(crate) fn from_record(key: &[u8], value: &[u8]) -> Result<Self, DecodeError> {
        let id = IdentityId::from_key(key)?;
        if value.first() == Some(&1) {
            return version_1(id, value);
        }
        let stored: Stored = versioned::decode(VERSION, value)?;
        let settings = IdentitySettings {
            authentication: match stored.authentication {
                StoredAuthentication::Sas(primary, secondary) => sas(&primary, &secondary)?,
                StoredAuthentication::SelfSigned(primary, secondary) => {
                    Authentication::SelfSigned { primary, secondary }
                }
                StoredAuthentication::Authority => Authentication::Authority,
                StoredAuthentication::None => Authentication::None,
            },
            status: stored.status,
            status_reason: stored.status_reason,
            iot_edge: stored.iot_edge,
            device_scope: stored.device_scope,
            parent_scopes: stored.parent_scopes,
            managed_by: stored.managed_by,
        };
        Ok(Self {
            id,
            settings,
            created: stored.created,
            status_updated: stored.status_updated,
            version: stored.version,
        })
    }
}

fn version_1(id: IdentityId, value: &[u8]) -> Result<Identity, DecodeError> {
    let stored: Version1 = versioned::decode(1, value)?;
    let mut settings = IdentitySettings::new(sas(&stored.primary, &stored.secondary)?);
    settings.status = stored.status;
    Ok(Identity::new(id, settings, stored.created))
}

fn sas(primary: &[u8], secondary: &[u8]) -> Result<Authentication, DecodeError> {
    let key = |bytes: &[u8]| {
        SymmetricKey::new(bytes).map_err(|error| DecodeError::Damaged(error.to_string()))
    };
    Ok(Authentication::Sas {
        primary: key(primary)?,
        secondary: key(secondary)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive_key;

    fn identity(id: &str, authentication: Authentication) -> Identity {
        let mut settings = IdentitySettings::new(authentication);
        settings.status = Status::Disabled;
        settings.status_reason = Some("lost".into());
        settings.iot_edge = true;
        settings.device_scope = Some("ms-azure-iot-edge://e-1".into());
        settings.parent_scopes = vec!["p".into()];
        let id = IdentityId::parse(id).unwrap();
        let mut identity = Identity::new(id, settings, VirtualTime::from_secs(5));
        identity.version = 3;
        identity.status_updated = Some(VirtualTime::from_secs(7));
        identity
    }

    #[test]
    fn survives_its_record() {
        let device = IdentityId::parse("d").unwrap().device;
        let sas = Authentication::Sas {
            primary: derive_key(1, &device),
            secondary: derive_key(2, &device),
        };
        let thumbprints = Authentication::SelfSigned {
            primary: None,
            secondary: Some(Thumbprint::parse(&"a".repeat(40)).unwrap()),
        };
        for identity in [
            identity("devkit-01", sas),
            identity("d/m", thumbprints),
            identity("d", Authentication::Authority),
            identity("d", Authentication::None),
        ] {
            let record = identity.to_record();
            let (key, value) = (record.key, record.value.unwrap());
            assert_eq!(Identity::from_record(&key[1..], &value).unwrap(), identity);
            assert!(Identity::from_record(b"a b", &value).is_err());
            assert!(Identity::from_record(&key[1..], &value[..5]).is_err());
        }
    }

    #[test]
    fn devices_of_the_first_version_are_read() {
        let stored = Version1 {
            primary: vec![1; 32],
            secondary: vec![2; 32],
            status: Status::Disabled,
            created: VirtualTime::from_secs(5),
        };
        let identity = Identity::from_record(b"d", &versioned::encode(1, &stored)).unwrap();
        assert_eq!(identity.status(), Status::Disabled);
        assert_eq!(identity.keys().unwrap().1.as_bytes(), [2; 32]);
        assert_eq!(identity.created, VirtualTime::from_secs(5));
    }
}
