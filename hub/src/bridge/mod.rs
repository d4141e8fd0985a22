//! Bridges: devices that already speak to an MQTT broker in the field, and another hub that is to
//! hear what the bench's devices send.
//!
//! A `[[bridge]]` subscribes to a broker and turns topics into devices and messages by its rules
//! ([`Mapping`], which is plain functions); the edge around it ([`Bridge`]) reconnects with
//! back-off and acknowledges a message to the broker only after the hub has it on disk. So what
//! was published with QoS 1 arrives at least once, also over a restart of either side.
//!
//! A `[[forward]]` ([`Forward`]) is the other direction: it reads the event log as a consumer group
//! and sends telemetry to another hub by its connection string, over MQTT and TLS.

mod config;
mod forward;
mod forward_config;
mod mapping;
mod remote;
mod retry;
mod run;
mod template;
mod tls;

pub use config::{BridgeConfig, BrokerUrl, ConfigError, RuleConfig, Secret};
pub use forward::{Forward, ForwardError, ForwardStats};
pub use forward_config::{ConnectionStringError, ForwardConfig, RemoteHub};
pub use mapping::{MapError, Mapped, Mapping, MappingError};
pub use retry::Backoff;
pub use run::{Bridge, BridgeError, BridgeStats};
pub use template::{Template, TemplateError};
pub use tls::TlsError;
