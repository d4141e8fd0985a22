//! Which entries of a recording are taken.

use twinbench_model::VirtualTime;

use crate::{Entry, diff::fits};

/// Takes entries by channel, device and time; without a condition all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Patterns of channels (`kind/source`) with `*`; one of them fits.
    pub channels: Vec<String>,
    /// Patterns of devices with `*`; one of them fits the source, the device that it begins with,
    /// or the key of an entity.
    pub devices: Vec<String>,
    /// From this time on.
    pub from: VirtualTime,
    /// Up to this time, without it.
    pub to: Option<VirtualTime>,
}

impl Filter {
    /// Whether an entry is taken.
    pub fn takes(&self, entry: &Entry) -> bool {
        entry.time >= self.from
            && self.to.is_none_or(|to| entry.time < to)
            && (self.channels.is_empty() || {
                let channel = entry.channel();
                self.channels.iter().any(|it| fits(it, &channel))
            })
            && (self.devices.is_empty() || {
                let device = entry.subject();
                let fits = |it: &String| fits(it, device) || fits(it, &entry.source);
                self.devices.iter().any(fits)
            })
    }

    /// Whether nothing that comes at this time or later is taken.
    pub fn is_over(&self, time: VirtualTime) -> bool {
        self.to.is_some_and(|to| time >= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinbench_model::{Event, Room};

    fn entry(millis: u64, kind: &'static str, source: &str) -> Entry {
        let time = VirtualTime::from_millis(millis);
        Entry::new(Event::json(time, Room::Hub, kind, source.into(), &1), 0)
    }

    #[test]
    fn conditions_are_all_met() {
        let filter = Filter {
            channels: vec!["d2c/*".into(), "entity/*".into()],
            devices: vec!["dev-*".into()],
            from: VirtualTime::from_millis(10),
            to: Some(VirtualTime::from_millis(20)),
        };
        for (millis, kind, source, taken) in [
            (10, "d2c", "dev-1", true),
            (19, "entity", "@standarddeviceentity@dev-1", true),
            (9, "d2c", "dev-1", false),
            (20, "d2c", "dev-1", false),
            (15, "uart", "dev-1", false),
            (15, "d2c", "other", false),
        ] {
            assert_eq!(
                filter.takes(&entry(millis, kind, source)),
                taken,
                "{kind}/{source}"
            );
        }
        assert!(Filter::default().takes(&entry(0, "uart", "dev-1/usart2")));
        assert!(filter.is_over(VirtualTime::from_millis(20)));
    }
}
