//! Lines for a person at a terminal.

use std::fmt::Write as _;

use super::{CaseReport, Status, SuiteReport};

/// One line for a case.
pub fn case_line(case: &CaseReport) -> String {
    let note = match (case.status, case.must_fail) {
        (Status::Passed, true) => "  (it fails there, as it must)",
        (Status::Flaky, _) => "  (failed before it passed)",
        _ => "",
    };
    format!(
        "{:<6} {}  {:.0} s in {:.2} s{note}",
        case.status.word(),
        case.name,
        case.virtual_seconds,
        case.wall_seconds,
    )
}

/// Why a case is not as it should be, indented; empty when it is.
pub fn story(case: &CaseReport) -> String {
    let mut out = String::new();
    let Some(story) = case
        .story
        .as_ref()
        .filter(|_| case.status != Status::Passed)
    else {
        return out;
    };
    for line in story.lines() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "       {line}");
    }
    if let Some(folder) = &case.folder {
        let _ = writeln!(out, "       kept in {}", folder.display());
    }
    let _ = writeln!(out, "       again: {}", case.repro);
    out
}

/// The last line.
pub fn totals(report: &SuiteReport) -> String {
    let mut out = format!("{} scenarios", report.cases.len());
    for status in [
        Status::Passed,
        Status::Flaky,
        Status::Failed,
        Status::Broken,
        Status::Skipped,
    ] {
        let count = report.count(status);
        if count > 0 {
            let word = match status {
                Status::Passed => "passed",
                Status::Flaky => "flaky",
                Status::Failed => "failed",
                Status::Broken => "broken",
                Status::Skipped => "skipped",
            };
            let _ = write!(out, ", {count} {word}");
        }
    }
    let _ = write!(out, " in {:.2} s", report.wall_seconds);
    out
}
