//! Who may register.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::Mac;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twinbench_model::{Record, Table};

use crate::{DecodeError, SymmetricKey, registry::Thumbprint};

const VERSION: u8 = 1;
/// First byte of an enrollment's key in the devices' table; `i` or `g` and its name follow.
pub(crate) const ENROLLMENT_PREFIX: u8 = b'e';

/// Whether an enrollment is for one device or for many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnrollmentKind {
    /// For the device whose registration id is its name.
    Individual,
    /// For every device that has a key derived from its own, or a certificate under its authority.
    Group,
}

/// How a device proves that it may register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attestation {
    /// By a key of the enrollment; in a group, by [`group_device_key`] of it.
    SymmetricKey {
        /// The first key.
        primary: SymmetricKey,
        /// The second key.
        secondary: SymmetricKey,
    },
    /// One device by its own certificate.
    Certificate(Thumbprint),
    /// A group by the name of an authority that the hub knows.
    Authority(String),
}

/// An enrollment. `Debug` does not show its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrollment {
    /// For one device or many.
    pub kind: EnrollmentKind,
    /// The registration id, or the group's name.
    pub name: String,
    /// How devices prove themselves.
    pub attestation: Attestation,
    /// The id that the device gets; its registration id when `None`. Of individual enrollments.
    pub device_id: Option<String>,
    /// Whether devices may register.
    pub enabled: bool,
    /// Whether they are IoT Edge devices.
    pub iot_edge: bool,
    /// The tags that a new device starts with.
    pub tags: Map<String, Value>,
    /// The desired properties that a new device starts with.
    pub desired: Map<String, Value>,
}

impl Enrollment {
    /// An enabled enrollment with nothing special.
    pub fn new(kind: EnrollmentKind, name: &str, attestation: Attestation) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            attestation,
            device_id: None,
            enabled: true,
            iot_edge: false,
            tags: Map::new(),
            desired: Map::new(),
        }
    }
}

/// The key of a device in a group: HMAC-SHA256 of its registration id under the group's key.
pub fn group_device_key(group: &SymmetricKey, registration_id: &str) -> SymmetricKey {
    let mut mac = group.hmac();
    mac.update(registration_id.as_bytes());
    match SymmetricKey::new(&mac.finalize().into_bytes()) {
        Ok(key) => key,
        Err(_) => unreachable!("32 bytes are a key"),
    }
}

/// Every enrollment.
#[derive(Debug, Default)]
pub(crate) struct Enrollments {
    pub(super) all: BTreeMap<(EnrollmentKind, String), Enrollment>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    attestation: StoredAttestation,
    device_id: Option<String>,
    enabled: bool,
    iot_edge: bool,
    tags: Map<String, Value>,
    desired: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
enum StoredAttestation {
    SymmetricKey(String, String),
    Certificate(Thumbprint),
    Authority(String),
}

impl Enrollments {
    pub(super) fn put(&mut self, enrollment: Enrollment) -> Record {
        let stored = Stored {
            attestation: match &enrollment.attestation {
                Attestation::SymmetricKey { primary, secondary } => {
                    StoredAttestation::SymmetricKey(primary.to_base64(), secondary.to_base64())
                }
                Attestation::Certificate(print) => StoredAttestation::Certificate(print.clone()),
                Attestation::Authority(name) => StoredAttestation::Authority(name.clone()),
            },
            device_id: enrollment.device_id.clone(),
            enabled: enrollment.enabled,
            iot_edge: enrollment.iot_edge,
            tags: enrollment.tags.clone(),
            desired: enrollment.desired.clone(),
        };
        let mut value = vec![VERSION];
        if let Err(error) = serde_json::to_writer(&mut value, &stored) {
            unreachable!("JSON values always encode: {error}");
        }
        let key = key(enrollment.kind, &enrollment.name);
        let name = (enrollment.kind, enrollment.name.clone());
        self.all.insert(name, enrollment);
        Record::put(Table::HubDevices, key, value)
    }

    pub(super) fn remove(&mut self, kind: EnrollmentKind, name: &str) -> Option<Record> {
        self.all.remove(&(kind, name.to_owned()))?;
        Some(Record::delete(Table::HubDevices, key(kind, name)))
    }

    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let damaged = |error: &dyn std::fmt::Display| DecodeError::Damaged(error.to_string());
        let (kind, name) = match key.split_first() {
            Some((b'i', name)) => (EnrollmentKind::Individual, name),
            Some((b'g', name)) => (EnrollmentKind::Group, name),
            _ => return Err(damaged(&"its key is of no kind")),
        };
        let name = std::str::from_utf8(name).map_err(|error| damaged(&error))?;
        let (&found, json) = value.split_first().ok_or_else(|| damaged(&"it is empty"))?;
        if found != VERSION {
            let expected = VERSION;
            return Err(DecodeError::Version { found, expected });
        }
        let stored: Stored = serde_json::from_slice(json).map_err(|error| damaged(&error))?;
        let key = |text: &str| {
            let bytes = STANDARD.decode(text).map_err(|error| damaged(&error))?;
            SymmetricKey::new(&bytes).map_err(|error| damaged(&error))
        };
        let enrollment = Enrollment {
            kind,
            name: name.to_owned(),
            attestation: match stored.attestation {
                StoredAttestation::SymmetricKey(primary, secondary) => Attestation::SymmetricKey {
                    primary: key(&primary)?,
                    secondary: key(&secondary)?,
                },
                StoredAttestation::Certificate(print) => Attestation::Certificate(print),
                StoredAttestation::Authority(name) => Attestation::Authority(name),
            },
            device_id: stored.device_id,
            enabled: stored.enabled,
            iot_edge: stored.iot_edge,
            tags: stored.tags,
            desired: stored.desired,
        };
        self.all.insert((kind, enrollment.name.clone()), enrollment);
        Ok(())
    }
}

fn key(kind: EnrollmentKind, name: &str) -> Vec<u8> {
    let kind = match kind {
        EnrollmentKind::Individual => b'i',
        EnrollmentKind::Group => b'g',
    };
    [&[ENROLLMENT_PREFIX, kind], name.as_bytes()].concat()
}
