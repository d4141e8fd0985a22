//! The Durable Task protocol: the server that unmodified SDKs connect to, and a worker of any such
//! endpoint.
//!
//! ```text
//!  SDK client ──┐                        ┌── engine of hub "default" ──┐
//!  SDK worker ──┼─► server ─► handle ─► loop                          ├─► store
//!  our worker ──┘   (tokio)             └── engine of hub "…"      ───┘
//! ```
//!
//! The server decides nothing: it turns messages into closures on an engine and gives answers and
//! work items out once what caused them is durable ([`EngineHandle`], [`EngineJobs`]). The engines
//! may be a [`Host`]'s, or those of somebody else's loop.

mod any;
pub mod convert;
mod handle;
mod host;
mod server;
mod worker;
mod workers;

pub use any::decode_any;
pub use handle::{EngineHandle, EngineJobs, Engines, HandleError, engine_handle};
pub use host::{Host, HostError, HostOptions, Pace};
pub use server::{DEFAULT_ADDRESS, Listening, ServeError, ServerOptions, serve};
pub use worker::{WorkError, Worker, WorkerOptions, work};

/// The protocol's messages, client and server, made of `proto/durabletask.proto`.
#[expect(
    missing_docs,
    clippy::pedantic,
    unused_qualifications,
    reason = "the compiler of the protocol's description writes it"
)]
pub mod proto {
    tonic::include_proto!("_");
}
