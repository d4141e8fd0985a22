//! The edge: connections on loopback, turned into events and driven by the hub's outputs.
//!
//! ```text
//!   socket ─► NetEvent::{Opened, Data, Closed} ─► the caller's loop ─► Hub
//!   socket ◄─ Net::apply(HubOutput) ◄───────────── after the records are durable ◄─┘
//! ```
//!
//! | listener | carries |
//! |---|---|
//! | [`Net::listen`] | plain MQTT (1883), which the cloud does not offer |
//! | `Net::listen_tls` | MQTT over TLS 1.2 and 1.3 (8883; feature `tls`) |
//! | `Net::listen_https` | MQTT over WebSocket, and a router for everything else, such as AMQP over WebSocket (443; feature `https`) |
//!
//! Everything is bounded: connections by [`NetOptions::max_connections`], and as many again in
//! their handshakes, of which the oldest makes room; handshakes and the heads of HTTP requests in
//! time by [`NetOptions::opening`], CONNECT by the hub; what comes in waits in the sockets while the loop is busy; a
//! client that does not take what is sent to it is closed.

#[cfg(feature = "https")]
mod blobs;
#[cfg(feature = "https")]
mod block_blob;
#[cfg(feature = "tls")]
mod certificates;
mod connection;
#[cfg(feature = "tls")]
mod handshakes;
#[cfg(feature = "https")]
mod https;
mod listener;
#[cfg(feature = "tls")]
mod peer;
#[cfg(feature = "tls")]
mod rsa_key;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod trust;
#[cfg(feature = "https")]
mod uploads;
#[cfg(feature = "https")]
mod websocket;

#[cfg(feature = "tls")]
pub use certificates::{CertificateError, Certificates};
#[cfg(all(feature = "tls", feature = "amqp"))]
pub(crate) use handshakes::Handshakes;
#[cfg(all(feature = "https", feature = "amqp"))]
pub(crate) use https::Client;
pub use listener::{Net, NetError, NetEvent, NetOptions};
#[cfg(feature = "tls")]
pub use peer::{CertificateTextError, client_certificate};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsOptions};
#[cfg(feature = "tls")]
pub use trust::how_to_trust;
#[cfg(feature = "https")]
pub use uploads::uploads;
