//! Devices as they come: the cloud's own clients for Python and Node, rumqttc and mosquitto,
//! through TLS and WebSocket, against a served hub.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(all(feature = "https", feature = "rest"))]

mod bad_input;
mod client;
mod host;
mod node;
mod provisioning;
mod python;
mod rsa;
mod rust;
