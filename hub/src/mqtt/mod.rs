//! MQTT 3.1.1 as the hub speaks it: the CONNECT rules, the topics a device may use, and what is
//! left out (QoS 2, retained messages, free topics).
//!
//! The packets are encoded and decoded by the `mqtt-proto` crate.

mod bag;
mod codec;
mod filter;
mod service;
mod session;
mod topic;
mod twin;
mod username;

#[cfg(feature = "bridge")]
pub(crate) use bag::short_name;
pub use bag::{BagError, PropertyBag};
pub(crate) use codec::{Decoder, encode};
pub(crate) use filter::Subscriptions;
pub use filter::{Granted, Subscription};
pub(crate) use session::{Session, silence};
pub(crate) use topic::{PLAIN, c2d_topic, field};
pub use topic::{Publication, TopicError};
pub use username::{Username, UsernameError};

/// Largest message from a device: body, system property values, and names and values of the
/// application's properties (IoT Hub quotas, 256 KB).
pub const MAX_MESSAGE: usize = 256 * 1024;
