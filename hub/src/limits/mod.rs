//! Quotas and throttles of the cloud's tiers, emulated ("IoT Hub quotas and throttling").
//!
//! An operation above its rate is delayed as long as the delay stays short, as the cloud's traffic
//! shaping does; beyond, it is refused. Requests of the service are not delayed: what the cloud
//! would delay is done at once, and beyond they are refused with 429 and `Retry-After`. What counts towards the daily quota is refused once the
//! quota is used up, until midnight UTC of the bench's clock. Off unless asked for.

mod calls;
mod meter;
mod profile;

pub use calls::LimitsUsed;
pub(crate) use meter::Meter;
pub use meter::Refusal;
pub use profile::{Operation, Profile, Tier};
