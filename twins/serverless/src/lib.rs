//! The mirrored serverless application: event-batch function, device entities, alert workflow,
//! front-end layer.

pub mod configuration;
pub mod device;
pub mod telemetry;
