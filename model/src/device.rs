//! Device identities.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The identity of a device in the registry: 1 to 128 of the ASCII letters, digits and
/// ``- : . + % _ # * ? ! ( ) , = @ ; $ '`` (IoT Hub developer guide, "Identity registry").
///
/// Case-sensitive, cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceId(Arc<str>);

/// Why a text is not a device id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("device id {id:?} is not valid: {reason}")]
pub struct DeviceIdError {
    id: String,
    reason: &'static str,
}

impl DeviceId {
    /// Checks and wraps a device id.
    ///
    /// # Errors
    /// When it is empty, longer than 128 characters or has a character the registry refuses.
    pub fn new(id: &str) -> Result<Self, DeviceIdError> {
        let fail = |reason| DeviceIdError {
            id: id.chars().take(140).collect(),
            reason,
        };
        if id.is_empty() {
            return Err(fail("it is empty"));
        }
        if id.len() > 128 {
            return Err(fail("it is longer than 128 characters"));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-:.+%_#*?!(),=@;$'".contains(c);
        if !id.chars().all(allowed) {
            return Err(fail(
                "only ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ ' are allowed",
            ));
        }
        Ok(Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a shared text, for use as the source of an event.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for DeviceId {
    type Error = DeviceIdError;
    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(&id)
    }
}

impl From<DeviceId> for String {
    fn from(id: DeviceId) -> Self {
        id.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_registry_accepts() {
        for id in ["devkit-01", "a", "x:y.z+%_#*?!(),=@;$'", &"d".repeat(128)] {
            assert_eq!(DeviceId::new(id).unwrap().as_str(), id);
        }
    }

    #[test]
    fn refuses_what_the_registry_refuses() {
        for id in ["", "a b", "a/b", "ü", &"d".repeat(129)] {
            assert!(DeviceId::new(id).is_err(), "{id:?}");
        }
    }
}
