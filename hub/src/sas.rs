//! Shared access signatures: `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`.
//!
//! A token is checked over the resource text exactly as it stands in the token: clients quote it
//! in different ways (`%2F`, `%2f`, not at all) and sign what they wrote (IoT Hub developer
//! guide, "Control access with SAS", and the SDKs).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::Mac;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use twinbench_model::DeviceId;

use crate::SymmetricKey;

const SCHEME: &str = "SharedAccessSignature ";

/// RFC 3986 "unreserved", as the SDKs' quoting leaves them.
const QUOTED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A parsed token, its signature not yet checked. `Debug` does not show the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Token<'a> {
    raw_resource: &'a str,
    raw_expiry: &'a str,
    signature: Vec<u8>,
    expiry: u64,
    resource: String,
    policy: Option<String>,
}

/// Why a text is not a token. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not start with the scheme.
    #[error("the token does not start with \"SharedAccessSignature \"")]
    Scheme,
    /// A field that must be there is not.
    #[error("the token has no {0} field")]
    Missing(&'static str),
    /// A field is there twice.
    #[error("the token has the field {0} more than once")]
    Twice(&'static str),
    /// A field cannot be read.
    #[error("the token's {0} field cannot be read: {1}")]
    Field(&'static str, &'static str),
}

impl<'a> Token<'a> {
    /// Parses a token; its fields may come in any order, unknown ones are passed over.
    ///
    /// # Errors
    /// When it is not a token, a field is missing, doubled or unreadable.
    pub fn parse(text: &'a str) -> Result<Self, TokenError> {
        let fields = text.strip_prefix(SCHEME).ok_or(TokenError::Scheme)?;
        let (mut sr, mut sig, mut se, mut skn) = (None, None, None, None);
        for field in fields.trim_start().split('&') {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let (slot, name) = match name {
                "sr" => (&mut sr, "sr"),
                "sig" => (&mut sig, "sig"),
                "se" => (&mut se, "se"),
                "skn" => (&mut skn, "skn"),
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(TokenError::Twice(name));
            }
        }
        let raw_resource = sr.ok_or(TokenError::Missing("sr"))?;
        let raw_expiry = se.ok_or(TokenError::Missing("se"))?;
        let sig = decoded("sig", sig.ok_or(TokenError::Missing("sig"))?)?;
        let signature = STANDARD
            .decode(sig)
            .map_err(|_| TokenError::Field("sig", "it is not base64"))?;
        let digits = !raw_expiry.is_empty() && raw_expiry.bytes().all(|b| b.is_ascii_digit());
        let expiry = raw_expiry
            .parse()
            .ok()
            .filter(|_| digits)
            .ok_or(TokenError::Field("se", "it is no count of unix seconds"))?;
        let policy = skn
            .map(|name| decoded("skn", name))
            .transpose()?
            .filter(|name| !name.is_empty());
        Ok(Self {
            raw_resource,
            raw_expiry,
            signature,
            expiry,
            resource: decoded("sr", raw_resource)?,
            policy,
        })
    }

    /// When the token ends, in unix seconds.
    pub fn expiry(&self) -> u64 {
        self.expiry
    }

    /// What the token gives access to, decoded, e.g. `localhost/devices/devkit-01`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The policy whose key signed it; `None` for a device's own key.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// Whether this key made the signature. Takes the same time wherever they differ.
    pub fn is_signed_by(&self, key: &SymmetricKey) -> bool {
        signing(key, self.raw_resource, self.raw_expiry)
            .verify_slice(&self.signature)
            .is_ok()
    }

    /// Whether the text of this key made the signature: clients of Event Hubs sign with the
    /// base64 text itself instead of the bytes that it stands for.
    #[cfg(feature = "amqp")]
    pub(crate) fn is_signed_by_text_of(&self, key: &SymmetricKey) -> bool {
        signing_with(key.text_hmac(), self.raw_resource, self.raw_expiry)
            .verify_slice(&self.signature)
            .is_ok()
    }
}

impl std::fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("resource", &self.resource)
            .field("expiry", &self.expiry)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Makes a token for a resource (not yet quoted) that ends at `expiry` (unix seconds).
pub fn generate(resource: &str, key: &SymmetricKey, expiry: u64, policy: Option<&str>) -> String {
    let sr = utf8_percent_encode(resource, QUOTED).to_string();
    let se = expiry.to_string();
    let sig = STANDARD.encode(signing(key, &sr, &se).finalize().into_bytes());
    let sig = utf8_percent_encode(&sig, QUOTED);
    let mut token = format!("{SCHEME}sr={sr}&sig={sig}&se={se}");
    if let Some(policy) = policy {
        token.push_str("&skn=");
        token.extend(utf8_percent_encode(policy, QUOTED));
    }
    token
}

/// Makes the token with which a device connects.
pub fn device_token(host: &str, device: &DeviceId, key: &SymmetricKey, expiry: u64) -> String {
    generate(&format!("{host}/devices/{device}"), key, expiry, None)
}

fn signing(key: &SymmetricKey, resource: &str, expiry: &str) -> hmac::Hmac<sha2::Sha256> {
    signing_with(key.hmac(), resource, expiry)
}

fn signing_with(
    mut mac: hmac::Hmac<sha2::Sha256>,
    resource: &str,
    expiry: &str,
) -> hmac::Hmac<sha2::Sha256> {
    mac.update(resource.as_bytes());
    mac.update(b"\n");
    mac.update(expiry.as_bytes());
    mac
}

fn decoded(name: &'static str, value: &str) -> Result<String, TokenError> {
    percent_decode_str(value)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| TokenError::Field(name, "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::subsequence};

    fn key(byte: u8) -> SymmetricKey {
        SymmetricKey::new(&[byte; 32]).unwrap()
    }

    /// Computed independently with Python's `hmac`, `hashlib`, `base64`, `urllib.parse.quote`.
    #[test]
    fn agrees_with_an_independent_implementation() {
        let token = generate("localhost/devices/dev1", &key(1), 1_767_225_600, None);
        assert_eq!(
            token,
            include_str!("../tests/common/python_token.txt").trim_end()
        );
    }

    #[test]
    fn takes_fields_in_any_order_and_the_resource_as_written() {
        for sr in [
            "localhost%2Fdevices%2Fd",
            "localhost%2fdevices%2fd",
            "localhost/devices/d",
        ] {
            let sig = STANDARD.encode(signing(&key(1), sr, "99").finalize().into_bytes());
            let sig = utf8_percent_encode(&sig, QUOTED);
            for text in [
                format!("SharedAccessSignature sr={sr}&sig={sig}&se=99"),
                format!("SharedAccessSignature se=99&sig={sig}&x=y&sr={sr}"),
            ] {
                let token = Token::parse(&text).unwrap();
                assert!(token.is_signed_by(&key(1)), "{sr}");
                assert!(!token.is_signed_by(&key(2)), "{sr}");
                assert_eq!(
                    (token.resource(), token.expiry()),
                    ("localhost/devices/d", 99)
                );
            }
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let check = |text: &str, error| assert_eq!(Token::parse(text).unwrap_err(), error);
        check("Bearer x", TokenError::Scheme);
        check(
            "SharedAccessSignature sig=AA%3D%3D&se=1",
            TokenError::Missing("sr"),
        );
        check(
            "SharedAccessSignature sr=a&se=1",
            TokenError::Missing("sig"),
        );
        check(
            "SharedAccessSignature sr=a&sig=AA%3D%3D",
            TokenError::Missing("se"),
        );
        check("SharedAccessSignature sr=a&sr=b", TokenError::Twice("sr"));
        for se in ["", "-1", "+1", "1.5", "soon", "99999999999999999999"] {
            check(
                &format!("SharedAccessSignature sr=a&sig=AA%3D%3D&se={se}"),
                TokenError::Field("se", "it is no count of unix seconds"),
            );
        }
        check(
            "SharedAccessSignature sr=a&sig=%ff&se=1",
            TokenError::Field("sig", "it is not UTF-8"),
        );
    }

    #[test]
    fn debug_hides_the_signature() {
        let text = generate("h", &key(1), 5, Some("device"));
        let sig = text
            .split("sig=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap();
        let shown = format!("{:?}", Token::parse(&text).unwrap());
        assert!(
            !shown.contains(sig) && !shown.contains("signature"),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn what_is_made_is_accepted(resource in "[ -~]{1,60}", bytes in prop::collection::vec(any::<u8>(), 16..=64),
                                    expiry in any::<u64>(), policy in prop::option::of("[a-zA-Z&= ]{1,12}")) {
            let key = SymmetricKey::new(&bytes).unwrap();
            let text = generate(&resource, &key, expiry, policy.as_deref());
            let token = Token::parse(&text).unwrap();
            prop_assert!(token.is_signed_by(&key));
            prop_assert_eq!(token.resource(), resource);
            prop_assert_eq!(token.expiry(), expiry);
            prop_assert_eq!(token.policy(), policy.as_deref());
        }

        #[test]
        fn one_changed_character_is_refused(at in 0usize..200, to in 33u8..127) {
            let text = generate("localhost/devices/dev1", &key(1), 1_767_225_600, None);
            let mut bytes = text.clone().into_bytes();
            let at = SCHEME.len() + at % (bytes.len() - SCHEME.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            let changed = String::from_utf8(bytes).unwrap();
            if let Ok(token) = Token::parse(&changed) {
                // Quoting may be written in two cases; it then still names the same signature.
                let same = changed.eq_ignore_ascii_case(&text) && token.is_signed_by(&key(1));
                prop_assert!(!token.is_signed_by(&key(1)) || same, "{changed}");
            }
        }

        #[test]
        fn never_panics(fields in subsequence(vec!["sr=a", "sig=AA==", "se=1", "skn=x", "sr", "&&", "sig=%zz"], 0..7), tail in ".{0,30}") {
            let _ = Token::parse(&format!("SharedAccessSignature {}{tail}", fields.join("&")));
        }
    }
}
