//! The service side of the front door: REST as the cloud's service clients speak it
//! (api-version 2021-04-12; others are taken as if they were that one).
//!
//! [`handle`] decides and does no IO. Most requests are answered at once; a direct method waits
//! for its device, and its answer is taken later, under a [`Ticket`]. [`router`] is the edge that
//! puts it behind HTTP.
//!
//! | address | is |
//! |---|---|
//! | `/devices…` | identities of devices and modules, one by one and in bulk |
//! | `/statistics…` | how many there are, how many are connected |
//! | `/twins…` | twins of devices and modules; direct methods |
//! | `/devices/query` | the query language of twins and jobs |
//! | `/jobs/v2…` | twin updates and methods on many devices |
//! | `/jobs` | import and export of the registry through blobs of this hub |
//! | `/devices/{id}/commands` | the queue of messages to a device, to be purged |
//! | `/messages/serviceBound/feedback` | what became of messages to devices |
//! | `/configurations…` | automatic configurations: kept, not applied |
//! | `/digitaltwins…` | twins and methods in the words of Digital Twins (IoT Plug and Play) |
//!
//! Applying configurations to edge devices is refused with 501.

mod access;
mod bulk;
mod configurations;

mod devices;
mod digital_twins;
#[cfg(feature = "rest")]
mod edge;
mod error;
mod feedback;
mod form;

mod jobs;
mod methods;
mod model;
mod modules;
mod queries;
mod request;
mod response;
mod state;
mod time;
mod transfers;
mod twins;

use twinbench_model::VirtualTime;

#[cfg(feature = "rest")]
pub use edge::{respond, router};
pub use error::{Error, ErrorCode};
pub use request::{Method, Request};
pub use response::Response;
pub(crate) use state::{CONFIGURATION_PREFIX, JOB_PREFIX, PART_PREFIX, ServiceState};
pub use transfers::{BlobAddress, LINES_AT_ONCE, TransferWork};
pub(crate) use transfers::{TRANSFER_PREFIX, Transfers};

use crate::{Hub, Permission, limits::Operation};
use request::Call;

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is answered.
    Now(Response),
    /// It will be: [`Hub::take_response`] gives the answer once there is one.
    Later(Ticket),
}

impl Hub {
    /// The answer of a request that waited, once.
    pub fn take_response(&mut self, ticket: Ticket) -> Option<Response> {
        self.service.take(ticket)
    }
}

/// Handles a request of a service client.
pub fn handle(hub: &mut Hub, request: &Request, now: VirtualTime) -> Reply {
    hub.service.requests += 1;
    let ticket = Ticket(hub.service.requests);
    match answered(hub, request, ticket, now) {
        Ok(Some(response)) => Reply::Now(response),
        Ok(None) => Reply::Later(ticket),
        Err(error) => Reply::Now(error.response(ticket.0, now, hub.options.epoch)),
    }
}

/// `None` when the request waits.
fn answered(
    hub: &mut Hub,
    request: &Request,
    ticket: Ticket,
    now: VirtualTime,
) -> Result<Option<Response>, Error> {
    let call = Call::new(request)?;
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let wanted = permissions(request.method, &path);
    access::check(&hub.options, &call, wanted, now)?;
    if let Some(operation) = operation(request.method, &path) {
        hub.admit_at_once(operation, request.body.len(), None, now)
            .map_err(|(refusal, after)| Error::limited(refusal, after))?;
    }
    let stamp = time::iso(hub, now);
    let call = &call;
    match (request.method, path.as_slice()) {
        (Method::Get, ["devices"]) => devices::list(hub, call),
        (Method::Post, ["devices"]) => bulk::apply(hub, call, now),
        (Method::Post, ["devices", "query"]) => queries::run(hub, call),
        (Method::Get, ["devices", id]) => devices::get(hub, id),
        (Method::Put, ["devices", id]) => devices::put(hub, call, id, now),
        (Method::Delete, ["devices", id]) => devices::delete(hub, call, id, now),
        (Method::Delete, ["devices", id, "commands"]) => feedback::purge(hub, id, now),
        (Method::Get, ["devices", id, "modules"]) => modules::list(hub, id),
        (Method::Get, ["devices", id, "modules", module]) => modules::get(hub, id, module),
        (Method::Put, ["devices", id, "modules", module]) => {
            modules::put(hub, call, id, module, now)
        }
        (Method::Delete, ["devices", id, "modules", module]) => {
            modules::delete(hub, call, id, module, now)
        }
        (Method::Post, ["devices", _, "applyConfigurationContent"]) => Err(not_done(
            "configurations are not applied to edge devices here",
        )),
        (Method::Get, ["statistics", "devices"]) => Ok(devices::statistics(hub)),
        (Method::Get, ["statistics", "service"]) => Ok(devices::connected(hub)),
        (Method::Post, ["twins", id, "methods"]) => {
            return methods::invoke(hub, call, (id, None), ticket, now);
        }
        (Method::Post, ["twins", id, "modules", module, "methods"]) => {
            return methods::invoke(hub, call, (id, Some(module)), ticket, now);
        }
        (method, ["twins", id]) => twins::handle(hub, call, method, (id, None), now),
        (method, ["twins", id, "modules", module]) => {
            twins::handle(hub, call, method, (id, Some(module)), now)
        }
        (Method::Get, ["jobs", "v2", "query"]) => jobs::list(hub, call),
        (Method::Put, ["jobs", "v2", id]) => jobs::put(hub, call, id, now),
        (Method::Get, ["jobs", "v2", id]) => jobs::get(hub, id),
        (Method::Post, ["jobs", "v2", id, "cancel"]) => jobs::cancel(hub, id, now),
        (_, ["jobs", "v2", ..]) => Err(not_allowed()),
        (Method::Post, ["jobs", "create"]) => transfers::create(hub, call, now),
        (Method::Get, ["jobs"]) => Ok(transfers::list(hub)),
        (Method::Get, ["jobs", id]) => transfers::get(hub, id),
        (Method::Delete, ["jobs", id]) => transfers::cancel(hub, id, now),
        (Method::Get, ["messages", "servicebound" | "serviceBound", "feedback"]) => {
            Ok(feedback::receive(hub, now))
        }
        (
            Method::Delete,
            [
                "messages",
                "servicebound" | "serviceBound",
                "feedback",
                lock,
            ],
        ) => feedback::complete(hub, lock),
        (
            Method::Post,
            [
                "messages",
                "servicebound" | "serviceBound",
                "feedback",
                lock,
                "abandon",
            ],
        ) => feedback::abandon(hub, lock),
        (Method::Get, ["configurations"]) => configurations::list(hub, call),
        (Method::Post, ["configurations", "testQueries"]) => configurations::test_queries(call),
        (Method::Get, ["configurations", id]) => configurations::get(hub, id),
        (Method::Put, ["configurations", id]) => configurations::put(hub, call, id, &stamp),
        (Method::Delete, ["configurations", id]) => configurations::delete(hub, call, id),
        (Method::Get, ["digitaltwins", id]) => digital_twins::get(hub, id),
        (Method::Patch, ["digitaltwins", id]) => digital_twins::patch(hub, call, id, now),
        (Method::Post, ["digitaltwins", id, "commands", command]) => {
            return digital_twins::invoke(hub, call, id, (None, command), ticket, now);
        }
        (
            Method::Post,
            [
                "digitaltwins",
                id,
                "components",
                component,
                "commands",
                command,
            ],
        ) => {
            return digital_twins::invoke(hub, call, id, (Some(component), command), ticket, now);
        }
        (
            _,
            [
                "devices" | "statistics" | "jobs" | "configurations" | "digitaltwins",
                ..,
            ],
        ) => Err(not_allowed()),
        _ => Err(Error::new(
            ErrorCode::NotFound,
            "there is nothing at this address",
        )),
    }
    .map(Some)
}

/// Which permissions open an address, any of them ("Control access to IoT Hub", table of
/// permissions).
fn permissions(method: Method, path: &[&str]) -> &'static [Permission] {
    use Permission::{RegistryRead, RegistryWrite, ServiceConnect};
    match (method, path) {
        (Method::Post, ["devices", "query"])
        | (_, ["devices", _, "commands"] | ["jobs", "v2", ..]) => &[ServiceConnect],
        (Method::Get, ["devices" | "configurations", ..]) => &[RegistryRead],
        (_, ["devices" | "configurations" | "jobs", ..]) => &[RegistryWrite],
        (_, ["statistics", ..]) => &[RegistryRead, ServiceConnect],
        _ => &[ServiceConnect],
    }
}

/// What a request counts as ("IoT Hub quotas and throttling"). Methods count where they are called.
fn operation(method: Method, path: &[&str]) -> Option<Operation> {
    match (method, path) {
        (Method::Post, ["devices", "query"]) => Some(Operation::Query),
        (_, ["devices" | "statistics" | "configurations", ..]) => Some(Operation::Registry),
        (Method::Get, ["twins" | "digitaltwins", ..]) => Some(Operation::TwinRead),
        (Method::Put | Method::Patch, ["twins" | "digitaltwins", ..]) => Some(Operation::TwinWrite),
        (_, ["jobs", ..]) => Some(Operation::Job),
        _ => None,
    }
}

fn not_done(message: &str) -> Error {
    Error::new(ErrorCode::NotImplemented, message)
}

fn not_allowed() -> Error {
    Error::new(
        ErrorCode::MethodNotAllowed,
        "this address does not know this method",
    )
}
