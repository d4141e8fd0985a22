//! The keywords that these bindings use, with types.

use std::time::Duration;

use super::{Robot, RobotError, Value, unexpected};

/// A line that a terminal tester has seen.
#[derive(Debug, Clone, PartialEq)]
pub struct UartLine {
    /// The text, without its line end.
    pub line: String,
    /// When, in virtual milliseconds.
    pub millis: f64,
    /// What the groups of the expression matched.
    pub groups: Vec<String>,
}

impl Robot {
    /// Executes a line of the monitor and gives what it printed, trimmed.
    ///
    /// # Errors
    /// When the monitor refuses it, with its words.
    pub fn execute(&self, command: &str) -> Result<String, RobotError> {
        let value = self.run("ExecuteCommand", &[command])?;
        value
            .text()
            .map(|text| text.trim().to_owned())
            .ok_or_else(|| unexpected("ExecuteCommand", Some(&value), "text"))
    }

    /// Takes every machine away.
    ///
    /// # Errors
    /// When Renode refuses.
    pub fn reset_emulation(&self) -> Result<(), RobotError> {
        self.run("ResetEmulation", &[]).map(drop)
    }

    /// Watches a UART; gives the tester's number.
    ///
    /// # Errors
    /// When there is no such UART.
    pub fn terminal_tester(&self, uart: &str) -> Result<i64, RobotError> {
        match self.run("CreateTerminalTester", &[uart])? {
            Value::Int(id) => Ok(id),
            other => Err(unexpected("CreateTerminalTester", Some(&other), "a number")),
        }
    }

    /// Waits until a line contains `text`, at most so long in virtual time; runs the emulation.
    ///
    /// # Errors
    /// When no line does; the text is Renode's report of what was printed.
    pub fn wait_for_line(&self, text: &str, timeout: Duration) -> Result<UartLine, RobotError> {
        let value = self.run("WaitForLineOnUart", &[text, &seconds(timeout)])?;
        let line = value.member("line").and_then(Value::text);
        let millis = value.member("timestamp").and_then(Value::number);
        let (Some(line), Some(millis)) = (line, millis) else {
            return Err(unexpected(
                "WaitForLineOnUart",
                Some(&value),
                "a line with its time",
            ));
        };
        let groups = match value.member("groups") {
            Some(Value::Array(groups)) => groups
                .iter()
                .filter_map(Value::text)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        Ok(UartLine {
            line: line.to_owned(),
            millis,
            groups,
        })
    }

    /// Types a line on the watched UART; the line's end is Renode's.
    ///
    /// # Errors
    /// When no UART is watched.
    pub fn write_line(&self, text: &str) -> Result<(), RobotError> {
        self.run("WriteLineToUart", &[text]).map(drop)
    }

    /// Ends Renode.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn stop(&self) -> Result<(), RobotError> {
        self.run("StopRemoteServer", &[]).map(drop)
    }
}

/// A duration as Renode reads it: seconds with a point, no trailing zeros.
pub(crate) fn seconds(duration: Duration) -> String {
    let mut text = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    text
}

/// What an error says, without the exception's name and the command repeated.
pub(super) fn essence(error: &str) -> &str {
    let text = error.trim();
    let text = match text.split_once(": ") {
        Some((name, rest)) if name.ends_with("Exception") => rest,
        _ => text,
    };
    let Some(rest) = text.strip_prefix("Could not execute command '") else {
        return text;
    };
    rest.split_once("': ").map_or(text, |(_, said)| said).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_renode_reads_them() {
        let check = |nanos, expected: &str| {
            assert_eq!(seconds(Duration::from_nanos(nanos)), expected);
        };
        check(0, "0");
        check(10_000_000, "0.01");
        check(2_000_000_000, "2");
        check(20_000_000_000, "20");
        check(1_500_000_001, "1.500000001");
    }

    #[test]
    fn errors_say_the_essence() {
        let check = |error: &str, expected: &str| assert_eq!(essence(error), expected);
        check(
            "KeywordException: Could not execute command 'nonsense': No such command or device: nonsense\n\n",
            "No such command or device: nonsense",
        );
        check(
            "InvalidOperationException: Terminal tester failed!\n",
            "Terminal tester failed!",
        );
        check("something else: 5", "something else: 5");
    }
}
