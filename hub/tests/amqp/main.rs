//! AMQP with the real clients, over real TCP connections, on the wall clock.
#![cfg(all(feature = "amqp", feature = "tls"))]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the edge is tested here: clients live on the wall clock; helpers may fail the test"
)]

mod access;
mod clients;
mod events;
mod served;
mod service;
mod tls;
#[cfg(feature = "https")]
mod websocket;
