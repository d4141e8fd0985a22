//! The search for a seed and a schedule of faults that break a scenario, and the shrinking of what
//! was found. Pure: whoever searches runs the candidates.

use std::fmt::Write as _;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::Serialize;
use twinbench_model::VirtualDuration;

use crate::file::{Fault, FaultKind};

/// The most faults of a schedule.
const MOST_FAULTS: u64 = 4;

/// A seed with a schedule of faults.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The bench's seed.
    pub seed: u64,
    /// The faults, beside those of the scenario.
    pub faults: Vec<Fault>,
}

/// What may go wrong, on which bench.
#[derive(Debug, Clone)]
pub struct Space {
    /// Kinds of faults.
    pub kinds: Vec<FaultKind>,
    /// Devices that may be concerned.
    pub devices: Vec<String>,
    /// How long the scenario takes when nothing goes wrong.
    pub length: VirtualDuration,
}

impl Space {
    /// The candidate of a number: the same one each time.
    pub fn candidate(&self, seed: u64) -> Candidate {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let count = if self.kinds.is_empty() {
            0
        } else {
            1 + random.next_u64() % MOST_FAULTS
        };
        let mut faults: Vec<_> = (0..count).map(|_| self.fault(&mut random)).collect();
        faults.sort_by_key(|fault| (fault.from, fault.kind));
        // Signals are reordered or doubled from the begin of a run on: one switch each.
        for kind in [FaultKind::SignalReorder, FaultKind::SignalDuplicate] {
            let mut seen = false;
            faults.retain(|fault| fault.kind != kind || !std::mem::replace(&mut seen, true));
        }
        Candidate { seed, faults }
    }

    fn fault(&self, random: &mut ChaCha8Rng) -> Fault {
        // At least a second, so that a share of it is something.
        let millis = (self.length.as_nanos() / 1_000_000).max(1_000);
        let mut below = |limit: u64| random.next_u64() % limit.max(1);
        let kind = self
            .kinds
            .get(below(self.kinds.len() as u64) as usize)
            .copied()
            .unwrap_or(FaultKind::Drop);
        let from = VirtualDuration::from_millis(below(millis));
        let length = VirtualDuration::from_millis(100 + below(millis / 2));
        let device = match below(self.devices.len() as u64 + 1) {
            0 => None,
            n => self.devices.get(n as usize - 1).cloned(),
        };
        let probability = [None, Some(0.5), Some(0.25)][below(3) as usize];
        let by = VirtualDuration::from_millis([200, 1_000, 5_000, 20_000][below(4) as usize]);
        let mut fault = Fault {
            from,
            length: (!kind.is_instant()).then_some(length),
            kind,
            device,
            connector: None,
            probability: None,
            by: None,
        };
        match kind {
            FaultKind::Drop | FaultKind::Duplicate | FaultKind::Redeliver => {
                fault.probability = probability;
            }
            FaultKind::Delay | FaultKind::Reorder | FaultKind::ClockSkew => {
                fault.probability = probability;
                fault.by = Some(by);
            }
            FaultKind::SignalReorder | FaultKind::SignalDuplicate => {
                fault.from = VirtualDuration::ZERO;
                fault.length = None;
                fault.probability = probability;
                fault.by = (kind == FaultKind::SignalReorder).then_some(by);
                fault.device = None;
            }
            FaultKind::Latency | FaultKind::Throttle | FaultKind::ConnectorSlow => {
                fault.by = Some(by);
            }
            FaultKind::Crash
            | FaultKind::Brownout
            | FaultKind::WifiDown
            | FaultKind::ConnectorDown
            | FaultKind::ConnectorRefuses
            | FaultKind::NetworkDrop
            | FaultKind::HalfOpen
            | FaultKind::RejectAuthentication
            | FaultKind::ForceDisconnect
            | FaultKind::ServerRestart => {}
        }
        if matches!(
            kind,
            FaultKind::Crash
                | FaultKind::Redeliver
                | FaultKind::ConnectorDown
                | FaultKind::ConnectorRefuses
                | FaultKind::ConnectorSlow
        ) {
            fault.device = None;
        }
        fault
    }
}

/// Makes a candidate smaller as long as it still breaks the scenario: fewer faults, shorter ones,
/// certain ones, later ones. `breaks` is asked at most `most` times.
pub fn shrink(
    found: Candidate,
    most: usize,
    breaks: &mut dyn FnMut(&Candidate) -> bool,
) -> (Candidate, usize) {
    let mut best = found;
    let mut asked = 0;
    // First less of it, then rounder times; the other way round it would go in circles.
    for steps in [smaller, rounder] {
        'again: loop {
            for candidate in steps(&best) {
                if asked >= most {
                    return (best, asked);
                }
                asked += 1;
                if breaks(&candidate) {
                    best = candidate;
                    continue 'again;
                }
            }
            break;
        }
    }
    (best, asked)
}

/// Smaller candidates, the smallest steps last.
fn smaller(of: &Candidate) -> Vec<Candidate> {
    let mut all = Vec::new();
    let mut add = |faults: Vec<Fault>| {
        all.push(Candidate {
            seed: of.seed,
            faults,
        });
    };
    let count = of.faults.len();
    if count > 1 {
        add(of.faults[..count / 2].to_vec());
        add(of.faults[count / 2..].to_vec());
    }
    for index in 0..count {
        let mut fewer = of.faults.clone();
        fewer.remove(index);
        add(fewer);
    }
    for index in 0..count {
        let fault = &of.faults[index];
        let mut with = |change: &dyn Fn(&mut Fault)| {
            let mut faults = of.faults.clone();
            change(&mut faults[index]);
            if faults != of.faults {
                add(faults);
            }
        };
        if fault.probability.is_some() {
            with(&|it| it.probability = None);
        }
        if let Some(length) = fault.length {
            let half = VirtualDuration::from_millis(length.as_nanos() / 2_000_000);
            if half >= VirtualDuration::from_millis(50) {
                with(&|it| it.length = Some(half));
                // The second half alone.
                with(&|it| {
                    it.from = VirtualDuration::from_nanos(it.from.as_nanos() + half.as_nanos());
                    it.length = Some(half);
                });
            }
        }
    }
    all
}

/// The same with one time that is a whole number of seconds and was none: read more easily.
fn rounder(of: &Candidate) -> Vec<Candidate> {
    const SECOND: u64 = 1_000_000_000;
    let odd = |span: VirtualDuration| !span.as_nanos().is_multiple_of(SECOND);
    let mut all = Vec::new();
    for (index, fault) in of.faults.iter().enumerate() {
        let mut with = |change: &dyn Fn(&mut Fault)| {
            let mut faults = of.faults.clone();
            change(&mut faults[index]);
            all.push(Candidate {
                seed: of.seed,
                faults,
            });
        };
        let seconds = |count: u64| VirtualDuration::from_secs(count);
        if odd(fault.from) {
            let below = fault.from.as_nanos() / SECOND;
            with(&|it| it.from = seconds(below));
            with(&|it| it.from = seconds(below + 1));
        }
        if let Some(length) = fault.length.filter(|it| odd(*it)) {
            with(&|it| it.length = Some(seconds(length.as_nanos() / SECOND + 1)));
        }
    }
    all
}

/// The found case as a scenario file: the scenario's own steps, with the seed and the faults.
///
/// `bench` and `scenario` are paths relative to where the file will be.
pub fn scenario_file(
    name: &str,
    scenario: &str,
    bench: &str,
    profile: Option<&str>,
    candidate: &Candidate,
    story: &str,
) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut out = String::from("# Found by `twinbench explore`. It fails every time:\n");
    for line in story.lines() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "#   {line}");
    }
    let _ = writeln!(
        out,
        "version = 1\nname    = {}\nbench   = {}\nseed    = {}\ninclude = [{}]",
        quoted(name),
        quoted(bench),
        candidate.seed,
        quoted(scenario),
    );
    if let Some(profile) = profile {
        let _ = writeln!(out, "\n[[matrix]]\nprofile = [{}]", quoted(profile));
    }
    for fault in &candidate.faults {
        let _ = write!(
            out,
            "\n[[fault]]\n{}",
            toml::to_string(fault).unwrap_or_default()
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        Space {
            kinds: FaultKind::ALL.to_vec(),
            devices: vec!["a".into(), "b".into()],
            length: VirtualDuration::from_secs(100),
        }
    }

    #[test]
    fn a_number_always_gives_the_same_schedule() {
        for seed in 0..200 {
            let one = space().candidate(seed);
            assert_eq!(one, space().candidate(seed));
            assert!((1..=4).contains(&one.faults.len()), "{one:?}");
            assert!(
                one.faults
                    .iter()
                    .all(|it| it.from < VirtualDuration::from_secs(100))
            );
        }
        let kinds: std::collections::BTreeSet<_> = (0..200)
            .flat_map(|seed| space().candidate(seed).faults)
            .map(|fault| fault.kind)
            .collect();
        assert_eq!(kinds.len(), FaultKind::ALL.len(), "every kind is tried");
    }

    /// A defect that needs one message of `b` lost about the 40th second.
    fn breaks(candidate: &Candidate) -> bool {
        let at = VirtualDuration::from_millis(40_123);
        candidate.faults.iter().any(|fault| {
            let end = fault.from.as_nanos() + fault.length.unwrap_or_default().as_nanos();
            fault.kind == FaultKind::Drop
                && fault.device.as_deref().is_none_or(|it| it == "b")
                && fault.from <= at
                && end > at.as_nanos()
        })
    }

    #[test]
    fn a_planted_defect_is_found_and_shrunk_to_one_short_fault() {
        let found = (0..1_000)
            .map(|seed| space().candidate(seed))
            .find(breaks)
            .unwrap();
        let (small, asked) = shrink(found, 500, &mut breaks);
        assert_eq!(small.faults.len(), 1, "{small:?}");
        let length = small.faults[0].length.unwrap();
        assert!(length <= VirtualDuration::from_secs(2), "{small:?}");
        assert_eq!(small.faults[0].probability, None);
        assert!(asked <= 200, "{asked}");
    }

    #[test]
    fn the_file_reads_back() {
        let candidate = space().candidate(3);
        let text = scenario_file("found", "s.toml", "b.toml", None, &candidate, "a\nb");
        let scenario = "version = 1\nbench = \"x.toml\"\n[[step]]\nat = \"1s\"\n";
        let mut read = |path: &std::path::Path| {
            Ok(if path.ends_with("s.toml") {
                scenario.to_owned()
            } else {
                text.clone()
            })
        };
        let suite = crate::Suite::load(std::path::Path::new("f.toml"), &mut read);
        let suite = suite.unwrap_or_else(|error| panic!("{}\n{text}", error.plain()));
        let case = &suite.cases[0];
        assert_eq!(case.seed, Some(3));
        let faults: Vec<_> = case.faults.iter().map(|it| it.fault.clone()).collect();
        assert_eq!(faults, candidate.faults);
        assert_eq!(case.steps.len(), 1);
    }
}
