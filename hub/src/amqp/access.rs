//! Whether a token opens a node.

use twinbench_model::VirtualTime;

use super::address::path_of;
use crate::{
    Options, Permission, auth,
    sas::{Token, TokenError},
};

/// What a token that was put allows, until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Path segments that it covers, in small letters; none covers all of the hub.
    scope: Vec<String>,
    /// When it ends, the hub's skew included.
    until: VirtualTime,
}

/// Why a token is not taken. Holds neither token nor key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The text is not a token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No policy signed it.
    #[error("the token names no policy: sign with a policy of the hub, such as service")]
    NoPolicy,
    /// The token names a policy that is not there, or none of its keys made the signature.
    #[error("the token's policy or signature does not match")]
    Signature,
    /// The policy does not give access to the service's endpoints.
    #[error("the policy {0:?} does not have the ServiceConnect permission")]
    PolicyForbids(String),
    /// The token is for another hub.
    #[error("the token is for the host {0:?}, which is none of this hub's names")]
    Host(String),
    /// The token has ended.
    #[error("the token has expired")]
    Expired,
    /// The mechanism's answer cannot be read.
    #[error("the SASL PLAIN answer is not an authorization id, a name and a password")]
    Plain,
}

/// Checks a token that was put.
///
/// # Errors
/// When it is no token, of a wrong key, for another hub, expired, or of a policy without
/// `ServiceConnect`.
pub fn check_token(options: &Options, token: &str, now: VirtualTime) -> Result<Grant, AccessError> {
    let token = Token::parse(token)?;
    let name = token.policy().ok_or(AccessError::NoPolicy)?;
    let policy = options.policies.iter().find(|policy| policy.name == name);
    let policy = policy.ok_or(AccessError::Signature)?;
    let signed = |key| token.is_signed_by(key) || token.is_signed_by_text_of(key);
    if !signed(&policy.primary) && !signed(&policy.secondary) {
        return Err(AccessError::Signature);
    }
    if !policy.allows(Permission::ServiceConnect) {
        return Err(AccessError::PolicyForbids(name.to_owned()));
    }
    let resource = token.resource();
    let host = resource
        .split_once("://")
        .map_or(resource, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    if !options.is_host(host) {
        return Err(AccessError::Host(host.chars().take(100).collect()));
    }
    let until = auth::deadline(options, token.expiry());
    if until <= now {
        return Err(AccessError::Expired);
    }
    let path = match resource.split_once("://") {
        Some(_) => path_of(resource),
        None => resource.split_once('/').map_or("", |(_, path)| path),
    };
    Ok(Grant {
        scope: segments(path),
        until,
    })
}

/// Checks a SASL PLAIN answer (RFC 4616): the name is a policy's, alone or as
/// `{policy}@sas.root.{hub}`, and the password a token of that policy or one of its keys.
///
/// # Errors
/// When it cannot be read, or as [`check_token`].
pub fn check_plain(
    options: &Options,
    response: &[u8],
    now: VirtualTime,
) -> Result<Grant, AccessError> {
    let mut parts = response.split(|&byte| byte == 0);
    let (Some(_), Some(name), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(AccessError::Plain);
    };
    let name = std::str::from_utf8(name).map_err(|_| AccessError::Plain)?;
    let password = std::str::from_utf8(password).map_err(|_| AccessError::Plain)?;
    let name = name.split_once("@sas.").map_or(name, |(policy, _)| policy);
    if password.starts_with("SharedAccessSignature ") {
        if Token::parse(password)?.policy() != Some(name) {
            return Err(AccessError::Signature);
        }
        return check_token(options, password, now);
    }
    let policy = options.policies.iter().find(|policy| policy.name == name);
    let policy = policy.ok_or(AccessError::Signature)?;
    let given = crate::SymmetricKey::from_base64(password).map_err(|_| AccessError::Signature)?;
    // Compared as signatures, which takes the same time wherever the keys differ.
    let proof = crate::sas::generate("key", &given, 0, None);
    let proof = Token::parse(&proof)?;
    if !proof.is_signed_by(&policy.primary) && !proof.is_signed_by(&policy.secondary) {
        return Err(AccessError::Signature);
    }
    if !policy.allows(Permission::ServiceConnect) {
        return Err(AccessError::PolicyForbids(name.to_owned()));
    }
    Ok(Grant {
        scope: Vec::new(),
        until: VirtualTime::MAX,
    })
}

impl Grant {
    /// Whether it covers an address at this time.
    pub fn covers(&self, address: &str, now: VirtualTime) -> bool {
        let path = segments(path_of(address));
        now < self.until && path.starts_with(&self.scope)
    }

    /// Whether it covers management of the event endpoint of this name at this time; a token
    /// for one of its consumer groups does too.
    pub fn covers_management(&self, event_hub: &str, now: VirtualTime) -> bool {
        let entity = match self.scope.as_slice() {
            [] => true,
            [messages, events, ..] if messages == "messages" => events == "events",
            [name, ..] => name.eq_ignore_ascii_case(event_hub),
        };
        now < self.until && entity
    }

    /// Whether a newer grant takes the place of this one: of the same scope.
    pub fn replaced_by(&self, newer: &Self) -> bool {
        self.scope == newer.scope
    }
}

fn segments(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, SymmetricKey, sas};
    use jiff::Timestamp;
    use twinbench_model::Epoch;

    const EPOCH: u64 = 1_767_225_600;

    fn key(byte: u8) -> SymmetricKey {
        SymmetricKey::new(&[byte; 32]).unwrap()
    }

    fn options() -> Options {
        let mut options = Options::new(Epoch::new(Timestamp::from_second(EPOCH as i64).unwrap()));
        for (name, byte, permission) in [
            ("service", 1, Permission::ServiceConnect),
            ("device", 2, Permission::DeviceConnect),
        ] {
            options.policies.push(Policy {
                name: name.into(),
                primary: key(byte),
                secondary: key(byte + 100),
                permissions: vec![permission],
            });
        }
        options
    }

    fn check(
        resource: &str,
        byte: u8,
        policy: Option<&str>,
        at: u64,
    ) -> Result<Grant, AccessError> {
        let token = sas::generate(resource, &key(byte), EPOCH + 60, policy);
        check_token(&options(), &token, VirtualTime::from_secs(at))
    }

    #[test]
    fn a_policy_with_service_connect_opens_what_its_token_covers() {
        let now = VirtualTime::ZERO;
        let partition = "amqps://localhost:5672/hub/ConsumerGroups/$Default/Partitions/0";
        let whole = check("localhost", 1, Some("service"), 0).unwrap();
        assert!(whole.covers(partition, now));
        assert!(whole.covers("/messages/devicebound", now));
        assert!(whole.covers_management("hub", now));
        let hub = check("sb://localhost:5672/hub", 101, Some("service"), 0).unwrap();
        assert!(hub.covers(partition, now));
        assert!(hub.covers_management("HUB", now));
        assert!(!hub.covers("/messages/devicebound", now));
        let group = "sb://localhost:5672/hub/consumergroups/$Default";
        let group = check(group, 1, Some("service"), 0).unwrap();
        assert!(group.covers(partition, now));
        assert!(group.covers_management("hub", now));
        assert!(!group.covers("hub/ConsumerGroups/other/Partitions/0", now));
        assert!(!group.covers_management("other", now));
    }

    #[test]
    fn a_token_ends_on_the_benchs_clock() {
        let grant = check("localhost", 1, Some("service"), 359).unwrap();
        assert!(grant.covers("x", VirtualTime::from_secs(359)));
        assert!(!grant.covers("x", VirtualTime::from_secs(360)));
        assert!(!grant.covers_management("x", VirtualTime::from_secs(360)));
        assert_eq!(
            check("localhost", 1, Some("service"), 360),
            Err(AccessError::Expired)
        );
    }

    #[test]
    fn others_stay_outside() {
        assert_eq!(check("localhost", 1, None, 0), Err(AccessError::NoPolicy));
        assert_eq!(
            check("localhost", 2, Some("service"), 0),
            Err(AccessError::Signature)
        );
        assert_eq!(
            check("localhost", 1, Some("nobody"), 0),
            Err(AccessError::Signature)
        );
        assert_eq!(
            check("localhost", 2, Some("device"), 0),
            Err(AccessError::PolicyForbids("device".into()))
        );
        assert_eq!(
            check("sb://elsewhere/hub", 1, Some("service"), 0),
            Err(AccessError::Host("elsewhere".into()))
        );
    }

    #[test]
    fn event_hubs_clients_sign_with_the_keys_text() {
        let (sr, se) = ("sb%3A%2F%2Flocalhost%2Fhub", EPOCH + 60);
        let text = SymmetricKey::new(key(1).to_base64().as_bytes()).unwrap();
        let token = sas::generate("sb://localhost/hub", &text, se, Some("service"));
        assert!(token.contains(sr));
        assert!(check_token(&options(), &token, VirtualTime::ZERO).is_ok());
    }

    #[test]
    fn plain_takes_a_key_or_a_token() {
        let now = VirtualTime::ZERO;
        let plain = |name: &str, password: &str| {
            check_plain(&options(), format!("\0{name}\0{password}").as_bytes(), now)
        };
        let token = sas::generate("localhost", &key(1), EPOCH + 60, Some("service"));
        assert!(plain("service@sas.root.localhost", &token).is_ok());
        assert!(plain("service", &key(101).to_base64()).is_ok());
        assert_eq!(plain("device", &token), Err(AccessError::Signature));
        assert_eq!(
            plain("service", &key(9).to_base64()),
            Err(AccessError::Signature)
        );
        assert_eq!(
            plain("device", &key(2).to_base64()),
            Err(AccessError::PolicyForbids("device".into()))
        );
        assert_eq!(plain("service", "x"), Err(AccessError::Signature));
        assert_eq!(
            check_plain(&options(), b"service", now),
            Err(AccessError::Plain)
        );
    }
}
