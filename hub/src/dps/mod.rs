//! The Device Provisioning Service as far as devices see it: a device that knows only its
//! registration id registers over MQTT and learns its hub and device id ("Communicate with DPS
//! using the MQTT protocol").
//!
//! Enrollments say who may register, one by one or as a group, by symmetric key or by certificate.
//! The hub that provisions is the hub that is assigned.

mod calls;
mod enrollment;
mod register;
mod session;

pub use calls::EnrollmentError;
pub use enrollment::{Attestation, Enrollment, EnrollmentKind, group_device_key};
pub(crate) use enrollment::{ENROLLMENT_PREFIX, Enrollments};
pub(crate) use session::{DpsSession, is_registration};
