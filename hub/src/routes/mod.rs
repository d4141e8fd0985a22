//! Message routes: which messages and events of the hub's own reach the built-in endpoint.
//!
//! Telemetry that no route takes goes to the built-in endpoint by the fallback route, unless that
//! is switched off. Events of the other [sources](Source) arrive there only by a route of their
//! source ("Use IoT Hub message routing to send device-to-cloud messages to different
//! endpoints"). A message goes to an endpoint once, however many routes lead there.
//!
//! The built-in endpoint `events` is the only one; who wants to tell routes apart there asks the
//! message source and the properties, as functions do.

mod event;
mod publish;
mod route;

pub(crate) use event::{About, connection_event, lifecycle_event, twin_event};
pub use event::{ConnectionChange, LifecycleChange, TwinChange};
pub use route::{EVENTS, Route, RouteError, Routes, Source};
