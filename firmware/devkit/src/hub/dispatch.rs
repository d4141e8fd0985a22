//! What the hub sends to this device, by topic. The firmware subscribes to nothing yet, so only a
//! kept session of an earlier firmware brings anything here.

use twinbench_devkit_core::incoming::{Incoming, classify};

use crate::log;

/// Takes one message.
pub(super) fn message(device_id: &str, topic: &str, payload: &[u8]) {
    match classify(device_id, topic) {
        Incoming::TwinResponse { status, request } => {
            log!("twin: answer {status} to request {request}");
        }
        Incoming::DesiredProperties { version } => log!("twin: desired version {version}"),
        Incoming::Method { name, request } => log!("method: {name}, request {request}"),
        Incoming::CloudToDevice { .. } => log!("message: {} bytes from the cloud", payload.len()),
        Incoming::Unknown => log!("hub: unknown topic {topic}"),
    }
}
