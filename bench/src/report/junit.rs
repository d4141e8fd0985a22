//! `junit.xml`: the run as CI servers read it, one case a device.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::Report;

/// The JUnit document of a run.
///
/// A device whose machine stopped fails; a device that sent nothing, which a short run may not
/// have given the time for, is skipped.
pub(super) fn xml(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(&report.bench);
    for row in &report.devices {
        let status = match &row.halted {
            Some(reason) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(reason.clone());
                status
            }
            None if row.messages == 0 => {
                let mut status = TestCaseStatus::skipped();
                status.set_message("no telemetry within the run");
                status
            }
            None => TestCaseStatus::success(),
        };
        let mut case = TestCase::new(format!("{} sends telemetry", row.device), status);
        case.set_classname(format!("{}.{}", report.bench, row.device));
        suite.add_test_case(case);
    }
    let mut document = Document::new("twinbench");
    document.add_test_suite(suite);
    document.to_string()
}
