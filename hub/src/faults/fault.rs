//! Which faults there are, and which act on whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinbench_model::{VirtualDuration, VirtualTime};

/// A fault that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FaultId(pub u64);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The network is gone: connections break, new ones are closed without an answer.
    NetworkDrop,
    /// Nothing passes in either direction, though connections stand, until somebody gives up.
    HalfOpen,
    /// What the hub says arrives so much later, in order.
    Latency(VirtualDuration),
    /// Messages are taken twice, and messages to devices are sent twice, this likely (0 to 1).
    Duplicate(f64),
    /// Messages are taken late, each by a time of its own up to this one.
    Reorder(VirtualDuration),
    /// Acknowledgements come so much later, and twins answer 429.
    Throttle(VirtualDuration),
    /// CONNECT is refused with return code 5.
    RejectAuthentication,
    /// Connections are closed, once.
    ForceDisconnect,
    /// Connections are closed; until the fault ends, CONNECT is refused with return code 3.
    ServerRestart,
}

/// A fault: what, whose, how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Whose: a device's id, where `*` stands for any characters; `None` is everybody's. Modules
    /// go with their devices.
    pub device: Option<String>,
    /// How long; `None` until it is ended by hand.
    pub lasts: Option<VirtualDuration>,
}

impl Fault {
    /// Whether it acts on a device.
    pub fn acts_on(&self, device: &str) -> bool {
        let fits = |pattern: &String| fits(pattern.as_bytes(), device.as_bytes());
        self.device.as_ref().is_none_or(fits)
    }
}

fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star is, and how much of the text it has taken.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Faults that are under way.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(super) active: BTreeMap<FaultId, (Fault, Option<VirtualTime>)>,
    pub(super) last: u64,
    drawn: u64,
}

impl Faults {
    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// The first answer that a fault on this device gives.
    pub(crate) fn find<T>(&self, device: &str, of: impl Fn(FaultKind) -> Option<T>) -> Option<T> {
        let acting = self
            .active
            .values()
            .filter(|(fault, _)| fault.acts_on(device));
        acting.map(|(fault, _)| fault.kind).find_map(of)
    }

    pub(crate) fn acts(&self, device: &str, kind: FaultKind) -> bool {
        self.find(device, |other| (other == kind).then_some(()))
            .is_some()
    }

    /// A number in [0, 1) that depends on the device and on how many were drawn before.
    pub(crate) fn draw(&mut self, device: &str) -> f64 {
        self.drawn += 1;
        // SplitMix64 over the count and the device's hash: enough for faults, and the same on
        // every run.
        let seed = u64::from(crc32fast::hash(device.as_bytes()));
        let mut z = self
            .drawn
            .wrapping_add(seed << 32)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn next_timer(&self) -> Option<VirtualTime> {
        self.active.values().filter_map(|(_, until)| *until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_ids() {
        let check = |pattern: &str, text: &str, expected| {
            assert_eq!(
                fits(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        };
        check("dev-1", "dev-1", true);
        check("dev-1", "dev-12", false);
        check("dev-*", "dev-12", true);
        check("*-1", "dev-1-1", true);
        check("d*v*2", "dev-12", true);
        check("d*v*2", "dev-123", false);
        check("*", "", true);
        check("", "x", false);
    }

    #[test]
    fn draws_are_spread_and_the_same_on_every_run() {
        let mut faults = Faults::default();
        let drawn: Vec<f64> = (0..1_000).map(|_| faults.draw("d")).collect();
        assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
        let low = drawn.iter().filter(|number| **number < 0.25).count();
        assert!((200..300).contains(&low), "{low}");
        assert_eq!(drawn[0].to_bits(), Faults::default().draw("d").to_bits());
    }
}
