//! The token with which a device signs in (hub's token format: `sr`, `sig`, `se`).

use core::fmt::Write;

use base64ct::{Base64, Encoding};
use heapless::String;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Longest device key, decoded: 64 bytes.
const MAX_KEY: usize = 64;
/// Longest resource: `{host}%2Fdevices%2F{id}` with every byte of an id of 128 encoded as three.
const MAX_RESOURCE: usize = 128 + 15 + 3 * 128;
/// Longest token.
pub const MAX_TOKEN: usize = MAX_RESOURCE + 192;

/// A token, as the password of CONNECT carries it.
pub type Token = String<MAX_TOKEN>;

/// Why no token can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key of the settings page cannot be read.
    #[error("device key is empty or not base64 of at most 64 bytes: write the settings page again")]
    Key,
    /// Host and device id are longer than the settings page allows.
    #[error("host and device id are too long for a token: shorten them")]
    TooLong,
}

/// Makes `SharedAccessSignature sr=…&sig=…&se=…` for device `device_id` of hub `host`, valid until
/// `expiry` (seconds since 1970-01-01 UTC).
///
/// # Errors
/// When the key is not base64, or the names are too long.
pub fn token(host: &str, device_id: &str, key: &str, expiry: u64) -> Result<Token, Error> {
    let mut decoded = [0; MAX_KEY];
    let key = Base64::decode(key, &mut decoded).map_err(|_| Error::Key)?;
    if key.is_empty() {
        return Err(Error::Key);
    }

    let mut resource = String::<MAX_RESOURCE>::new();
    percent_encode(&mut resource, host)?;
    resource
        .push_str("%2Fdevices%2F")
        .map_err(|_| Error::TooLong)?;
    percent_encode(&mut resource, device_id)?;
    let mut seconds = String::<20>::new();
    write!(seconds, "{expiry}").map_err(|_| Error::TooLong)?;

    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| Error::Key)?;
    for part in [&resource, "\n", &seconds] {
        mac.update(part.as_bytes());
    }
    let digest = mac.finalize().into_bytes();
    let mut text = [0; 44];
    let signature = Base64::encode(&digest, &mut text).map_err(|_| Error::TooLong)?;

    let mut token = Token::new();
    for part in ["SharedAccessSignature sr=", &resource, "&sig="] {
        token.push_str(part).map_err(|_| Error::TooLong)?;
    }
    percent_encode(&mut token, signature)?;
    for part in ["&se=", &seconds] {
        token.push_str(part).map_err(|_| Error::TooLong)?;
    }
    Ok(token)
}

/// Appends `text` with everything but unreserved characters (RFC 3986, 2.3) as `%XX`.
fn percent_encode<const N: usize>(out: &mut String<N>, text: &str) -> Result<(), Error> {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte)).map_err(|_| Error::TooLong)?;
        } else {
            write!(out, "%{byte:02X}").map_err(|_| Error::TooLong)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python: `hmac.new(b64decode(key), f"{sr}\n{se}".encode(), sha256)`.
    #[test]
    fn a_token_is_that_of_the_service() {
        let token = token(
            "localhost",
            "devkit-01",
            "MDEyMzQ1Njc4OWFiY2RlZg==",
            1_767_229_200,
        )
        .unwrap();
        assert_eq!(token, VECTOR);
    }

    #[test]
    fn names_are_encoded() {
        let token = token("hub:8883", "a/b #é", "AAAA", 1).unwrap();
        assert!(
            token.starts_with(
                "SharedAccessSignature sr=hub%3A8883%2Fdevices%2Fa%2Fb%20%23%C3%A9&sig="
            )
        );
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for key in ["", "no base64", "AAA", &"A".repeat(200)] {
            assert_eq!(token("h", "d", key, 1), Err(Error::Key), "{key:?}");
        }
    }

    extern crate std;
    use std::prelude::v1::*;

    const VECTOR: &str = "SharedAccessSignature sr=localhost%2Fdevices%2Fdevkit-01&sig=jw6GPoUMNbee9sKo%2BQBXTWEbqdMZoS8E4E0OHxsN0k4%3D&se=1767229200";
}
