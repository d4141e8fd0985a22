//! Whether a token or a certificate opens the door to a device or module.

use jiff::Timestamp;
use twinbench_model::VirtualTime;

use crate::{
    Options, Permission,
    certificate::ClientCertificate,
    log::AuthScope,
    registry::{Authentication, IdentityId, Registry, Status, Thumbprint},
    sas::{Token, TokenError},
};

/// How a connection was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admission {
    /// `device` or `hub`, as the auth-method property says.
    pub(crate) scope: AuthScope,
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
    UnknownDevice(IdentityId),
    /// The device is disabled.
    #[error("device {0} is disabled")]
    Disabled(IdentityId),
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
        device: IdentityId,
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
    /// The certificate's time has not come or has ended.
    #[error("the certificate is valid from unix time {from} to {until}, it is {now}")]
    CertificateTime {
        /// Its begin in unix seconds.
        from: i64,
        /// Its end in unix seconds.
        until: i64,
        /// The hub's time in unix seconds.
        now: i64,
    },
    /// The certificate is another one.
    #[error("the certificate's thumbprint is none of the device's")]
    Thumbprint,
    /// No registered authority stands behind the certificate.
    #[error("no authority that this hub knows has signed the certificate")]
    Authority,
    /// The certificate is somebody else's.
    #[error("the certificate is for {0:?}: its common name must be the device's id")]
    CommonName(String),
    /// There is neither a token nor a certificate.
    #[error("there is neither a token nor a client certificate")]
    NoProof,
    /// The device proves itself in another way.
    #[error("the device authenticates by {0}")]
    OtherProof(&'static str),
    /// None of the keys made the signature.
    #[error("the token's signature does not match")]
    Signature,
}

/// Checks the token with which a device or module connects.
///
/// Without a policy, its own key must have signed; with one, the policy's key, and the policy must
/// have `DeviceConnect`. Either way the resource must be the identity or stand above it. An
/// expired or misdirected token of a wrong key is refused for its signature, so that the answer
/// tells nothing to who has no key.
pub(crate) fn authenticate(
    options: &Options,
    registry: &Registry,
    id: &IdentityId,
    token: &str,
    now: VirtualTime,
) -> Result<Admission, AuthError> {
    let token = Token::parse(token)?;
    let entry = registry.identity(id);
    let scope = match token.policy() {
        None => {
            let known = entry.ok_or_else(|| AuthError::UnknownDevice(id.clone()))?;
            let kind = known.settings.authentication.kind();
            let (primary, secondary) = known.keys().ok_or(AuthError::OtherProof(kind))?;
            if !token.is_signed_by(primary) && !token.is_signed_by(secondary) {
                return Err(AuthError::Signature);
            }
            match id.module {
                None => AuthScope::Device,
                Some(_) => AuthScope::Module,
            }
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
            AuthScope::Hub
        }
    };
    check_resource(options, token.resource(), id)?;
    let until = deadline(options, token.expiry());
    if until <= now {
        return Err(AuthError::Expired {
            expiry: token.expiry(),
            now: options.epoch.unix_seconds(now),
        });
    }
    enabled(registry, id)?;
    Ok(Admission { scope, until })
}

/// Checks the certificate with which a device or module connects; that it holds the private key,
/// TLS has checked.
pub(crate) fn authenticate_certificate(
    options: &Options,
    registry: &Registry,
    id: &IdentityId,
    certificate: &ClientCertificate,
    now: VirtualTime,
) -> Result<Admission, AuthError> {
    let known = registry.identity(id);
    let known = known.ok_or_else(|| AuthError::UnknownDevice(id.clone()))?;
    let scope = match &known.settings.authentication {
        Authentication::SelfSigned { primary, secondary } => {
            let same = |print: &Thumbprint| certificate.has(print);
            if ![primary, secondary].into_iter().flatten().any(same) {
                return Err(AuthError::Thumbprint);
            }
            AuthScope::SelfSigned
        }
        Authentication::Authority => {
            if certificate.authority.is_none() {
                return Err(AuthError::Authority);
            }
            if certificate.common_name != id.to_string() {
                let name = certificate.common_name.chars().take(140).collect();
                return Err(AuthError::CommonName(name));
            }
            AuthScope::CertificateAuthority
        }
        other => return Err(AuthError::OtherProof(other.kind())),
    };
    let until = check_time(options, certificate, now)?;
    enabled(registry, id)?;
    Ok(Admission { scope, until })
}

/// Whether a certificate counts now; until when it does.
pub(crate) fn check_time(
    options: &Options,
    certificate: &ClientCertificate,
    now: VirtualTime,
) -> Result<VirtualTime, AuthError> {
    let (from, until) = certificate.valid;
    let seconds = options.epoch.unix_seconds(now);
    if !(from..=until).contains(&seconds) {
        return Err(AuthError::CertificateTime {
            from,
            until,
            now: seconds,
        });
    }
    Ok(u64::try_from(until).map_or(now, |until| deadline(options, until)))
}

fn enabled(registry: &Registry, id: &IdentityId) -> Result<(), AuthError> {
    let status = |id: &IdentityId| {
        let identity = registry.identity(id);
        identity.map(crate::registry::Identity::status)
    };
    let device = IdentityId::from(id.device.clone());
    match (status(id), status(&device)) {
        (None, _) => Err(AuthError::UnknownDevice(id.clone())),
        (Some(Status::Enabled), Some(Status::Enabled)) => Ok(()),
        _ => Err(AuthError::Disabled(id.clone())),
    }
}

/// The resource must be, segment by segment, a beginning of
/// `{host}/devices/{id}[/modules/{module}]`.
fn check_resource(options: &Options, resource: &str, id: &IdentityId) -> Result<(), AuthError> {
    let mut segments = resource.trim_end_matches('/').split('/');
    let host = segments.next().unwrap_or_default();
    if !options.is_host(host) {
        return Err(AuthError::Host(host.chars().take(100).collect()));
    }
    let module = id.module_str().map(|module| ["modules", module]);
    let own = ["devices", id.device.as_str()];
    let mut own = own
        .into_iter()
        .chain(module.into_iter().flatten())
        .enumerate();
    let fits = segments.all(|segment| match own.next() {
        // The collections' names are the hub's own, ids are case-sensitive.
        Some((0 | 2, name)) => segment.eq_ignore_ascii_case(name),
        Some((_, name)) => segment == name,
        None => false,
    });
    fits.then_some(()).ok_or_else(|| AuthError::Resource {
        resource: resource.chars().take(300).collect(),
        device: id.clone(),
    })
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
    use crate::{
        Policy, SymmetricKey, derive_key,
        registry::{Identity, IdentitySettings},
        sas,
    };
    use twinbench_model::Epoch;

    const EPOCH: u64 = 1_767_225_600;

    struct Fixture {
        options: Options,
        registry: Registry,
        id: IdentityId,
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
        let mut registry = Registry::default();
        for id in ["dev1", "dev1/mod"] {
            let id = IdentityId::parse(id).unwrap();
            let settings = IdentitySettings::new(Authentication::Sas {
                primary: derive_key(1, &id.device),
                secondary: derive_key(2, &id.device),
            });
            let identity = Identity::new(id, settings, VirtualTime::ZERO);
            registry.put(identity, 4, options.epoch);
        }
        let id = IdentityId::parse("dev1").unwrap();
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
            let token = sas::device_token(
                "LOCALHOST",
                &f.id.device,
                &derive_key(seed, &f.id.device),
                EPOCH + 60,
            );
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
        let key = derive_key(1, &f.id.device);
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
        let token = sas::device_token(
            "localhost",
            &f.id.device,
            &derive_key(1, &f.id.device),
            EPOCH + 60,
        );
        f.registry
            .entry_mut(&f.id)
            .unwrap()
            .identity
            .settings
            .status = Status::Disabled;
        assert_eq!(check(&f, &token, 0), Err(AuthError::Disabled(f.id.clone())));
        f.id = IdentityId::parse("other").unwrap();
        assert_eq!(
            check(&f, &token, 0),
            Err(AuthError::UnknownDevice(f.id.clone()))
        );
    }

    #[test]
    fn a_token_without_end_never_ends() {
        let f = fixture();
        let token = sas::device_token(
            "localhost",
            &f.id.device,
            &derive_key(1, &f.id.device),
            u64::MAX,
        );
        assert_eq!(check(&f, &token, 0).unwrap().until, VirtualTime::MAX);
    }

    #[test]
    fn modules_have_their_own_resource() {
        let mut f = fixture();
        f.id = IdentityId::parse("dev1/mod").unwrap();
        let key = derive_key(1, &f.id.device);
        let admitted =
            |resource: &str| check(&f, &sas::generate(resource, &key, EPOCH + 60, None), 0);
        for resource in [
            "localhost/devices/dev1/modules/mod",
            "localhost/devices/dev1",
        ] {
            assert_eq!(admitted(resource).unwrap().scope, AuthScope::Module);
        }
        let other = admitted("localhost/devices/dev1/modules/other");
        assert!(matches!(other, Err(AuthError::Resource { .. })));
        let device = f.registry.entry_mut(&IdentityId::parse("dev1").unwrap());
        device.unwrap().identity.settings.status = Status::Disabled;
        let token = sas::generate("localhost/devices/dev1", &key, EPOCH + 60, None);
        assert_eq!(check(&f, &token, 0), Err(AuthError::Disabled(f.id.clone())));
    }

    #[test]
    fn certificates_open_by_thumbprint_or_authority() {
        let mut f = fixture();
        let print = Thumbprint::parse(&"ab".repeat(32)).unwrap();
        let mut certificate = ClientCertificate {
            sha1: Thumbprint::parse(&"cd".repeat(20)).unwrap(),
            sha256: print.clone(),
            common_name: "dev1".into(),
            authority: None,
            valid: (EPOCH as i64, EPOCH as i64 + 100),
        };
        let mut check =
            |authentication: Authentication, certificate: &ClientCertificate, second| {
                let entry = f.registry.entry_mut(&f.id).unwrap();
                entry.identity.settings.authentication = authentication;
                let now = VirtualTime::from_secs(second);
                authenticate_certificate(&f.options, &f.registry, &f.id, certificate, now)
            };
        let with = |primary, secondary| Authentication::SelfSigned { primary, secondary };
        let sha1 = Some(certificate.sha1.clone());
        for known in [with(Some(print), None), with(None, sha1.clone())] {
            let admission = check(known, &certificate, 1).unwrap();
            assert_eq!(admission.scope, AuthScope::SelfSigned);
        }
        let late = check(with(sha1, None), &certificate, 101);
        assert!(matches!(late, Err(AuthError::CertificateTime { .. })));
        let other = Some(Thumbprint::parse(&"00".repeat(20)).unwrap());
        assert_eq!(
            check(with(other, None), &certificate, 1),
            Err(AuthError::Thumbprint)
        );
        let refused = check(Authentication::Authority, &certificate, 1);
        assert_eq!(refused, Err(AuthError::Authority));
        certificate.authority = Some("root".into());
        assert!(check(Authentication::Authority, &certificate, 1).is_ok());
        assert_eq!(
            check(Authentication::None, &certificate, 1),
            Err(AuthError::OtherProof("none"))
        );
        certificate.common_name = "dev2".into();
        let refused = check(Authentication::Authority, &certificate, 1);
        assert_eq!(refused, Err(AuthError::CommonName("dev2".into())));
    }
}
