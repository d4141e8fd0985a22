//! The edge: TCP connections on loopback, turned into events and driven by the hub's outputs.
//!
//! ```text
//!   socket ─► NetEvent::{Opened, Data, Closed} ─► the caller's loop ─► Hub
//!   socket ◄─ Net::apply(HubOutput) ◄───────────── after the records are durable ◄─┘
//! ```
//!
//! Everything is bounded: connections by [`NetOptions::max_connections`]; what comes in waits in
//! the sockets while the loop is busy; a client that does not take what is sent to it is closed.
//! No TLS yet.

mod connection;
mod listener;

pub use listener::{Net, NetError, NetEvent, NetOptions};
