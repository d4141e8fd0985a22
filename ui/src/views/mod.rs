//! What the rail leads to.

mod charts;
mod copy;
pub(crate) mod device;
mod drop;
mod fleet;
mod journey;
mod machines;
mod read;
mod recorded;
mod recordings;
mod scenarios;
mod start;
mod twins;
mod workflows;

pub(crate) use charts::Charts;
pub(crate) use device::Device;
pub(crate) use drop::DropZone;
pub(crate) use fleet::Fleet;
pub(crate) use journey::Journey;
pub(crate) use machines::Machines;
pub(crate) use recorded::Recorded;
pub(crate) use recordings::Recordings;
pub(crate) use scenarios::Scenarios;
pub(crate) use start::{Start, show};
pub(crate) use twins::Twins;
pub(crate) use workflows::Workflows;
