//! Connectors that are told to fail, to be slow or to be down for a while.

use std::collections::BTreeMap;

use twinbench_model::VirtualDuration;

use super::{SAVE_CAPTURE_DATA, TO_DEVICE, TO_MAIL, TO_TWILIO, TO_WEBHOOK};

/// What is wrong with a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody is there: no call reaches anybody.
    Down,
    /// Every call is refused, with this reason.
    Refuses(String),
    /// Calls succeed, and the answer comes so much later.
    Slow(VirtualDuration),
}

/// A fault of connectors while it lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorFault {
    /// Which: a short name (`c2d`, `sms`, `email`, `webhook`, `capture`) or the activity's; all
    /// of them when there is none.
    pub connector: Option<String>,
    /// Whose calls: a device's id; everybody's when there is none.
    pub device: Option<String>,
    /// What is wrong.
    pub trouble: Trouble,
}

/// Short names of connectors, and the activities that they stand for.
pub const NAMES: [(&str, &str); 5] = [
    ("c2d", TO_DEVICE),
    ("sms", TO_TWILIO),
    ("email", TO_MAIL),
    ("webhook", TO_WEBHOOK),
    ("capture", SAVE_CAPTURE_DATA),
];

/// The activity of a connector's name, short or long; `None` when there is no such connector.
pub fn activity_of(connector: &str) -> Option<&'static str> {
    NAMES
        .into_iter()
        .find(|(short, long)| *short == connector || *long == connector)
        .map(|(_, long)| long)
}

/// Faults that are under way, by the number that tells them apart.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<usize, ConnectorFault>);

impl Faults {
    pub(super) fn begin(&mut self, number: usize, fault: ConnectorFault) {
        self.0.insert(number, fault);
    }

    pub(super) fn end(&mut self, number: usize) {
        self.0.remove(&number);
    }

    /// What happens to a call: the reason why it fails, or how late its answer comes.
    pub(super) fn of(&self, activity: &str, device: &str) -> Result<VirtualDuration, String> {
        let mut late = VirtualDuration::ZERO;
        for fault in self.0.values() {
            let named = fault.connector.as_deref();
            let concerned = named.is_none_or(|it| activity_of(it).unwrap_or(it) == activity)
                && fault.device.as_deref().is_none_or(|it| it == device);
            if !concerned {
                continue;
            }
            match &fault.trouble {
                Trouble::Down => return Err(format!("{activity} is down")),
                Trouble::Refuses(reason) => return Err(reason.clone()),
                Trouble::Slow(by) => {
                    late =
                        VirtualDuration::from_nanos(late.as_nanos().saturating_add(by.as_nanos()));
                }
            }
        }
        Ok(late)
    }
}
