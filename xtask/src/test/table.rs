//! How the steps went, as text.

use std::time::Duration;

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It held.
    Passed,
    /// It did not, and why.
    Failed(String),
    /// It was not tried, and why: only on a user's machine.
    Skipped(String),
}

impl Outcome {
    /// A step whose needs are not there: in CI that is a failure, elsewhere a loud skip.
    pub(super) fn without(missing: &str, in_ci: bool) -> Self {
        let reason = format!("missing: {missing}; `cargo xtask setup` says how to get it");
        if in_ci {
            Self::Failed(reason)
        } else {
            Self::Skipped(reason)
        }
    }
}

/// One step's line.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) step: &'static str,
    pub(super) outcome: Outcome,
    pub(super) elapsed: Duration,
}

/// One line: what it came to, how long it took, why.
pub(super) fn line(row: &Row) -> String {
    let (word, reason) = match &row.outcome {
        Outcome::Passed => ("ok", ""),
        Outcome::Failed(reason) => ("FAILED", reason.as_str()),
        Outcome::Skipped(reason) => ("SKIPPED", reason.as_str()),
    };
    let seconds = row.elapsed.as_secs();
    let line = format!(
        "{:<10} {word:<8} {:>3}:{:02}  {reason}",
        row.step,
        seconds / 60,
        seconds % 60
    );
    line.trim_end().to_owned()
}

/// All steps and their sum.
pub(super) fn text(rows: &[Row]) -> String {
    let mut lines = vec![format!("{:<10} {:<8} {:>6}", "step", "", "min:s")];
    lines.extend(rows.iter().map(line));
    let all: u64 = rows.iter().map(|row| row.elapsed.as_secs()).sum();
    let count = |test: fn(&Outcome) -> bool| rows.iter().filter(|row| test(&row.outcome)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    lines.push(format!(
        "{:<19} {:>3}:{:02}  {failed} failed, {skipped} skipped",
        format!("{} steps", rows.len()),
        all / 60,
        all % 60
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_thing_fails_in_ci_and_is_said_elsewhere() {
        let check = |in_ci, word: &str| {
            let outcome = Outcome::without("Xvfb", in_ci);
            let text = text(&[Row {
                step: "desktop",
                outcome,
                elapsed: Duration::ZERO,
            }]);
            assert!(
                text.contains(word) && text.contains("missing: Xvfb"),
                "{text}"
            );
        };
        check(true, "FAILED");
        check(false, "SKIPPED");
    }

    #[test]
    fn the_table_lines_up() {
        let rows = [
            Row {
                step: "format",
                outcome: Outcome::Passed,
                elapsed: Duration::from_secs(3),
            },
            Row {
                step: "clippy",
                outcome: Outcome::Failed("`cargo clippy` ended".into()),
                elapsed: Duration::from_secs(754),
            },
        ];
        let expected = "step                 min:s
format     ok         0:03
clippy     FAILED    12:34  `cargo clippy` ended
2 steps              12:37  1 failed, 0 skipped";
        assert_eq!(text(&rows), expected);
    }
}
