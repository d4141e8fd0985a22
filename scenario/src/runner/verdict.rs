//! What became of a scenario, step by step.

use std::fmt;

use serde::Serialize;
use twinbench_model::VirtualTime;

use crate::plan::Place;

/// What became of a step or an invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed(Failure),
    /// The bench cannot do or tell it.
    NotSupported {
        /// What.
        what: String,
    },
    /// The bench refused it or failed.
    Refused {
        /// Why.
        reason: String,
    },
    /// Its turn never came.
    NotReached,
}

/// Why an expectation failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What was expected.
    pub expected: String,
    /// What was there instead.
    pub found: String,
    /// What came nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}\nfound {}", self.expected, self.found)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "\nnearest miss: {nearest}")?;
        }
        Ok(())
    }
}

/// One step or invariant with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepVerdict {
    /// What a person calls it.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// When its turn came, in virtual time from the scenario's begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<VirtualTime>,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<VirtualTime>,
    /// What became of it.
    pub outcome: Outcome,
}

impl StepVerdict {
    /// Whether it went wrong.
    pub fn is_bad(&self) -> bool {
        !matches!(self.outcome, Outcome::Passed | Outcome::NotReached)
    }

    /// The whole story of what went wrong, in some lines.
    pub fn story(&self) -> String {
        let when = self
            .ended
            .map_or_else(String::new, |ended| format!(" at {ended}"));
        let head = format!("{}: {:?} failed{when}", self.place, self.name);
        match &self.outcome {
            Outcome::Failed(failure) => format!("{head}\n{failure}"),
            Outcome::NotSupported { what } => {
                format!("{head}\n{what}: not supported by this bench yet")
            }
            Outcome::Refused { reason } => format!("{head}\n{reason}"),
            Outcome::Passed | Outcome::NotReached => String::new(),
        }
    }
}

/// What became of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Its steps, in order.
    pub steps: Vec<StepVerdict>,
    /// Its invariants, in order.
    pub always: Vec<StepVerdict>,
    /// When it ended, in virtual time from its begin.
    pub ended: VirtualTime,
}

impl Verdict {
    /// Whether every step was reached and everything is as it should be.
    pub fn passed(&self) -> bool {
        self.all().all(|it| it.outcome == Outcome::Passed)
    }

    /// The first step or invariant that went wrong.
    pub fn failure(&self) -> Option<&StepVerdict> {
        self.all()
            .filter(|it| it.is_bad())
            .min_by_key(|it| it.ended)
    }

    /// Whether something was asked for that the bench does not have.
    pub fn not_supported(&self) -> bool {
        self.all()
            .any(|it| matches!(it.outcome, Outcome::NotSupported { .. }))
    }

    /// How many steps and invariants are decided.
    pub fn decided(&self) -> usize {
        let decided = |it: &&StepVerdict| it.outcome != Outcome::NotReached;
        self.all().filter(decided).count()
    }

    /// Steps and invariants.
    pub fn all(&self) -> impl Iterator<Item = &StepVerdict> {
        self.steps.iter().chain(&self.always)
    }
}
