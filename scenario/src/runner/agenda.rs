//! What is to be done at a later time: ramps, rows, buttons that come up, faults.

use std::collections::BTreeMap;

use twinbench_model::{VirtualDuration, VirtualTime};

use crate::{file::Fault, plan::Act};

/// Something to be done.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Act(Act),
    Fault {
        number: usize,
        fault: Fault,
        begins: bool,
    },
}

/// Entries in order of time, and of their making at one instant; each with the step it belongs to.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(VirtualTime, u64), (Option<usize>, Entry)>,
    made: u64,
}

impl Agenda {
    pub(super) fn add(&mut self, time: VirtualTime, step: Option<usize>, entry: Entry) {
        self.entries.insert((time, self.made), (step, entry));
        self.made += 1;
    }

    /// When the next entry is due.
    pub(super) fn next(&self) -> Option<VirtualTime> {
        self.entries.keys().next().map(|(time, _)| *time)
    }

    /// When the next entry is due that a step set off.
    pub(super) fn next_of_steps(&self) -> Option<VirtualTime> {
        let mut entries = self.entries.iter();
        entries.find_map(|((time, _), (step, _))| step.map(|_| *time))
    }

    pub(super) fn take_due(&mut self, now: VirtualTime) -> Option<(Option<usize>, Entry)> {
        self.next().filter(|next| *next <= now)?;
        self.entries.pop_first().map(|(_, entry)| entry)
    }

    pub(super) fn ramp(
        &mut self,
        now: VirtualTime,
        step: usize,
        (device, quantity): (&str, &str),
        (from, to): (f64, f64),
        over: VirtualDuration,
        every: VirtualDuration,
    ) {
        let mut passed = 0u64;
        loop {
            let at_end = passed >= over.as_nanos();
            let value = if at_end {
                to
            } else {
                from + (to - from) * (passed as f64 / over.as_nanos() as f64)
            };
            let time = now.saturating_add(VirtualDuration::from_nanos(passed.min(over.as_nanos())));
            let act = Act::Sensor {
                device: device.to_owned(),
                quantity: quantity.to_owned(),
                value,
            };
            self.add(time, Some(step), Entry::Act(act));
            if at_end {
                return;
            }
            // The check of the file has seen to it that `every` is not nothing.
            passed = passed.saturating_add(every.as_nanos().max(1));
        }
    }

    pub(super) fn rows(
        &mut self,
        now: VirtualTime,
        step: usize,
        device: &str,
        rows: &[(VirtualDuration, String, f64)],
    ) {
        for (time, quantity, value) in rows {
            let act = Act::Sensor {
                device: device.to_owned(),
                quantity: quantity.clone(),
                value: *value,
            };
            self.add(now.saturating_add(*time), Some(step), Entry::Act(act));
        }
    }

    pub(super) fn press(
        &mut self,
        now: VirtualTime,
        step: usize,
        device: &str,
        button: &str,
        length: VirtualDuration,
    ) {
        for (time, pressed) in [(now, true), (now.saturating_add(length), false)] {
            let act = Act::Button {
                device: device.to_owned(),
                button: button.to_owned(),
                pressed,
            };
            self.add(time, Some(step), Entry::Act(act));
        }
    }
}
