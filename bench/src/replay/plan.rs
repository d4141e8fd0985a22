//! Which messages of a recording are sent, when and by whom.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp, fmt::temporal::DateTimePrinter};
use twinbench_model::{DeviceId, VirtualDuration, VirtualTime};
use twinbench_recording::Reader;

use super::{
    Error,
    source::{Sent, message},
};

/// How a recording is played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// From this time of the recording on.
    pub from: VirtualTime,
    /// Up to this time of the recording, without it; `None`: to its end.
    pub to: Option<VirtualTime>,
    /// How often it is played, one after the other; 0 is once.
    pub loops: u32,
    /// Which devices; none: all.
    pub devices: Vec<String>,
    /// Other ids for devices.
    pub ids: Mapping,
    /// Play it as so many devices: each is one of the recording's, in turn.
    pub copies: Option<u32>,
    /// The last of these devices is so much later than the first; the others lie between.
    pub phase: VirtualDuration,
}

/// Other ids for devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    named: BTreeMap<String, String>,
    every: Option<String>,
}

impl Mapping {
    /// Adds `OLD=NEW`, or `*=PATTERN` for all others, in which `{id}` is the old id.
    ///
    /// # Errors
    /// When it has not this form, or gives no device id.
    pub fn add(&mut self, text: &str) -> Result<(), Error> {
        let wrong = |reason: &str| {
            Error::Asked(format!(
                "{text:?} maps no device: {reason}; write OLD=NEW, or '*=lab-{{id}}' for all"
            ))
        };
        let (old, new) = text.split_once('=').ok_or_else(|| wrong("it has no `=`"))?;
        DeviceId::new(&new.replace("{id}", "x")).map_err(|cause| wrong(&cause.to_string()))?;
        if old == "*" {
            if !new.contains("{id}") {
                return Err(wrong("all devices would have one id"));
            }
            self.every = Some(new.to_owned());
        } else {
            self.named.insert(old.to_owned(), new.to_owned());
        }
        Ok(())
    }

    fn of(&self, old: &str) -> String {
        if let Some(new) = self.named.get(old) {
            return new.replace("{id}", old);
        }
        match &self.every {
            Some(pattern) => pattern.replace("{id}", old),
            None => old.to_owned(),
        }
    }
}

/// One device as which the recording is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The recording's device.
    pub recorded: DeviceId,
    /// The device that sends.
    pub device: DeviceId,
    /// How much later.
    pub shift: VirtualDuration,
}

impl Plan {
    /// Who plays whom. The devices are those of the recording.
    ///
    /// # Errors
    /// When an id is none, two devices would have one id, or there is no device.
    pub fn roles(&self, recorded: &[DeviceId]) -> Result<Vec<Role>, Error> {
        let recorded: Vec<&DeviceId> = recorded.iter().filter(|id| self.takes(id)).collect();
        if recorded.is_empty() {
            return Err(Error::Asked(
                "the recording has no messages of these devices; `twinbench export FILE --kind d2c` lists what it has"
                    .to_owned(),
            ));
        }
        let count = self.copies.unwrap_or(recorded.len() as u32);
        let mut roles = Vec::new();
        for n in 0..count {
            let id = recorded[n as usize % recorded.len()];
            let mut name = self.ids.of(id.as_str());
            if self.copies.is_some() {
                name = format!("{name}-{}", n + 1);
            }
            let device = DeviceId::new(&name).map_err(|cause| Error::Asked(cause.to_string()))?;
            let part = f64::from(n) / f64::from(count.saturating_sub(1).max(1));
            let shift = match self.copies {
                Some(_) => VirtualDuration::from_secs_f64(self.phase.as_secs_f64() * part),
                None => VirtualDuration::ZERO,
            };
            roles.push(Role {
                recorded: id.clone(),
                device,
                shift,
            });
        }
        let mut ids: Vec<&DeviceId> = roles.iter().map(|role| &role.device).collect();
        ids.sort();
        let twice = ids.iter().zip(ids.iter().skip(1)).find(|(a, b)| a == b);
        if let Some((twice, _)) = twice {
            return Err(Error::Asked(format!(
                "two devices of the recording would be {twice}; map them to ids of their own"
            )));
        }
        Ok(roles)
    }

    fn takes(&self, id: &DeviceId) -> bool {
        let fits = |pattern: &String| twinbench_scenario::plan::fits(pattern, id.as_str());
        self.devices.is_empty() || self.devices.iter().any(fits)
    }
}

/// Reads a recording anew for each loop.
type Open<'a> = dyn FnMut() -> Result<Reader, twinbench_recording::Error> + 'a;

/// The messages to send, in order of their times.
pub struct Messages<'a> {
    open: Box<Open<'a>>,
    plan: Plan,
    roles: BTreeMap<DeviceId, Vec<Role>>,
    reader: Option<Reader>,
    /// Messages read whose time is not yet come: (time, device, number).
    late: BinaryHeap<Reverse<(VirtualTime, DeviceId, u64, Held)>>,
    ready: VecDeque<Sent>,
    /// How many messages were read.
    read: u64,
    /// The loop that is being read, and by how much it is later.
    loops: u32,
    offset: VirtualDuration,
    last: VirtualTime,
    ended: bool,
}

/// A message that waits; it has no order of its own.
struct Held(Arc<Sent>, VirtualDuration);

impl PartialEq for Held {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Held {}
impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Held {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl<'a> Messages<'a> {
    /// Messages by a plan; `open` reads the recording, once for each loop.
    ///
    /// # Errors
    /// As [`Plan::roles`].
    pub fn new(
        plan: Plan,
        recorded: &[DeviceId],
        open: impl FnMut() -> Result<Reader, twinbench_recording::Error> + 'a,
    ) -> Result<Self, Error> {
        let mut roles: BTreeMap<DeviceId, Vec<Role>> = BTreeMap::new();
        for role in plan.roles(recorded)? {
            roles.entry(role.recorded.clone()).or_default().push(role);
        }
        Ok(Self {
            open: Box::new(open),
            plan,
            roles,
            reader: None,
            late: BinaryHeap::new(),
            ready: VecDeque::new(),
            read: 0,
            loops: 0,
            offset: VirtualDuration::ZERO,
            last: VirtualTime::ZERO,
            ended: false,
        })
    }

    /// Reads on until a message is ready, or the end is reached.
    fn advance(&mut self) -> Result<(), Error> {
        while self.ready.is_empty() {
            if self.ended {
                while let Some(Reverse((time, device, _, held))) = self.late.pop() {
                    self.ready.push_back(held.sent(time, device));
                }
                return Ok(());
            }
            let reader = match &mut self.reader {
                Some(reader) => reader,
                none => none.insert((self.open)()?),
            };
            let entry = match reader.next() {
                Some(read) => Some(read?.entry),
                None => None,
            };
            let past = |entry: &twinbench_recording::Entry| {
                self.plan.to.is_some_and(|to| entry.time >= to)
            };
            let Some(entry) = entry.filter(|entry| !past(entry)) else {
                self.next_loop();
                continue;
            };
            self.last = self.last.max(entry.time);
            let Some(sent) = message(&entry) else {
                continue;
            };
            let Some(roles) = self.roles.get(&sent.device) else {
                continue;
            };
            let base = sent.time + self.offset;
            let sent = Arc::new(sent);
            for role in roles {
                let shift = sum(self.offset, role.shift);
                let held = Held(Arc::clone(&sent), shift);
                let place = (base + role.shift, role.device.clone(), self.read, held);
                self.late.push(Reverse(place));
                self.read += 1;
            }
            // What comes later in the file is at this time or later.
            while let Some(Reverse((time, ..))) = self.late.peek() {
                if *time >= base {
                    break;
                }
                if let Some(Reverse((time, device, _, held))) = self.late.pop() {
                    self.ready.push_back(held.sent(time, device));
                }
            }
        }
        Ok(())
    }

    /// The next loop begins a second or less after the last event, on a whole second.
    fn next_loop(&mut self) {
        self.reader = None;
        self.loops += 1;
        if self.loops >= self.plan.loops.max(1) {
            self.ended = true;
            return;
        }
        let end = self.plan.to.unwrap_or(self.last);
        let length = end.since(self.plan.from).as_nanos();
        let second = 1_000_000_000;
        let whole = length.div_ceil(second).max(1) * second;
        self.offset = sum(self.offset, VirtualDuration::from_nanos(whole));
    }
}

fn sum(a: VirtualDuration, b: VirtualDuration) -> VirtualDuration {
    VirtualDuration::from_nanos(a.as_nanos().saturating_add(b.as_nanos()))
}

impl Iterator for Messages<'_> {
    type Item = Result<Sent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.advance() {
            self.ended = true;
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}

impl Held {
    fn sent(self, time: VirtualTime, device: DeviceId) -> Sent {
        let Self(sent, shift) = self;
        let mut message = sent.message.clone();
        if device != sent.device || shift > VirtualDuration::ZERO {
            message.body = told(&message.body, &sent.device, &device, shift).into();
        }
        Sent {
            time,
            device,
            message,
        }
    }
}

/// A body in which the device says its own id and a time of its own: the JSON texts that are the
/// old id become the new one, and the instants of fields named `timestamp` are shifted. Bodies
/// that are no text stay as they are.
fn told(body: &[u8], old: &DeviceId, new: &DeviceId, shift: VirtualDuration) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(body) else {
        return body.to_vec();
    };
    let mut text = text.replace(&format!("\"{old}\""), &format!("\"{new}\""));
    if shift > VirtualDuration::ZERO {
        text = shifted(&text, shift);
    }
    text.into_bytes()
}

fn shifted(text: &str, shift: VirtualDuration) -> String {
    const FIELD: &str = "imestamp\"";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(FIELD) {
        let (head, tail) = rest.split_at(at + FIELD.len());
        out.push_str(head);
        rest = tail;
        // `: "…"`, with white space.
        let Some(quote) = tail.find('"').filter(|quote| tail[..*quote].trim() == ":") else {
            continue;
        };
        let value = &tail[quote + 1..];
        let Some(end) = value.find('"') else { continue };
        let Some(moved) = moved(&value[..end], shift) else {
            continue;
        };
        out.push_str(&tail[..=quote]);
        out.push_str(&moved);
        rest = &value[end..];
    }
    out.push_str(rest);
    out
}

/// An instant, so much later, with as many decimals and the same form of its zone.
fn moved(text: &str, shift: VirtualDuration) -> Option<String> {
    let instant: Timestamp = text.parse().ok()?;
    let nanos = i64::try_from(shift.as_nanos()).ok()?;
    let later = instant
        .checked_add(SignedDuration::from_nanos(nanos))
        .ok()?;
    let decimals = text.find('.').map_or(0, |dot| {
        let digits = text[dot + 1..].bytes().take_while(u8::is_ascii_digit);
        digits.count().min(9) as u8
    });
    let printer = DateTimePrinter::new().precision(Some(decimals));
    let mut moved = String::new();
    printer.print_timestamp(&later, &mut moved).ok()?;
    if !text.ends_with('Z') {
        // Another zone's local time would need the zone: UTC says the same.
        moved.truncate(moved.len() - 1);
        moved.push_str("+00:00");
    }
    Some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DeviceId {
        DeviceId::new(text).unwrap()
    }

    #[test]
    fn devices_get_other_ids() {
        let mut plan = Plan::default();
        plan.ids.add("a=b").unwrap();
        plan.ids.add("*=lab-{id}").unwrap();
        let roles = plan.roles(&[id("a"), id("c")]).unwrap();
        let names: Vec<_> = roles.iter().map(|role| role.device.as_str()).collect();
        assert_eq!(names, ["b", "lab-c"]);
        for wrong in ["a", "*=one", "a=", "a=ü"] {
            assert!(Mapping::default().add(wrong).is_err(), "{wrong}");
        }
        let mut plan = Plan::default();
        plan.ids.add("a=c").unwrap();
        let told = plan.roles(&[id("a"), id("c")]).unwrap_err().to_string();
        assert!(told.contains("would be c"), "{told}");
    }

    #[test]
    fn one_recording_is_played_as_many() {
        let plan = Plan {
            copies: Some(5),
            phase: VirtualDuration::from_secs(10),
            ..Plan::default()
        };
        let roles = plan.roles(&[id("a"), id("b")]).unwrap();
        let told: Vec<_> = roles
            .iter()
            .map(|role| (role.device.as_str(), role.shift.as_secs_f64()))
            .collect();
        assert_eq!(
            told,
            [
                ("a-1", 0.0),
                ("b-2", 2.5),
                ("a-3", 5.0),
                ("b-4", 7.5),
                ("a-5", 10.0)
            ]
        );
    }

    #[test]
    fn a_body_tells_its_new_id_and_time() {
        let body = br#"{"Timestamp":"2026-01-01T00:00:00.536+00:00","DeviceId":"a","x":"ab","timestamp": "2026-01-01T00:00:01Z","t":1}"#;
        let told = told(
            body,
            &id("a"),
            &id("b"),
            VirtualDuration::from_millis(1_500),
        );
        assert_eq!(
            String::from_utf8(told).unwrap(),
            r#"{"Timestamp":"2026-01-01T00:00:02.036+00:00","DeviceId":"b","x":"ab","timestamp": "2026-01-01T00:00:02Z","t":1}"#
        );
        let odd = "{\"timestamp\":7,\"timestamp\":\"noon\",\"timestamp\"";
        assert_eq!(shifted(odd, VirtualDuration::from_secs(1)), odd);
    }
}
