//! The vocabulary of Twinbench: names, virtual time, messages, events and records to store.
//!
//! Every room speaks these types, the page in the browser included, so the crate does no IO,
//! knows no tokio and builds for `wasm32-unknown-unknown`.

pub mod api;
mod device;
mod entity;
mod event;
mod message;
mod record;
mod time;

pub use device::{DeviceId, DeviceIdError};
pub use entity::{EntityId, EntityIdError};
pub use event::{Event, Payload, Room};
pub use message::{EventData, Message, system};
pub use record::{Record, Table};
pub use time::{Clock, DurationError, Epoch, VirtualDuration, VirtualTime};
