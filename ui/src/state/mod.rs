//! What is known of the bench: one store, fed by deltas.

mod console;
mod delta;
mod events;
mod take;

use reactive_stores::Store;

pub(crate) use console::{Console, pieces};
pub(crate) use delta::{Applied, follows};
pub(crate) use events::{Events, severity};
pub(crate) use take::{console, events_in, list_of, row_of, samples, status, status_in, take};

use crate::{
    api::Trouble,
    chart::Kind,
    wire::{ChannelInfo, DeviceRow, Status},
};

/// What is known of the bench.
#[derive(Debug, Clone, Default, Store)]
pub(crate) struct Live {
    /// Where it stands; nothing before the first answer.
    pub(crate) status: Option<Status>,
    /// Its devices, by id.
    pub(crate) devices: Vec<DeviceRow>,
    /// What happened.
    pub(crate) events: Events,
    /// Its channels.
    pub(crate) channels: Vec<ChannelInfo>,
    /// What consoles said.
    pub(crate) consoles: std::collections::BTreeMap<(String, String), Console>,
    /// Counts up when orchestrations changed.
    pub(crate) workflows: u64,
    /// Messages a second of the wall clock.
    pub(crate) rate: f64,
    /// Why there is no news.
    pub(crate) trouble: Option<Trouble>,
    /// The number of the last delta.
    pub(crate) seq: Option<u64>,
}

/// Finding in the store.
pub(crate) trait Find {
    /// A device's row.
    fn device(&self, id: &str) -> Option<DeviceRow>;
}

impl Find for Store<Live> {
    fn device(&self, id: &str) -> Option<DeviceRow> {
        use leptos::prelude::Read as _;
        let devices = self.devices();
        let rows = devices.read();
        find(&rows, id).cloned()
    }
}

/// A device among rows sorted by id.
pub(crate) fn find<'a>(rows: &'a [DeviceRow], id: &str) -> Option<&'a DeviceRow> {
    let at = rows.binary_search_by(|row| row.id.as_str().cmp(id)).ok()?;
    rows.get(at)
}

/// What a channel carries.
pub(crate) fn kind(info: &ChannelInfo) -> Kind {
    match info.kind.as_str() {
        "state" => Kind::State,
        "alert" => Kind::Alert,
        _ => Kind::Number,
    }
}
