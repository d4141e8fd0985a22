//! Device-to-cloud messages and what the hub makes of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{DeviceId, VirtualTime};

/// Names of the system properties that the hub's event endpoint carries.
pub mod system {
    /// The authenticated device id.
    pub const DEVICE_ID: &str = "iothub-connection-device-id";
    /// JSON `{scope,type,issuer}`: how the device authenticated.
    pub const AUTH_METHOD: &str = "iothub-connection-auth-method";
    /// When the hub took the message.
    pub const ENQUEUED_TIME: &str = "iothub-enqueuedtime";
    /// `Telemetry`, `twinChangeEvents`, …
    pub const MESSAGE_SOURCE: &str = "iothub-message-source";
    /// MIME type of the body.
    pub const CONTENT_TYPE: &str = "content-type";
    /// Character set of the body.
    pub const CONTENT_ENCODING: &str = "content-encoding";
    /// The sender's message id.
    pub const MESSAGE_ID: &str = "message-id";
}

/// A message as a device sends it: a body and two property bags.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Message {
    /// The body as sent; JSON by convention only.
    pub body: Bytes,
    /// System properties by their long names (see [`system`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub system: BTreeMap<String, String>,
    /// The application's own properties.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

/// A message in the hub's event log, as a consumer of the built-in endpoint sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventData {
    /// The device that was authenticated, whatever the body says.
    pub device: DeviceId,
    /// The partition: a stable hash of the device id.
    pub partition: u16,
    /// Position within the partition, from 0, without gaps.
    pub sequence_number: u64,
    /// When the hub took it.
    pub enqueued: VirtualTime,
    /// What the device sent, system properties completed by the hub.
    pub message: Message,
}
