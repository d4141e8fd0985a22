//! Bridges: devices that already speak to an MQTT broker in the field.
//!
//! A `[[bridge]]` subscribes to a broker and turns topics into devices and messages by its rules
//! ([`Mapping`], which is plain functions); the edge around it ([`Bridge`]) reconnects with
//! back-off and acknowledges a message to the broker only after the hub has it on disk. So what
//! was published with QoS 1 arrives at least once, also over a restart of either side.

mod config;
mod mapping;
mod retry;
mod run;
mod template;
mod tls;

pub use config::{BridgeConfig, BrokerUrl, ConfigError, RuleConfig, Secret};
pub use mapping::{MapError, Mapped, Mapping, MappingError};
pub use retry::Backoff;
pub use run::{Bridge, BridgeError, BridgeStats};
pub use template::{Template, TemplateError};
pub use tls::TlsError;
