//! Device-to-cloud messages and what the hub makes of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{DeviceId, VirtualTime};

/// Names of the system properties that the hub's event endpoint carries.
pub mod system {
    /// The authenticated device id.
    pub const DEVICE_ID: &str = "iothub-connection-device-id";
    /// The authenticated module's id, for messages of modules.
    pub const MODULE_ID: &str = "iothub-connection-module-id";
    /// Where a message to a device goes.
    pub const TO: &str = "to";
    /// Which ends of a message to a device its sender wants to hear of.
    pub const ACK: &str = "iothub-ack";
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
    /// Correlates an answer with its question.
    pub const CORRELATION_ID: &str = "correlation-id";
    /// Who is behind the message, as the sender says.
    pub const USER_ID: &str = "user-id";
    /// When the sender made the message, as it says.
    pub const CREATION_TIME: &str = "iothub-creation-time-utc";
    /// After when the message is of no use, as the sender says.
    pub const EXPIRY_TIME: &str = "absolute-expiry-time";
    /// The output of a module that the message left by.
    pub const OUTPUT_NAME: &str = "iothub-outputname";
    /// The PnP interface that the message belongs to (before components).
    pub const INTERFACE_ID: &str = "iothub-interface-id";
    /// The PnP component that sent the message.
    pub const SUBJECT: &str = "dt-subject";
    /// The PnP model id that the device announced.
    pub const DATA_SCHEMA: &str = "dt-dataschema";
    /// Tells apart two devices that had the same id one after the other.
    pub const AUTH_GENERATION_ID: &str = "iothub-connection-auth-generation-id";
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
