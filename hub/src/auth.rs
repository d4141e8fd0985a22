//! Whether a token opens the door to a device.

use jiff::Timestamp;
use twinbench_model::{DeviceId, VirtualTime};

use crate::{
    Options, Permission,
    registry::{Registry, Status},
    sas::{Token, TokenError},
};

/// How a connection was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admission {
    /// `device` or `hub`, as the auth-method property says.
    pub(crate) scope: crate::log::AuthScope,
    /// When the token ends, skew included: the connection is then closed.
    pub(crate) until: VirtualTime,
}

/// Why a token does not open the door. Holds neither token nor key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The text is not a token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There is no such device.
    #[error("device {0} is not registered")]
    UnknownDevice(DeviceId),
    /// The device is disabled.
    #[error("device {0} is disabled")]
    Disabled(DeviceId),
    /// The token names a policy that is not there.
    #[error("the token names the policy {0:?}, which this hub does not have")]
    UnknownPolicy(String),
    /// The policy does not let devices connect.
    #[error("the policy {0:?} does not have the DeviceConnect permission")]
    PolicyForbids(String),
    /// The token is for something else.
    #[error("the token is for {resource:?}, which does not cover device {device}")]
    Resource {
        /// What it is for.
        resource: String,
        /// What was asked.
        device: DeviceId,
    },
    /// The token is for another hub.
    #[error("the token is for the host {0:?}, which is none of this hub's names")]
    Host(String),
    /// The token has ended.
    #[error("the token ended at unix time {expiry}, it is {now}")]
    Expired {
        /// Its end in unix seconds.
        expiry: u64,
        /// The hub's time in unix seconds.
        now: i64,
    },
    /// None of the keys made the signature.
    #[error("the token's signature does not match")]
    Signature,
}

/// Checks the token with which a device connects.
///
/// Without a policy, the device's own key must have signed; with one, the policy's key, and the
/// policy must have `DeviceConnect`. Either way the resource must be the device or stand above
/// it. An expired or misdirected token of a wrong key is refused for its signature, so that the
/// answer tells nothing to who has no key.
pub(crate) fn authenticate(
    options: &Options,
    registry: &Registry,
    device: &DeviceId,
    token: &str,
    now: VirtualTime,
) -> Result<Admission, AuthError> {
    let token = Token::parse(token)?;
    let entry = registry.get(device);
    let scope = match token.policy() {
        None => {
            let known = entry.ok_or_else(|| AuthError::UnknownDevice(device.clone()))?;
            if !token.is_signed_by(&known.primary) && !token.is_signed_by(&known.secondary) {
                return Err(AuthError::Signature);
            }
            crate::log::AuthScope::Device
        }
        Some(name) => {
            let policy = options.policies.iter().find(|policy| policy.name == name);
            let policy = policy.ok_or_else(|| AuthError::UnknownPolicy(name.to_owned()))?;
            if !token.is_signed_by(&policy.primary) && !token.is_signed_by(&policy.secondary) {
                return Err(AuthError::Signature);
            }
            if !policy.allows(Permission::DeviceConnect) {
                return Err(AuthError::PolicyForbids(name.to_owned()));
            }
            crate::log::AuthScope::Hub
        }
    };
    check_resource(options, token.resource(), device)?;
    let until = deadline(options, token.expiry());
    if until <= now {
        return Err(AuthError::Expired {
            expiry: token.expiry(),
            now: options.epoch.unix_seconds(now),
        });
    }
    match entry.map(|known| known.status) {
        None => Err(AuthError::UnknownDevice(device.clone())),
        Some(Status::Disabled) => Err(AuthError::Disabled(device.clone())),
        Some(Status::Enabled) => Ok(Admission { scope, until }),
    }
}

/// The resource must be, segment by segment, a beginning of `{host}/devices/{id}`.
fn check_resource(options: &Options, resource: &str, device: &DeviceId) -> Result<(), AuthError> {
    let mut segments = resource.trim_end_matches('/').split('/');
    let host = segments.next().unwrap_or_default();
    if !options.is_host(host) {
        return Err(AuthError::Host(host.chars().take(100).collect()));
    }
    let collection = segments
        .next()
        .is_none_or(|part| part.eq_ignore_ascii_case("devices"));
    let own = segments.next().is_none_or(|part| part == device.as_str());
    if collection && own && segments.next().is_none() {
        Ok(())
    } else {
        Err(AuthError::Resource {
            resource: resource.chars().take(300).collect(),
            device: device.clone(),
        })
    }
}

/// When a token that ends at `expiry` (unix seconds) no longer counts.
pub(crate) fn deadline(options: &Options, expiry: u64) -> VirtualTime {
    let instant = i64::try_from(expiry)
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok());
    match instant {
        None => VirtualTime::MAX,
        Some(instant) => {
            // Before the epoch, the skew may still reach into the bench's time.
            let nanos = instant.as_nanosecond() + i128::from(options.skew.as_nanos())
                - options.epoch.instant().as_nanosecond();
            VirtualTime::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, SymmetricKey, derive_key, log::AuthScope, registry::Device, sas};
    use twinbench_model::Epoch;

    const EPOCH: u64 = 1_767_225_600;

    struct Fixture {
        options: Options,
        registry: Registry,
        id: DeviceId,
    }

    fn fixture() -> Fixture {
        let mut options = Options::new(Epoch::new(Timestamp::from_second(EPOCH as i64).unwrap()));
        for (name, byte, permission) in [
            ("device", 11, Permission::DeviceConnect),
            ("service", 12, Permission::ServiceConnect),
        ] {
            options.policies.push(Policy {
                name: name.into(),
                primary: SymmetricKey::new(&[byte; 32]).unwrap(),
                secondary: SymmetricKey::new(&[byte + 100; 32]).unwrap(),
                permissions: vec![permission],
            });
        }
        let id = DeviceId::new("dev1").unwrap();
        let mut registry = Registry::default();
        let device = Device {
            id: id.clone(),
            primary: derive_key(1, &id),
            secondary: derive_key(2, &id),
            status: Status::Enabled,
            created: VirtualTime::ZERO,
        };
        registry.put(device, 4, options.epoch);
        Fixture {
            options,
            registry,
            id,
        }
    }

    fn check(fixture: &Fixture, token: &str, seconds: u64) -> Result<Admission, AuthError> {
        let Fixture {
            options,
            registry,
            id,
        } = fixture;
        authenticate(
            options,
            registry,
            id,
            token,
            VirtualTime::from_secs(seconds),
        )
    }

    #[test]
    fn either_key_opens_until_expiry_and_skew() {
        let f = fixture();
        for seed in [1, 2] {
            let token = sas::device_token("LOCALHOST", &f.id, &derive_key(seed, &f.id), EPOCH + 60);
            let admission = check(&f, &token, 0).unwrap();
            assert_eq!(admission.until, VirtualTime::from_secs(360));
            assert_eq!(admission.scope, AuthScope::Device);
            assert!(check(&f, &token, 359).is_ok());
            assert_eq!(
                check(&f, &token, 360).unwrap_err(),
                AuthError::Expired {
                    expiry: EPOCH + 60,
                    now: EPOCH as i64 + 360
                }
            );
        }
    }

    #[test]
    fn the_resource_must_cover_the_device() {
        let f = fixture();
        let key = derive_key(1, &f.id);
        let admitted =
            |resource: &str| check(&f, &sas::generate(resource, &key, EPOCH + 60, None), 0);
        for resource in ["localhost", "localhost/devices", "localhost/devices/dev1/"] {
            assert!(admitted(resource).is_ok(), "{resource}");
        }
        for resource in [
            "localhost/devices/dev",
            "localhost/devices/DEV1",
            "localhost/devices/dev1/modules/m",
            "localhost/twins/dev1",
        ] {
            let refused = admitted(resource).unwrap_err();
            assert!(matches!(refused, AuthError::Resource { .. }), "{resource}");
        }
        assert!(matches!(
            admitted("elsewhere/devices/dev1"),
            Err(AuthError::Host(_))
        ));
    }

    #[test]
    fn policies_need_device_connect() {
        let f = fixture();
        let with = |policy: &str, byte: u8| {
            let key = SymmetricKey::new(&[byte; 32]).unwrap();
            check(
                &f,
                &sas::generate("localhost", &key, EPOCH + 60, Some(policy)),
                0,
            )
        };
        assert_eq!(with("device", 11).unwrap().scope, AuthScope::Hub);
        assert_eq!(with("device", 111).unwrap().scope, AuthScope::Hub);
        assert_eq!(with("device", 12), Err(AuthError::Signature));
        assert_eq!(
            with("service", 12),
            Err(AuthError::PolicyForbids("service".into()))
        );
        assert_eq!(
            with("other", 11),
            Err(AuthError::UnknownPolicy("other".into()))
        );
    }

    #[test]
    fn unknown_and_disabled_devices_stay_outside() {
        let mut f = fixture();
        let token = sas::device_token("localhost", &f.id, &derive_key(1, &f.id), EPOCH + 60);
        f.registry.set_status(&f.id, Status::Disabled);
        assert_eq!(check(&f, &token, 0), Err(AuthError::Disabled(f.id.clone())));
        f.id = DeviceId::new("other").unwrap();
        assert_eq!(
            check(&f, &token, 0),
            Err(AuthError::UnknownDevice(f.id.clone()))
        );
    }

    #[test]
    fn a_token_without_end_never_ends() {
        let f = fixture();
        let token = sas::device_token("localhost", &f.id, &derive_key(1, &f.id), u64::MAX);
        assert_eq!(check(&f, &token, 0).unwrap().until, VirtualTime::MAX);
    }
}
