//! Symmetric keys, which never show themselves.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use twinbench_model::DeviceId;

/// A device's or a policy's symmetric key: 16 to 64 bytes, base64 as text
/// (IoT Hub developer guide, "Identity registry").
///
/// `Debug` does not show it, and there is no `Display`; [`SymmetricKey::to_base64`] is the one
/// way out, for connection strings.
#[derive(Clone, PartialEq, Eq)]
pub struct SymmetricKey(Arc<[u8]>);

/// Why a text is not a symmetric key. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not base64.
    #[error("the key is not base64: give 16 to 64 bytes in standard base64 with padding")]
    Base64,
    /// It has too few or too many bytes.
    #[error("the key has {0} bytes: give 16 to 64")]
    Length(usize),
}

impl SymmetricKey {
    /// From raw bytes.
    ///
    /// # Errors
    /// When there are fewer than 16 or more than 64.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        if (16..=64).contains(&bytes.len()) {
            Ok(Self(bytes.into()))
        } else {
            Err(KeyError::Length(bytes.len()))
        }
    }

    /// From base64, as connection strings carry it.
    ///
    /// # Errors
    /// When it is not base64 or of the wrong length.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text).map_err(|_| KeyError::Base64)?;
        Self::new(&bytes)
    }

    /// The key in base64. A secret: for a connection string, never for a log.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A fresh HMAC-SHA256 with this key.
    pub(crate) fn hmac(&self) -> Hmac<Sha256> {
        keyed(&self.0)
    }

    /// A fresh HMAC-SHA256 with the key's base64 text.
    #[cfg(feature = "amqp")]
    pub(crate) fn text_hmac(&self) -> Hmac<Sha256> {
        keyed(self.to_base64().as_bytes())
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(…)")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length (RFC 2104, section 2)"),
    }
}

/// The test key of a device, derived from the bench's seed: HMAC-SHA256 of the device id under
/// the seed (big-endian) and a label. Benches of one seed so have the same connection strings.
///
/// No secret: whoever knows the bench file knows the key.
pub fn derive_key(seed: u64, device: &DeviceId) -> SymmetricKey {
    let mut mac = keyed(&seed.to_be_bytes());
    mac.update(b"twinbench device key\0");
    mac.update(device.as_str().as_bytes());
    SymmetricKey(Arc::from(mac.finalize().into_bytes().as_slice()))
}

/// The test key of a shared access policy, derived from the bench's seed as [`derive_key`] does it
/// for devices, under a label of its own. No secret either.
pub fn derive_policy_key(seed: u64, policy: &str) -> SymmetricKey {
    let mut mac = keyed(&seed.to_be_bytes());
    mac.update(b"twinbench policy key\0");
    mac.update(policy.as_bytes());
    SymmetricKey(Arc::from(mac.finalize().into_bytes().as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_round_trip_and_limits() {
        let key = SymmetricKey::new(&[7; 32]).unwrap();
        assert_eq!(SymmetricKey::from_base64(&key.to_base64()).unwrap(), key);
        assert_eq!(SymmetricKey::new(&[0; 15]), Err(KeyError::Length(15)));
        assert_eq!(SymmetricKey::new(&[0; 65]), Err(KeyError::Length(65)));
        assert_eq!(SymmetricKey::from_base64("nö"), Err(KeyError::Base64));
    }

    #[test]
    fn never_shows_itself() {
        let key = SymmetricKey::new(&[7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "SymmetricKey(…)");
    }

    #[test]
    fn derived_keys_depend_on_seed_and_device() {
        let (a, b) = (DeviceId::new("a").unwrap(), DeviceId::new("b").unwrap());
        assert_eq!(derive_key(7, &a), derive_key(7, &a));
        assert_ne!(derive_key(7, &a), derive_key(7, &b));
        assert_ne!(derive_key(7, &a), derive_key(8, &a));
        assert_eq!(derive_key(7, &a).as_bytes().len(), 32);
    }
}
