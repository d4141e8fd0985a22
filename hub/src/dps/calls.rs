//! Enrollments as the service keeps them.

use twinbench_model::DeviceId;

use super::{Attestation, Enrollment, EnrollmentKind};
use crate::Hub;

/// An enrollment cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrollmentError {
    /// Its name or device id.
    #[error("{0:?} cannot be a registration id or device id: use letters, digits and - . _ :")]
    Name(String),
    /// The attestation does not go with the kind.
    #[error("an individual enrollment takes keys or a certificate, a group keys or an authority")]
    Attestation,
}

impl Hub {
    /// Adds or replaces an enrollment.
    ///
    /// # Errors
    /// When its name or device id cannot be, or the attestation does not go with its kind.
    pub fn put_enrollment(&mut self, enrollment: Enrollment) -> Result<(), EnrollmentError> {
        for name in [Some(&enrollment.name), enrollment.device_id.as_ref()]
            .into_iter()
            .flatten()
        {
            if DeviceId::new(name).is_err() {
                let name = name.chars().take(140).collect();
                return Err(EnrollmentError::Name(name));
            }
        }
        match (enrollment.kind, &enrollment.attestation) {
            (_, Attestation::SymmetricKey { .. })
            | (EnrollmentKind::Individual, Attestation::Certificate(_))
            | (EnrollmentKind::Group, Attestation::Authority(_)) => {}
            _ => return Err(EnrollmentError::Attestation),
        }
        let record = self.enrollments.put(enrollment);
        self.records.push(record);
        Ok(())
    }

    /// Removes an enrollment; devices that have registered stay. Tells whether it was there.
    pub fn remove_enrollment(&mut self, kind: EnrollmentKind, name: &str) -> bool {
        let record = self.enrollments.remove(kind, name);
        let known = record.is_some();
        self.records.extend(record);
        known
    }

    /// The enrollments, individual ones first, each kind by name.
    pub fn enrollments(&self) -> impl Iterator<Item = &Enrollment> {
        self.enrollments.all.values()
    }
}
