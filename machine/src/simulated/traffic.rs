//! What devices in the field do besides sending at every interval: they lose their connection, send in
//! bursts, are updated in waves, and misbehave.
//!
//! All of it is drawn from the bench's seed, the device's id and the time, so that a fleet is spread and
//! yet the same at every run, also when it goes on after an interruption: each kind has cells of its own
//! length on the time line, and what happens in a cell depends on the cell alone.

use twinbench_model::{VirtualDuration, VirtualTime};

use crate::{
    Error,
    generator::{Key, Randomness},
};

/// What a device without firmware does besides sending at every interval.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Traffic {
    /// Many messages at once.
    pub burst: Option<Burst>,
    /// The connection comes and goes.
    pub churn: Option<Churn>,
    /// A new firmware for a whole fleet.
    pub update: Option<Update>,
    /// What is not as it must be.
    pub misbehaviour: Option<Misbehaviour>,
}

/// Many messages at once, such as those of a meter that sends what it has kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// How often: once in each such time, at a moment of the device's own.
    pub every: VirtualDuration,
    /// How many messages, a millisecond apart.
    pub count: u32,
}

/// The connection goes and comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Churn {
    /// How often: once in each such time, at a moment of the device's own.
    pub every: VirtualDuration,
    /// How long it is away; shorter than `every`.
    pub away: VirtualDuration,
}

/// A new firmware, which reaches the devices of a fleet one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// When the first may be updated, counted from the bench's epoch.
    pub at: VirtualDuration,
    /// How long the wave goes on: each device has a moment of its own in it.
    pub over: VirtualDuration,
    /// How long a device is away for it.
    pub takes: VirtualDuration,
    /// The version before.
    pub from: String,
    /// The version behind.
    pub to: String,
    /// The part of the devices that come back with the old version, in percent.
    pub fails: f64,
}

/// What is not as it must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Misbehaviour {
    /// How often: once in each such time, at a moment of the device's own.
    pub every: VirtualDuration,
    /// What it may do; each time one of them.
    pub kinds: Vec<Misdeed>,
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Misdeed {
    /// A message that ends in the middle of its JSON.
    Broken,
    /// Values as texts where numbers have to be.
    Texts,
    /// A message of 300 KB, which is more than a hub takes (256 KB).
    Huge,
    /// A message whose time stamp is a day old.
    Backdated,
    /// The last message a second time.
    Repeated,
    /// Sixty messages within a second, as of a device that is stuck in a loop.
    Flood,
}

/// What is to be done at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// One message of a burst or flood.
    Extra,
    /// The connection goes.
    Leave,
    /// The connection comes back.
    Return,
    /// The firmware is new from now on, or it is not: the update failed.
    Updated(bool),
    /// Something wrong.
    Wrong(Misdeed),
}

/// How far apart messages of a burst are.
const APART: VirtualDuration = VirtualDuration::from_millis(1);
/// How many messages a flood has.
const FLOOD: u32 = 60;
/// How far apart messages of a flood are.
const FLOOD_APART: VirtualDuration = VirtualDuration::from_millis(16);

/// What one device does, and when.
#[derive(Debug)]
pub(super) struct Agenda {
    traffic: Traffic,
    /// Moments of the kinds, in order of time; those of one moment in the order in which they are here.
    due: Vec<(VirtualTime, Plan)>,
    random: Randomness,
    /// Reasons to be away; it is there while there are none.
    away: u8,
    /// The version of its firmware, when it has one.
    version: Option<String>,
}

/// What is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Plan {
    Return,
    Updated,
    Burst,
    Misdeed,
    /// One of a row of messages: how many follow, and how far apart.
    Row {
        left: u32,
        apart: VirtualDuration,
    },
    Leave,
    Update,
}

impl Traffic {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every part can be.
    ///
    /// # Errors
    /// With what has to be changed.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |text: &str| Err(Error::Setting(text.to_owned()));
        let long = VirtualDuration::from_millis(1);
        if let Some(burst) = self.burst {
            let length = APART.as_nanos().saturating_mul(burst.count.into());
            if burst.count == 0 || burst.every < long {
                return wrong("a burst needs a count, and `every` of 1ms or longer");
            }
            if length > burst.every.as_nanos() {
                return wrong(
                    "a burst has more messages than milliseconds until the next: give a longer `every`",
                );
            }
        }
        if let Some(churn) = self.churn
            && (churn.away >= churn.every || churn.away < long)
        {
            return wrong("`away` must be 1ms or longer and shorter than `every`");
        }
        if let Some(update) = &self.update {
            if !(0.0..=100.0).contains(&update.fails) {
                return wrong("`fails` is a percentage: 0 to 100");
            }
            if update.takes < long {
                return wrong("an update takes 1ms or longer");
            }
        }
        if let Some(misbehaviour) = &self.misbehaviour
            && (misbehaviour.kinds.is_empty() || misbehaviour.every < VirtualDuration::from_secs(1))
        {
            return wrong("misbehaviour needs a kind, and `every` of 1s or longer");
        }
        Ok(())
    }
}

impl Agenda {
    /// What is to come after `start`; none when there is nothing.
    pub(super) fn new(traffic: Traffic, key: &Key, start: VirtualTime) -> Option<Box<Self>> {
        if traffic.is_empty() {
            return None;
        }
        let mut agenda = Self {
            due: Vec::new(),
            random: key.quantity("traffic"),
            away: 0,
            version: traffic.update.as_ref().map(|update| update.from.clone()),
            traffic,
        };
        for plan in [Plan::Burst, Plan::Leave, Plan::Misdeed] {
            if let Some(every) = agenda.every(plan) {
                // The cell in which `start` is, and the next when its moment has passed.
                let cell = start.as_nanos() / every.as_nanos();
                agenda.plan_cell(plan, cell, Some(start));
            }
        }
        agenda.plan_update(start);
        Some(Box::new(agenda))
    }

    /// When there is something to do.
    pub(super) fn next(&self) -> Option<VirtualTime> {
        self.due.first().map(|(time, _)| *time)
    }

    /// Whether it is cut off from its hub.
    pub(super) const fn is_away(&self) -> bool {
        self.away > 0
    }

    /// The version of its firmware.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// What is due at `now`, one after another.
    pub(super) fn take(&mut self, now: VirtualTime) -> Option<Deed> {
        while self.due.first().is_some_and(|(time, _)| *time <= now) {
            let (time, plan) = self.due.remove(0);
            if let Some(deed) = self.begin(time, plan) {
                return Some(deed);
            }
        }
        None
    }

    fn begin(&mut self, time: VirtualTime, plan: Plan) -> Option<Deed> {
        if let Some(every) = self.every(plan) {
            let cell = time.as_nanos() / every.as_nanos();
            self.plan_cell(plan, cell + 1, None);
        }
        match plan {
            Plan::Burst => {
                let count = self.traffic.burst.map_or(0, |burst| burst.count);
                self.row(time, count, APART);
                None
            }
            Plan::Row { left, apart } => {
                if left > 0 {
                    self.plan(
                        time.saturating_add(apart),
                        Plan::Row {
                            left: left - 1,
                            apart,
                        },
                    );
                }
                Some(Deed::Extra)
            }
            Plan::Leave => {
                let away = self
                    .traffic
                    .churn
                    .map_or(VirtualDuration::ZERO, |churn| churn.away);
                self.plan(time.saturating_add(away), Plan::Return);
                self.leave()
            }
            Plan::Update => {
                let takes = self.traffic.update.as_ref().map(|update| update.takes);
                self.plan(
                    time.saturating_add(takes.unwrap_or_default()),
                    Plan::Updated,
                );
                self.leave()
            }
            Plan::Return => self.come_back(),
            Plan::Updated => {
                let update = self.traffic.update.as_ref()?;
                let draw = self.random.at(time) * 100.0;
                let well = draw >= update.fails;
                if well {
                    self.version = Some(update.to.clone());
                }
                self.plan(time, Plan::Return);
                Some(Deed::Updated(well))
            }
            Plan::Misdeed => {
                let kinds = &self.traffic.misbehaviour.as_ref()?.kinds;
                let at = (self.random.at(time) * kinds.len() as f64) as usize;
                let kind = *kinds.get(at).or(kinds.last())?;
                if kind == Misdeed::Flood {
                    self.row(time, FLOOD, FLOOD_APART);
                    return None;
                }
                Some(Deed::Wrong(kind))
            }
        }
    }

    fn row(&mut self, time: VirtualTime, count: u32, apart: VirtualDuration) {
        if let Some(left) = count.checked_sub(1) {
            self.plan(time, Plan::Row { left, apart });
        }
    }

    fn leave(&mut self) -> Option<Deed> {
        self.away += 1;
        (self.away == 1).then_some(Deed::Leave)
    }

    fn come_back(&mut self) -> Option<Deed> {
        self.away = self.away.saturating_sub(1);
        (self.away == 0).then_some(Deed::Return)
    }

    /// How often something comes again.
    fn every(&self, plan: Plan) -> Option<VirtualDuration> {
        match plan {
            Plan::Burst => self.traffic.burst.map(|it| it.every),
            Plan::Leave => self.traffic.churn.map(|it| it.every),
            Plan::Misdeed => self.traffic.misbehaviour.as_ref().map(|it| it.every),
            Plan::Return | Plan::Updated | Plan::Row { .. } | Plan::Update => None,
        }
    }

    /// Plans what happens in a cell of the time line, or in the next one when it lies not after `after`.
    fn plan_cell(&mut self, plan: Plan, mut cell: u64, after: Option<VirtualTime>) {
        let Some(every) = self.every(plan).map(VirtualDuration::as_nanos) else {
            return;
        };
        // What takes a while ends within its cell, so that two of a kind never overlap.
        let room = match plan {
            Plan::Burst => self.traffic.burst.map_or(0, |it| {
                APART.as_nanos().saturating_mul(u64::from(it.count) - 1)
            }),
            Plan::Leave => self.traffic.churn.map_or(0, |it| it.away.as_nanos()),
            _ => 0,
        };
        let salt = match plan {
            Plan::Burst => 1,
            Plan::Leave => 2,
            _ => 3,
        };
        loop {
            let Some(begin) = cell.checked_mul(every) else {
                return;
            };
            // A number that no time of this kind has: cells are drawn far from what times draw.
            let draw = VirtualTime::from_nanos((u64::MAX - cell).wrapping_sub(salt << 40));
            let within = self.random.at(draw) * (every.saturating_sub(room)) as f64;
            let Some(time) = begin.checked_add(within as u64) else {
                return;
            };
            let time = VirtualTime::from_nanos(time / 1_000_000 * 1_000_000);
            if after.is_none_or(|after| time > after) && time.as_nanos() >= begin {
                self.plan(time, plan);
                return;
            }
            cell += 1;
        }
    }

    fn plan_update(&mut self, start: VirtualTime) {
        let Some(update) = self.traffic.update.clone() else {
            return;
        };
        let draw = self.random.at(VirtualTime::MAX);
        let within = VirtualDuration::from_secs_f64(update.over.as_secs_f64() * draw);
        let begin = VirtualTime::ZERO
            .saturating_add(update.at)
            .saturating_add(within);
        let end = begin.saturating_add(update.takes);
        if begin > start || start == VirtualTime::ZERO {
            self.plan(begin, Plan::Update);
        } else if end > start {
            self.away += 1;
            self.plan(end, Plan::Updated);
        } else if self.random.at(end) * 100.0 >= update.fails {
            self.version = Some(update.to);
        }
    }

    fn plan(&mut self, time: VirtualTime, plan: Plan) {
        let at = self.due.partition_point(|it| *it <= (time, plan));
        self.due.insert(at, (time, plan));
    }
}

#[cfg(test)]
mod tests {
    use twinbench_model::DeviceId;

    use super::*;

    const DAY: VirtualTime = VirtualTime::from_secs(24 * 3_600);

    fn key(device: &str) -> Key {
        Key {
            seed: 7,
            device: DeviceId::new(device).unwrap(),
        }
    }

    fn deeds(traffic: &Traffic, device: &str, start: VirtualTime) -> Vec<(VirtualTime, Deed)> {
        traffic.check().unwrap();
        let mut agenda = Agenda::new(traffic.clone(), &key(device), start).unwrap();
        let mut all = Vec::new();
        while let Some(time) = agenda.next().filter(|time| *time <= DAY) {
            while let Some(deed) = agenda.take(time) {
                all.push((time, deed));
            }
        }
        all
    }

    fn minutes(n: u64) -> VirtualDuration {
        VirtualDuration::from_secs(60 * n)
    }

    fn everything() -> Traffic {
        Traffic {
            burst: Some(Burst {
                every: minutes(60),
                count: 20,
            }),
            churn: Some(Churn {
                every: minutes(30),
                away: minutes(2),
            }),
            update: Some(Update {
                at: minutes(120),
                over: minutes(240),
                takes: minutes(3),
                from: "1".into(),
                to: "2".into(),
                fails: 0.0,
            }),
            misbehaviour: Some(Misbehaviour {
                every: minutes(10),
                kinds: vec![Misdeed::Broken, Misdeed::Repeated, Misdeed::Flood],
            }),
        }
    }

    #[test]
    fn everything_comes_as_often_as_it_is_told() {
        let all = deeds(&everything(), "a", VirtualTime::ZERO);
        let count =
            |wanted: &dyn Fn(Deed) -> bool| all.iter().filter(|(_, it)| wanted(*it)).count();
        let wrong = count(&|it| matches!(it, Deed::Wrong(_)));
        let floods = 144 - wrong;
        assert!((20..80).contains(&floods), "{floods}");
        assert_eq!(
            count(&|it| it == Deed::Extra),
            24 * 20 + floods * FLOOD as usize
        );
        // An update in the middle of a lost connection is one absence.
        let left = count(&|it| it == Deed::Leave);
        assert!((48..=49).contains(&left), "{left}");
        assert_eq!(count(&|it| it == Deed::Return), left);
        assert_eq!(count(&|it| it == Deed::Updated(true)), 1);
        let mut away = false;
        for (time, deed) in &all {
            match deed {
                Deed::Leave => assert!(!std::mem::replace(&mut away, true), "{time}"),
                Deed::Return => assert!(std::mem::replace(&mut away, false), "{time}"),
                _ => {}
            }
        }
        assert!(all.is_sorted_by_key(|(time, _)| *time));
    }

    #[test]
    fn a_fleet_is_spread_and_the_same_at_every_run() {
        let first: Vec<_> = (0..50)
            .map(|n| deeds(&everything(), &format!("d-{n}"), VirtualTime::ZERO)[0])
            .collect();
        let mut times: Vec<_> = first.iter().map(|(time, _)| *time).collect();
        times.sort();
        times.dedup();
        assert!(times.len() > 40, "{times:?}");
        let again = deeds(&everything(), "d-7", VirtualTime::ZERO)[0];
        assert_eq!(first[7], again);
    }

    #[test]
    fn after_an_interruption_it_goes_on_as_it_would_have() {
        let traffic = Traffic {
            churn: None,
            ..everything()
        };
        let whole = deeds(&traffic, "a", VirtualTime::ZERO);
        for start in [1_000, 7_300, 40_000].map(VirtualTime::from_secs) {
            let rest = deeds(&traffic, "a", start);
            // A row of messages that is under way at the interruption is over with it.
            let behind = start.saturating_add(minutes(1));
            let later = |all: &[(VirtualTime, Deed)]| {
                let later = all.iter().filter(|(time, _)| *time > behind);
                later.copied().collect::<Vec<_>>()
            };
            assert_eq!(later(&rest), later(&whole), "{start}");
        }
    }

    #[test]
    fn some_updates_fail() {
        let mut traffic = everything();
        traffic.update.as_mut().unwrap().fails = 25.0;
        let failed = (0..400)
            .filter(|n| {
                let all = deeds(&traffic, &format!("d-{n}"), VirtualTime::ZERO);
                all.iter().any(|(_, it)| *it == Deed::Updated(false))
            })
            .count();
        assert!((70..130).contains(&failed), "{failed}");
    }

    #[test]
    fn what_cannot_be_is_said() {
        let check = |change: &dyn Fn(&mut Traffic), part: &str| {
            let mut traffic = everything();
            change(&mut traffic);
            let error = traffic.check().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check(&|it| it.burst.as_mut().unwrap().count = 0, "count");
        check(
            &|it| it.burst.as_mut().unwrap().count = 4_000_000,
            "more messages",
        );
        check(
            &|it| it.churn.as_mut().unwrap().away = minutes(30),
            "`away`",
        );
        check(&|it| it.update.as_mut().unwrap().fails = 101.0, "0 to 100");
        check(
            &|it| it.misbehaviour.as_mut().unwrap().kinds.clear(),
            "a kind",
        );
    }
}
