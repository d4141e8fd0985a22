//! What the devkit firmware decides, without a board: tokens, the modem's answers, MQTT packets,
//! telemetry, twin, methods, sensor arithmetic and waiting times. No IO, no clock, no allocator; so it
//! is tested on a host.
#![no_std]

pub mod at;
pub mod backoff;
pub mod incoming;
pub mod method;
pub mod mqtt;
pub mod sas;
pub mod sensor;
pub mod sntp;
pub mod telemetry;
pub mod twin;
