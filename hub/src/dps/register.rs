//! From an enrollment to a device.

use serde_json::{Value, json};
use twinbench_model::{DeviceId, VirtualTime};

use super::{Attestation, DpsSession, Enrollment, EnrollmentKind, group_device_key};
use crate::{
    AuthError, ClientCertificate, Hub,
    auth::{check_time, deadline},
    registry::{Authentication, IdentityId, IdentitySettings},
    sas::Token,
    twin::TwinWrite,
};

/// What the device has shown, if it may register.
pub(super) enum Proof<'a> {
    Token(&'a str),
    Certificate(&'a ClientCertificate),
}

impl Hub {
    /// Finds the enrollment that lets a registration id in by this proof; gives it with the time
    /// until which the proof counts. Individual enrollments come before groups.
    pub(super) fn attest(
        &self,
        (scope, registration): (&str, &str),
        proof: &Proof<'_>,
        now: VirtualTime,
    ) -> Result<((EnrollmentKind, String), VirtualTime), AuthError> {
        let unknown = || match DeviceId::new(registration) {
            Ok(id) => AuthError::UnknownDevice(id.into()),
            Err(_) => AuthError::Signature,
        };
        let until = match proof {
            Proof::Certificate(certificate) => check_time(&self.options, certificate, now)?,
            Proof::Token(text) => {
                let token = Token::parse(text)?;
                let until = deadline(&self.options, token.expiry());
                if until <= now {
                    return Err(AuthError::Expired {
                        expiry: token.expiry(),
                        now: self.options.epoch.unix_seconds(now),
                    });
                }
                let wanted = format!("{scope}/registrations/{registration}");
                if token.resource() != wanted {
                    return Err(AuthError::Host(
                        token.resource().chars().take(100).collect(),
                    ));
                }
                until
            }
        };
        let own = (EnrollmentKind::Individual, registration.to_owned());
        let individual = self.enrollments.all.get(&own);
        let groups = || {
            let mut all = self.enrollments.all.values();
            all.find(|group| {
                group.kind == EnrollmentKind::Group && lets_in(group, registration, proof)
            })
        };
        // A device that is enrolled by itself does not get in by a group.
        let found = match individual {
            Some(individual) => Some(individual).filter(|own| lets_in(own, registration, proof)),
            None => groups(),
        };
        let found = found.ok_or_else(unknown)?;
        if !found.enabled {
            let id = DeviceId::new(registration).map_err(|_| AuthError::Signature)?;
            return Err(AuthError::Disabled(id.into()));
        }
        Ok(((found.kind, found.name.clone()), until))
    }

    /// Makes the device of a registration, or changes the one that is there; gives its state.
    pub(super) fn register(&mut self, session: &DpsSession, now: VirtualTime) -> Option<Value> {
        let registration = session.registration.as_str();
        let enrollment = self.enrollments.all.get(&session.enrollment)?.clone();
        let id = enrollment.device_id.as_deref().unwrap_or(registration);
        let id = IdentityId::from(DeviceId::new(id).ok()?);
        let authentication = authentication(&enrollment, session);
        let mut settings = IdentitySettings::new(authentication);
        settings.iot_edge = enrollment.iot_edge;
        let there = self.identity(&id).map(|known| known.settings.clone());
        let substatus = match there {
            None => {
                self.create_identity(id.clone(), settings, now).ok()?;
                let write = TwinWrite {
                    tags: Some(enrollment.tags).filter(|tags| !tags.is_empty()),
                    desired: Some(enrollment.desired).filter(|desired| !desired.is_empty()),
                };
                if write != TwinWrite::default() {
                    // A twin that breaks a limit does not keep the device from being made.
                    let _ = self.patch_twin(&id, write, now);
                }
                "initialAssignment"
            }
            Some(known) => {
                if known.authentication != settings.authentication {
                    settings.status = known.status;
                    self.update_identity(&id, settings, now).ok()?;
                }
                "reprovisionedToInitialAssignment"
            }
        };
        let known = self.identity(&id)?;
        let (created, etag) = (self.iso(Some(known.created)), known.etag());
        Some(json!({
            "registrationId": registration,
            "createdDateTimeUtc": created,
            "assignedHub": self.options.assigned_hub,
            "deviceId": id.device.as_str(),
            "status": "assigned",
            "substatus": substatus,
            "lastUpdatedDateTimeUtc": self.iso(Some(now)),
            "etag": etag,
        }))
    }
}

/// How the device proves itself to its hub: as it has to the provisioning.
fn authentication(enrollment: &Enrollment, session: &DpsSession) -> Authentication {
    let registration = session.registration.as_str();
    match &enrollment.attestation {
        Attestation::SymmetricKey { primary, secondary } => {
            let own = |key| match enrollment.kind {
                EnrollmentKind::Individual => crate::SymmetricKey::clone(key),
                EnrollmentKind::Group => group_device_key(key, registration),
            };
            Authentication::Sas {
                primary: own(primary),
                secondary: own(secondary),
            }
        }
        Attestation::Certificate(print) => Authentication::SelfSigned {
            primary: Some(print.clone()),
            secondary: None,
        },
        // The common name is the registration id, which is the device's id in a group.
        Attestation::Authority(_) => Authentication::Authority,
    }
}

fn lets_in(enrollment: &Enrollment, registration: &str, proof: &Proof<'_>) -> bool {
    match (&enrollment.attestation, proof) {
        (Attestation::SymmetricKey { primary, secondary }, Proof::Token(token)) => {
            let Ok(token) = Token::parse(token) else {
                return false;
            };
            [primary, secondary]
                .into_iter()
                .any(|key| match enrollment.kind {
                    EnrollmentKind::Individual => token.is_signed_by(key),
                    EnrollmentKind::Group => {
                        token.is_signed_by(&group_device_key(key, registration))
                    }
                })
        }
        (Attestation::Certificate(print), Proof::Certificate(certificate)) => {
            certificate.has(print)
        }
        (Attestation::Authority(name), Proof::Certificate(certificate)) => {
            certificate.authority.as_ref() == Some(name) && certificate.common_name == registration
        }
        _ => false,
    }
}
