//! The IoT Hub front door: who may connect, what a device may say, and the event log in which
//! its messages wait for the cloud's functions.
//!
//! [`Hub`] decides and does no IO: bytes of connections, messages and `now` come in; bytes to
//! send, connections to close, [records](twinbench_model::Record) to store and
//! [events](twinbench_model::Event) for the recorder go out. The caller commits the records of a
//! step **before** it hands on the outputs, so a PUBACK never leaves before its message is
//! durable. The same session so serves an emulated modem inside the stepping loop and a real
//! client on a TCP port, which [`net`] brings in.
//!
//! | module | is |
//! |---|---|
//! | [`registry`] | identities of devices and modules, how they prove themselves |
//! | [`twin`] | tags, desired and reported properties |
//! | [`c2d`] | messages to devices, their queues and feedback |
//! | [`methods`] | direct methods |
//! | [`dps`] | provisioning: devices register and learn their hub |
//! | [`uploads`] | files of devices |
//! | [`limits`] | the quotas and throttles of the cloud's tiers |
//! | [`faults`] | faults between devices and hub |
//! | [`sas`] | shared access signatures: made, parsed, checked |
//! | [`mqtt`] | MQTT 3.1.1 sessions: CONNECT rules, topics, filters, property bags |
//! | [`log`] | the event log in partitions, consumers' checkpoints, retention |
//! | [`query`] | the query languages of twins, jobs and message routes |
//! | [`routes`] | which messages and events of the hub's own reach the built-in endpoint |
//! | [`service`] | the service's REST interface; its router (feature `rest`) |
//! | [`net`] | the edge: a TCP listener on loopback (feature `net`) |
//! | [`amqp`] | the built-in endpoint and the service's messages (feature `amqp`) |
//! | [`bridge`] | devices that speak to another MQTT broker; telemetry to another hub (feature `bridge`) |
//! | [`handle`] | closures on a hub that runs in somebody else's loop (feature `net`) |
//!
//! It runs no user logic, keeps no time of its own and never shows a key or a signature.

#[cfg(feature = "amqp")]
pub mod amqp;
mod auth;
#[cfg(feature = "bridge")]
pub mod bridge;
pub mod c2d;
mod certificate;
mod connection;
pub mod dps;
pub mod faults;
#[cfg(feature = "net")]
pub mod handle;
mod hub;
mod journal;
mod journal_text;
mod key;
pub mod limits;
pub mod log;
pub mod methods;
pub mod mqtt;
#[cfg(feature = "net")]
pub mod net;
mod options;
mod output;
pub mod query;
mod redact;
pub mod registry;
pub mod routes;
pub mod sas;
pub mod service;
mod session_store;
mod stats;
pub mod twin;
pub mod uploads;
mod versioned;

pub use auth::AuthError;
pub use certificate::ClientCertificate;
pub use hub::{Hub, PublishError, RestoreError};
pub use key::{KeyError, SymmetricKey, derive_key, derive_policy_key};
pub use options::{Options, OptionsError, Permission, Policy};
pub use output::{CloseReason, ConnectionId, HubOutput};
pub use redact::redact;
pub use stats::Stats;
pub use versioned::DecodeError;
