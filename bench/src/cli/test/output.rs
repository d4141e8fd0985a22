//! What `twinbench test` prints and writes.

use std::{fs, io::Write as _, path::Path};

use serde_json::json;
use twinbench_scenario::{
    Case,
    report::{self, CaseReport, Status, SuiteReport},
};

use super::{Failure, Style};
use crate::exit::Exit;

/// A line on stdout. A reader that went away (`| head`) is no mistake of the suite.
macro_rules! say {
    ($($part:tt)*) => { say_text(&format!("{}\n", format_args!($($part)*))) };
}

fn say_text(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

pub(super) fn list(cases: &[Case], style: Style) {
    for case in cases {
        match style {
            Style::Human => say!("{}  ({})", case.name, case.path.display()),
            Style::Json | Style::Jsonl => say!(
                "{}",
                json!({"name": case.name, "file": case.path, "bench": case.bench, "seed": case.seed})
            ),
        }
    }
}

/// As soon as a case is decided.
pub(super) fn case(case: &CaseReport, style: Style) {
    match style {
        Style::Human if case.status == Status::Skipped => {}
        Style::Human => {
            // One write, so that cases that end together do not mix.
            say_text(&format!(
                "{}\n{}",
                report::case_line(case),
                report::story(case)
            ));
        }
        Style::Jsonl => say!("{}", json!({"case": case})),
        Style::Json => {}
    }
}

pub(super) fn end(report: &SuiteReport, style: Style) {
    match style {
        Style::Human => say!("\n{}\n{}", report.coverage.table(), report::totals(report)),
        Style::Json => say!("{:#}", json!({"report": report})),
        Style::Jsonl => say!(
            "{}",
            json!({"end": {
                "passed": report.passed(),
                "cases": report.cases.len(),
                "failed": report.count(Status::Failed),
                "broken": report.count(Status::Broken),
                "flaky": report.count(Status::Flaky),
                "skipped": report.count(Status::Skipped),
                "wallSeconds": report.wall_seconds,
                "coverage": report.coverage,
            }})
        ),
    }
}

pub(super) fn junit(report: &SuiteReport, path: &Path) -> Result<(), Failure> {
    let xml = report::junit(report)
        .map_err(|cause| Failure::new(Exit::Internal, format!("JUnit report: {cause}")))?;
    write(path, &xml)
}

pub(super) fn coverage(report: &SuiteReport, path: &Path) -> Result<(), Failure> {
    write(path, &format!("{:#}\n", json!(report.coverage)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "GitHub Actions names the file of its step summary in the environment"
)]
pub(super) fn github(report: &SuiteReport) -> Result<(), Failure> {
    say_text(&report::annotations(report));
    let Ok(path) = std::env::var("GITHUB_STEP_SUMMARY") else {
        return Ok(());
    };
    let file = fs::OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(report::summary(report).as_bytes()))
        .map_err(|cause| Failure::new(Exit::Setup, format!("step summary {path}: {cause}")))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        let _ = fs::create_dir_all(folder);
    }
    fs::write(path, text).map_err(|cause| {
        Failure::new(
            Exit::Setup,
            format!("{} cannot be written: {cause}", path.display()),
        )
        .help("look for a full disk or missing rights")
    })
}
