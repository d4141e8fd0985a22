//! Verdicts for people and for machines.

mod github;
mod human;
mod junit;

use std::path::PathBuf;

use serde::Serialize;

use crate::{coverage::Coverage, plan::Place, runner::Verdict};

pub use github::{annotations, summary};
pub use human::{case_line, story, totals};
pub use junit::junit;

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Everything is as it should be.
    Passed,
    /// It failed at first and passed when it was run again: not to be relied upon.
    Flaky,
    /// An expectation failed, or the bench could not do what was asked.
    Failed,
    /// The bench could not be run.
    Broken,
    /// It was not run, as another had failed.
    Skipped,
}

impl Status {
    /// Whether the suite may pass.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Passed | Self::Flaky)
    }

    /// One word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Flaky => "FLAKY",
            Self::Failed => "FAIL",
            Self::Broken => "BROKEN",
            Self::Skipped => "skip",
        }
    }
}

/// What became of one case.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseReport {
    /// The case's name.
    pub name: String,
    /// The scenario file.
    pub file: PathBuf,
    /// Where the scenario names its bench.
    pub place: Place,
    /// How it ended.
    pub status: Status,
    /// Whether it had to fail, to show a defect of its profile.
    pub must_fail: bool,
    /// Why it is not as it should be, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story: Option<String>,
    /// Where that is in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
    /// The seed it ran with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How often it was run.
    pub attempts: u32,
    /// How long it lasted on the bench's clock, in seconds.
    pub virtual_seconds: f64,
    /// How long that took, in seconds.
    pub wall_seconds: f64,
    /// SHA-256 of the canonical event stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where its recording and logs are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The command line that does the same again.
    pub repro: String,
    /// Every step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// What became of a suite.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SuiteReport {
    /// The cases, in the order of the files and their matrices.
    pub cases: Vec<CaseReport>,
    /// What they reached.
    pub coverage: Coverage,
    /// How long it took, in seconds.
    pub wall_seconds: f64,
}

impl SuiteReport {
    /// How many cases ended so.
    pub fn count(&self, status: Status) -> usize {
        self.cases.iter().filter(|it| it.status == status).count()
    }

    /// Whether every case that was to be run passed.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|it| it.status.is_good())
    }
}
