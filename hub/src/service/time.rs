//! Instants as the service writes and reads them.

use jiff::Timestamp;
use twinbench_model::VirtualTime;

use crate::Hub;

/// An instant in ISO 8601, UTC.
pub(super) fn iso(hub: &Hub, time: VirtualTime) -> String {
    hub.options.epoch.rfc3339(time)
}

/// Reads an instant; one before the bench's epoch counts as its beginning.
pub(super) fn parse(hub: &Hub, text: &str) -> Option<VirtualTime> {
    let text = text.trim();
    // Some clients write no zone and mean UTC.
    let instant: Timestamp = text.parse().or_else(|_| format!("{text}Z").parse()).ok()?;
    Some(
        hub.options
            .epoch
            .virtual_time(instant)
            .unwrap_or(VirtualTime::ZERO),
    )
}
