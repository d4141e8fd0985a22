//! What the registry knows of a device or module.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use twinbench_model::{DeviceId, Epoch, VirtualTime};

use super::IdentityId;
use crate::SymmetricKey;

/// Whether an identity may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It may.
    #[default]
    Enabled,
    /// It may not, and an open connection is closed.
    Disabled,
}

/// How an identity proves who it is. `Debug` does not show keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// `sas`: either key signs its tokens.
    Sas {
        /// The first key.
        primary: SymmetricKey,
        /// The second key.
        secondary: SymmetricKey,
    },
    /// `selfSigned`: a client certificate of one of these thumbprints.
    SelfSigned {
        /// The first thumbprint.
        primary: Option<Thumbprint>,
        /// The second thumbprint.
        secondary: Option<Thumbprint>,
    },
    /// `certificateAuthority`: a client certificate that a registered authority signed, with the
    /// identity's id as its common name.
    Authority,
    /// `none`: it cannot connect by itself.
    None,
}

impl Authentication {
    /// The name that the cloud uses.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sas { .. } => "sas",
            Self::SelfSigned { .. } => "selfSigned",
            Self::Authority => "certificateAuthority",
            Self::None => "none",
        }
    }
}

/// The SHA-1 (40 digits) or SHA-256 (64 digits) of a certificate, in small hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Thumbprint(String);

/// A text is not a thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a thumbprint has 40 (SHA-1) or 64 (SHA-256) hex digits: this text has not")]
pub struct ThumbprintError;

impl Thumbprint {
    /// Reads a thumbprint; colons, spaces and dashes are passed over.
    ///
    /// # Errors
    /// When the digits are not 40 or 64 hex digits.
    pub fn parse(text: &str) -> Result<Self, ThumbprintError> {
        let apart = |c: &char| !matches!(c, ':' | ' ' | '-');
        let digits: String = text.chars().filter(apart).collect();
        let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !hex || !matches!(digits.len(), 40 | 64) {
            return Err(ThumbprintError);
        }
        Ok(Self(digits.to_ascii_lowercase()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What may be said about an identity when it is made or changed; the rest the hub knows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentitySettings {
    /// How it proves who it is.
    pub authentication: Authentication,
    /// Whether it may connect.
    pub status: Status,
    /// Why it has its status, up to 128 characters.
    pub status_reason: Option<String>,
    /// Whether it is an IoT Edge device.
    pub iot_edge: bool,
    /// The edge device that it belongs to; an edge device's own scope.
    pub device_scope: Option<String>,
    /// The scopes of an edge device's parents.
    pub parent_scopes: Vec<String>,
    /// What manages a module, as its maker says.
    pub managed_by: Option<String>,
}

impl IdentitySettings {
    /// An enabled identity of this authentication.
    pub fn new(authentication: Authentication) -> Self {
        Self {
            authentication,
            status: Status::Enabled,
            status_reason: None,
            iot_edge: false,
            device_scope: None,
            parent_scopes: Vec::new(),
            managed_by: None,
        }
    }
}

/// A device or module. `Debug` does not show its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub id: IdentityId,
    /// What was said about it.
    pub settings: IdentitySettings,
    /// When it was made; tells it apart from an earlier one of the same id.
    pub created: VirtualTime,
    /// When its status was changed last; `None` when never.
    pub status_updated: Option<VirtualTime>,
    /// How often it was changed; from 1.
    pub version: u64,
}

impl Identity {
    pub(crate) fn new(id: IdentityId, settings: IdentitySettings, now: VirtualTime) -> Self {
        Self {
            id,
            settings,
            created: now,
            status_updated: None,
            version: 1,
        }
    }

    /// The device: its own id, or that of the device that it is a module of.
    pub fn device(&self) -> &DeviceId {
        &self.id.device
    }

    /// Whether it may connect.
    pub fn status(&self) -> Status {
        self.settings.status
    }

    /// The keys, when it has some.
    pub fn keys(&self) -> Option<(&SymmetricKey, &SymmetricKey)> {
        match &self.settings.authentication {
            Authentication::Sas { primary, secondary } => Some((primary, secondary)),
            _ => None,
        }
    }

    /// The ETag, as the cloud forms it: base64 of a number.
    pub fn etag(&self) -> String {
        let number = (self.created.as_nanos() / 1_000_000).wrapping_add(self.version);
        STANDARD.encode(number.to_string())
    }

    /// The generation id that the hub puts on its messages: the unix milliseconds of its making.
    pub fn generation_id(&self, epoch: Epoch) -> String {
        epoch.utc(self.created).as_millisecond().to_string()
    }

    /// The connection string with the primary key, a secret; without `SharedAccessKey` but with
    /// `x509=true` when it uses certificates.
    pub fn connection_string(&self, host: &str) -> String {
        let module = match &self.id.module {
            None => String::new(),
            Some(module) => format!("ModuleId={module};"),
        };
        let proof = match self.keys() {
            Some((primary, _)) => format!("SharedAccessKey={}", primary.to_base64()),
            None => "x509=true".to_owned(),
        };
        format!(
            "HostName={host};DeviceId={};{module}{proof}",
            self.id.device
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive_key;

    #[test]
    fn thumbprints_in_every_spelling() {
        let sha1 = "AB:".repeat(19) + "ab";
        assert_eq!(Thumbprint::parse(&sha1).unwrap().as_str(), "ab".repeat(20));
        assert!(Thumbprint::parse(&"a".repeat(64)).is_ok());
        for wrong in ["", "zz", &"a".repeat(41), &"g".repeat(40), &"é".repeat(20)] {
            assert!(Thumbprint::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn connection_strings_of_every_kind() {
        let id = IdentityId::parse("d/m").unwrap();
        let key = derive_key(1, &id.device);
        let text = key.to_base64();
        let sas = Authentication::Sas {
            primary: key.clone(),
            secondary: key,
        };
        let mut identity = Identity::new(id, IdentitySettings::new(sas), VirtualTime::ZERO);
        assert_eq!(
            identity.connection_string("h"),
            format!("HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey={text}")
        );
        assert!(format!("{identity:?}").contains("SymmetricKey(…)"));
        let etag = identity.etag();
        identity.version += 1;
        assert_ne!(identity.etag(), etag);
        identity.settings.authentication = Authentication::Authority;
        identity.id.module = None;
        assert_eq!(
            identity.connection_string("h"),
            "HostName=h;DeviceId=d;x509=true"
        );
    }
}
