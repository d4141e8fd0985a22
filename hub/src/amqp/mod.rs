//! AMQP 1.0: the Event Hubs-compatible built-in endpoint, and the service's messages to devices.
//!
//! An edge that tokio drives around decisions that are plain functions: what an address names,
//! what a token opens, where a filter starts, who may read a partition, what a request asks and
//! how messages map.
//!
//! ```text
//!   socket ─► (TLS) ─► SASL ─► sessions ─► links ─► HubHandle::run ─► Hub
//! ```
//!
//! | node | direction | is |
//! |---|---|---|
//! | `$cbs` | request, answer | put-token: a policy with ServiceConnect opens the others |
//! | `$management` | request, answer | runtime information of hub, partitions, groups |
//! | `{name}/ConsumerGroups/{group}/Partitions/{n}` | to the client | the event log |
//! | `messages/devicebound` | from the client | messages to devices |
//! | `messages/serviceBound/feedback` | to the client | what became of them |
//! | `messages/serviceBound/filenotifications` | to the client | uploaded files |
//!
//! A consumer keeps its own checkpoints, as with Event Hubs; an offset is the sequence number as
//! text. Messages that have left the log's memory are read from an [`Archive`].

mod access;
mod address;
mod command;
mod connection;
mod event;
mod event_link;
mod link;
mod readers;
mod request;
mod request_link;
mod server;
mod service_link;
mod start;
#[cfg(feature = "https")]
pub(crate) mod websocket;

pub use crate::log::{Archive, ArchiveError, MemoryOnly};
pub use access::{AccessError, Grant, check_plain, check_token};
pub use address::Node;
pub use command::{CommandError, command};
pub use event::{message_of, unix_milliseconds};
pub use readers::{JoinError, Joined, ReaderId, Readers};
pub use request::{HubInfo, Question, Refusal, Request, put_token, question};
pub use server::{AmqpError, AmqpListener, AmqpOptions, AmqpServer};
pub use start::{FilterError, Start, parse_selector};
