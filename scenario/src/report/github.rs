//! Workflow commands and the step summary of GitHub Actions.

use std::fmt::Write as _;

use super::{Status, SuiteReport, totals};

/// An annotation for every case that is not as it should be, one a line, with file and line.
pub fn annotations(report: &SuiteReport) -> String {
    let mut out = String::new();
    for case in &report.cases {
        let level = match case.status {
            Status::Passed | Status::Skipped => continue,
            Status::Flaky => "warning",
            Status::Failed | Status::Broken => "error",
        };
        let place = case.at.as_ref().unwrap_or(&case.place);
        let story = case.story.as_deref().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "::{level} file={},line={},col={},title={}::{}",
            property(&place.path.display().to_string()),
            place.line,
            place.column,
            property(&case.name),
            data(&format!("{story}\nagain: {}", case.repro)),
        );
    }
    out
}

/// The step summary in Markdown.
pub fn summary(report: &SuiteReport) -> String {
    let mut out = format!("### Twinbench: {}\n\n", totals(report));
    out.push_str("| | scenario | virtual | wall |\n|---|---|---:|---:|\n");
    for case in &report.cases {
        let _ = writeln!(
            out,
            "| {} | {} | {:.0} s | {:.2} s |",
            case.status.word(),
            case.name.replace('|', "\\|"),
            case.virtual_seconds,
            case.wall_seconds,
        );
    }
    for case in &report.cases {
        if let Some(story) = case
            .story
            .as_ref()
            .filter(|_| case.status != Status::Passed)
        {
            let _ = writeln!(
                out,
                "\n<details><summary>{}</summary>\n\n```\n{story}\nagain: {}\n```\n</details>",
                case.name, case.repro
            );
        }
    }
    out
}

/// Escaped as a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Escaped as the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
