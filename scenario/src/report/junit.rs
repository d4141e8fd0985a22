//! JUnit in the dialect that Jenkins and GitLab read.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::{CaseReport, Status, SuiteReport};

/// The document: a suite for each file, a case for each of its cases.
///
/// # Errors
/// When it cannot be written as XML.
pub fn junit(report: &SuiteReport) -> Result<String, quick_junit::SerializeError> {
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    for case in &report.cases {
        let file = case.file.display().to_string();
        let suite = suites
            .entry(file.clone())
            .or_insert_with(|| TestSuite::new(file));
        suite.add_test_case(test_case(case));
    }
    let mut document = Report::new("twinbench");
    document.set_time(std::time::Duration::from_secs_f64(report.wall_seconds));
    document.add_test_suites(suites.into_values());
    document.to_string()
}

fn test_case(case: &CaseReport) -> TestCase {
    let story = case.story.clone().unwrap_or_default();
    let message = story.lines().next().unwrap_or_default().to_owned();
    let non_success = |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message.clone());
        status.set_description(format!("{story}\nagain: {}", case.repro));
        status
    };
    let status = match case.status {
        Status::Passed => TestCaseStatus::success(),
        Status::Flaky => {
            let mut rerun = TestRerun::new(NonSuccessKind::Failure);
            rerun.set_message(message.clone());
            rerun.set_description(story.clone());
            let mut status = TestCaseStatus::success();
            status.add_rerun(rerun);
            status
        }
        Status::Failed => non_success(NonSuccessKind::Failure),
        Status::Broken => non_success(NonSuccessKind::Error),
        Status::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("not run, as another had failed");
            status
        }
    };
    let mut test = TestCase::new(case.name.clone(), status);
    test.set_classname(
        case.file
            .with_extension("")
            .display()
            .to_string()
            .replace('/', "."),
    );
    test.set_time(std::time::Duration::from_secs_f64(case.wall_seconds));
    test.extra
        .insert("file".into(), case.file.display().to_string().into());
    test.extra
        .insert("line".into(), case.place.line.to_string().into());
    test
}
