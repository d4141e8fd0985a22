//! Who is meant: a device, or one of its modules.

use std::{fmt, sync::Arc};

use twinbench_model::{DeviceId, DeviceIdError};

/// The id of a module on its device. The same characters as a device's id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(Arc<str>);

impl ModuleId {
    /// Checks and wraps a module's id.
    ///
    /// # Errors
    /// When it is empty, longer than 128 characters or has a character the registry refuses.
    pub fn new(id: &str) -> Result<Self, DeviceIdError> {
        // Modules' ids follow the rules of devices' ids ("Understand and use module twins").
        DeviceId::new(id).map(|id| Self(id.shared()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// An identity's id: `device` or `device/module`, which is how it displays and how MQTT clients
/// name themselves. A device comes before its modules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityId {
    /// The device.
    pub device: DeviceId,
    /// The module, for a module's identity.
    pub module: Option<ModuleId>,
}

impl IdentityId {
    /// Reads `device` or `device/module`.
    ///
    /// # Errors
    /// When either part is not valid.
    pub fn parse(text: &str) -> Result<Self, DeviceIdError> {
        match text.split_once('/') {
            None => DeviceId::new(text).map(Self::from),
            Some((device, module)) => Ok(Self {
                device: DeviceId::new(device)?,
                module: Some(ModuleId::new(module)?),
            }),
        }
    }

    /// From the two parts, as addresses have them.
    ///
    /// # Errors
    /// When either part is not valid.
    pub fn from_parts(device: &str, module: Option<&str>) -> Result<Self, DeviceIdError> {
        Ok(Self {
            device: DeviceId::new(device)?,
            module: module.map(ModuleId::new).transpose()?,
        })
    }

    /// The text for use as the source of an event: the device's own id, shared, or `device/module`.
    pub fn shared(&self) -> Arc<str> {
        match &self.module {
            None => self.device.shared(),
            Some(_) => self.to_string().into(),
        }
    }

    /// The module's id as text.
    pub fn module_str(&self) -> Option<&str> {
        self.module.as_ref().map(ModuleId::as_str)
    }

    /// Behind its prefix, the key of what a table holds about it.
    pub(crate) fn key(&self, prefix: u8) -> Vec<u8> {
        [&[prefix], self.to_string().as_bytes()].concat()
    }

    /// Reads what [`IdentityId::key`] wrote, its prefix taken off.
    pub(crate) fn from_key(key: &[u8]) -> Result<Self, crate::DecodeError> {
        let damaged = |what: String| crate::DecodeError::Damaged(what);
        let text = std::str::from_utf8(key).map_err(|error| damaged(error.to_string()))?;
        Self::parse(text).map_err(|error| damaged(error.to_string()))
    }
}

impl From<DeviceId> for IdentityId {
    fn from(device: DeviceId) -> Self {
        Self {
            device,
            module: None,
        }
    }
}

impl fmt::Display for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.module {
            None => self.device.fmt(f),
            Some(module) => write!(f, "{}/{module}", self.device),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_both_forms() {
        for text in ["d", "d/m", "a$b/edge#1"] {
            assert_eq!(IdentityId::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "/", "d/", "/m", "d/m/x", "d m"] {
            assert!(IdentityId::parse(text).is_err(), "{text}");
        }
        let device = IdentityId::parse("d").unwrap();
        assert!(device < IdentityId::parse("d/m").unwrap());
        let key = IdentityId::parse("d/m").unwrap().key(b'x');
        assert_eq!(key, b"xd/m");
        assert_eq!(IdentityId::from_key(&key[1..]).unwrap().to_string(), "d/m");
    }
}
