//! The mirrored serverless application, ServerlessIoT: event-batch function, one durable entity a
//! device, alert workflow, captured connectors, front-end layer. Names and shapes are its own.
//!
//! Where the original is defective, this one is repaired:
//!
//! | the original | here |
//! |---|---|
//! | a body that is not JSON loses the rest of its batch | it goes to the dead letters, the rest goes on |
//! | the body's device id is believed | it must be the authenticated one |
//! | an id that cannot be an entity key loses the batch | dead letter |
//! | flat AZ3166 telemetry makes an entity without name and data | the adapter gives it its `data` object |
//! | old telemetry makes a ghost without a name | it makes no entity |
//! | searching by name fails on an entity without a name | it is passed over |
//! | a precision above 15 makes every later operation fail | at most 15 |
//! | a negative or huge retention drops everything or overflows | default, at most 366 days |
//! | a clock that is not set or ahead drops or freezes telemetry | the hub's time is taken |
//! | a device that cannot be told keeps the SMS from being sent | both are tried |
//! | `PUT …/configuration` echoes what was sent | it answers what will be in force |

mod application;
pub mod configuration;
pub mod device;
pub mod entities;
mod outbox;
pub mod rest;
pub mod telemetry;
pub mod workflow;

pub use application::{Application, Options};
pub use entities::entity_name;
pub use outbox::{Call, DeadLetter, RestoreError, alert_of};
