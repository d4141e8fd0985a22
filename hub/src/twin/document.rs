//! Twins and identities as JSON: the service's view and the device's.

use serde_json::{Map, Value, json};
use twinbench_model::{Epoch, VirtualTime};

use super::{Metadata, Section, Twin};
use crate::{
    Hub,
    registry::{Activity, Authentication, IdentityId, Status, Thumbprint},
};

/// What stands where something never happened.
const NEVER: &str = "0001-01-01T00:00:00Z";

impl Twin {
    /// What a device gets when it asks for its twin: no tags, no metadata.
    pub fn device_view(&self) -> Value {
        json!({
            "desired": versioned(&self.desired),
            "reported": versioned(&self.reported),
        })
    }
}

fn versioned(section: &Section) -> Map<String, Value> {
    let mut made = section.values.clone();
    made.insert("$version".into(), section.version.into());
    made
}

fn full(section: &Section, epoch: Epoch) -> Value {
    let mut made = versioned(section);
    made.insert("$metadata".into(), metadata(&section.metadata, epoch));
    made.into()
}

/// `$metadata` as JSON.
fn metadata(of: &Metadata, epoch: Epoch) -> Value {
    let mut made = Map::new();
    made.insert("$lastUpdated".into(), epoch.rfc3339(of.updated).into());
    if let Some(version) = of.version {
        made.insert("$lastUpdatedVersion".into(), version.into());
    }
    for (name, below) in &of.members {
        made.insert(name.clone(), metadata(below, epoch));
    }
    made.into()
}

impl Hub {
    /// An instant as the service's documents write it; `None` is the year 1.
    pub(crate) fn iso(&self, time: Option<VirtualTime>) -> String {
        time.map_or_else(|| NEVER.to_owned(), |time| self.options.epoch.rfc3339(time))
    }

    /// The twin as the service sees it (`GET /twins/{id}`).
    pub fn twin_document(&self, id: &IdentityId) -> Option<Value> {
        let entry = self.registry.entry_of(id)?;
        let (identity, twin) = (&entry.identity, &entry.twin);
        let settings = &identity.settings;
        let (primary, secondary) = match &settings.authentication {
            Authentication::SelfSigned { primary, secondary } => (
                primary.as_ref().map(Thumbprint::as_str),
                secondary.as_ref().map(Thumbprint::as_str),
            ),
            _ => (None, None),
        };
        let mut made = json!({
            "deviceId": identity.id.device.as_str(),
            "etag": twin.etag(),
            "deviceEtag": identity.etag(),
            "status": settings.status,
            "statusUpdateTime": self.iso(identity.status_updated),
            "connectionState": self.connection_state(id),
            "lastActivityTime": self.iso(entry.activity.last),
            "cloudToDeviceMessageCount": self.c2d_count(&identity.id),
            "authenticationType": settings.authentication.kind(),
            "x509Thumbprint": {"primaryThumbprint": primary, "secondaryThumbprint": secondary},
            "modelId": twin.model_id.as_deref().unwrap_or_default(),
            "version": twin.version,
            "tags": twin.tags,
            "properties": {
                "desired": full(&twin.desired, self.options.epoch),
                "reported": full(&twin.reported, self.options.epoch),
            },
            "capabilities": {"iotEdge": settings.iot_edge},
        });
        if let Some(module) = identity.id.module_str() {
            made["moduleId"] = module.into();
        }
        if let Some(reason) = &settings.status_reason {
            made["statusReason"] = reason.as_str().into();
        }
        if let Some(scope) = &settings.device_scope {
            made["deviceScope"] = scope.as_str().into();
        }
        if !settings.parent_scopes.is_empty() {
            made["parentScopes"] = json!(settings.parent_scopes);
        }
        Some(made)
    }

    /// The identity as the service sees it (`GET /devices/{id}`), keys included: for callers that
    /// may read the registry.
    pub fn identity_document(&self, id: &IdentityId) -> Option<Value> {
        let entry = self.registry.entry_of(id)?;
        let identity = &entry.identity;
        let settings = &identity.settings;
        let Activity {
            last,
            connection_changed,
            ..
        } = entry.activity;
        let (mut keys, mut prints) = ((None, None), (None, None));
        match &settings.authentication {
            Authentication::Sas { primary, secondary } => {
                keys = (Some(primary.to_base64()), Some(secondary.to_base64()));
            }
            Authentication::SelfSigned { primary, secondary } => {
                let text = |print: &Option<Thumbprint>| {
                    print
                        .as_ref()
                        .map(|print| print.as_str().to_ascii_uppercase())
                };
                prints = (text(primary), text(secondary));
            }
            Authentication::Authority | Authentication::None => {}
        }
        let mut made = json!({
            "deviceId": identity.id.device.as_str(),
            "generationId": identity.generation_id(self.options.epoch),
            "etag": identity.etag(),
            "connectionState": self.connection_state(id),
            "connectionStateUpdatedTime": self.iso(connection_changed),
            "lastActivityTime": self.iso(last),
            "cloudToDeviceMessageCount": self.c2d_count(id),
            "authentication": {
                "symmetricKey": {"primaryKey": keys.0, "secondaryKey": keys.1},
                "x509Thumbprint": {"primaryThumbprint": prints.0, "secondaryThumbprint": prints.1},
                "type": settings.authentication.kind(),
            },
        });
        if let Some(module) = identity.id.module_str() {
            made["moduleId"] = module.into();
            made["managedBy"] = settings.managed_by.as_deref().into();
        } else {
            made["status"] = json!(settings.status);
            made["statusReason"] = settings.status_reason.as_deref().into();
            made["statusUpdatedTime"] = self.iso(identity.status_updated).into();
            made["capabilities"] = json!({"iotEdge": settings.iot_edge});
            if let Some(scope) = &settings.device_scope {
                made["deviceScope"] = scope.as_str().into();
            }
            made["parentScopes"] = json!(settings.parent_scopes);
        }
        Some(made)
    }

    /// `Connected` or `Disconnected`.
    pub fn connection_state(&self, id: &IdentityId) -> &'static str {
        if self.online.contains_key(id) {
            "Connected"
        } else {
            "Disconnected"
        }
    }

    /// How many devices there are of a status, modules not counted.
    pub fn count_devices(&self, status: Status) -> usize {
        let of = |identity: &&crate::registry::Identity| identity.status() == status;
        self.registry.list().filter(of).count()
    }
}
