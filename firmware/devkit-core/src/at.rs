//! The modem's side of the line: splitting its bytes into lines, telling the lines apart, and
//! writing commands (ESP-AT user guide, basic, Wi-Fi and TCP/IP command sets).

use core::fmt::Write;

use heapless::{String, Vec};

/// Longest line kept; the rest of a longer one is dropped.
pub const MAX_LINE: usize = 128;

/// What a line of the modem means to this firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The command is done.
    Ok,
    /// The command failed: `ERROR`, `FAIL`.
    Error,
    /// The modem is still at the last command: `busy p...`.
    Busy,
    /// The modem started: `ready`.
    Ready,
    /// The Wi-Fi network accepted us.
    WifiConnected,
    /// We have an address in it.
    WifiGotIp,
    /// We are out of it.
    WifiDisconnected,
    /// The connection stands: `CONNECT`.
    Connected,
    /// There was one already.
    AlreadyConnected,
    /// The connection is gone: `CLOSED`.
    Closed,
    /// Send the bytes now: `>`.
    Prompt,
    /// The time of `AT+CIPSNTPTIME?` in seconds since 1970, or none while it is unknown.
    Time(Option<u64>),
    /// Any other line: echo, version, details.
    Other,
}

/// Tells a line apart.
pub fn classify(line: &str) -> Answer {
    match line {
        "OK" | "SEND OK" => Answer::Ok,
        "ERROR" | "FAIL" | "SEND FAIL" => Answer::Error,
        "ready" => Answer::Ready,
        "WIFI CONNECTED" => Answer::WifiConnected,
        "WIFI GOT IP" => Answer::WifiGotIp,
        "WIFI DISCONNECT" => Answer::WifiDisconnected,
        "CONNECT" => Answer::Connected,
        "ALREADY CONNECTED" => Answer::AlreadyConnected,
        "CLOSED" => Answer::Closed,
        ">" => Answer::Prompt,
        _ if line.starts_with("busy") => Answer::Busy,
        _ => match line.strip_prefix("+CIPSNTPTIME:") {
            Some(time) => Answer::Time(crate::sntp::parse(time)),
            None => Answer::Other,
        },
    }
}

/// Splits the modem's bytes into lines.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8, MAX_LINE>,
}

impl Lines {
    /// Nothing read yet.
    pub const fn new() -> Self {
        Self { line: Vec::new() }
    }

    /// Takes one byte; gives the answer when it ends one. Empty lines are none.
    pub fn push(&mut self, byte: u8) -> Option<Answer> {
        match byte {
            // The prompt has no end of line.
            b'>' if self.line.is_empty() => Some(Answer::Prompt),
            b' ' | b'\n' if self.line.is_empty() => None,
            b'\r' => None,
            b'\n' => {
                // A line with bytes of a wrong baud rate is none that we know.
                let answer = core::str::from_utf8(&self.line).map_or(Answer::Other, classify);
                self.line.clear();
                Some(answer)
            }
            _ => {
                // A line too long is none that we know: its head is enough to tell.
                let _ = self.line.push(byte);
                None
            }
        }
    }

    /// Forgets the unfinished line.
    pub fn clear(&mut self) {
        self.line.clear();
    }
}

/// A command with its end of line.
pub type Command = String<320>;

/// Writes `head"text"` pieces: `AT+CWJAP="ssid","password"`.
///
/// Returns nothing when the texts do not fit, which the limits of the settings page exclude.
pub fn join(ssid: &str, password: &str) -> Option<Command> {
    let mut command = Command::new();
    command.push_str("AT+CWJAP=").ok()?;
    quoted(&mut command, ssid)?;
    command.push(',').ok()?;
    quoted(&mut command, password)?;
    end(command)
}

/// `AT+CIPSTART="TCP"|"SSL","host",port`.
pub fn open(tls: bool, host: &str, port: u16) -> Option<Command> {
    let mut command = Command::new();
    command.push_str("AT+CIPSTART=").ok()?;
    quoted(&mut command, if tls { "SSL" } else { "TCP" })?;
    command.push(',').ok()?;
    quoted(&mut command, host)?;
    write!(command, ",{port}").ok()?;
    end(command)
}

/// A command without arguments of ours.
pub fn plain(text: &str) -> Option<Command> {
    let mut command = Command::new();
    command.push_str(text).ok()?;
    end(command)
}

fn end(mut command: Command) -> Option<Command> {
    command.push_str("\r\n").ok()?;
    Some(command)
}

/// Appends a quoted text; `"`, `,` and `\` in it are escaped (ESP-AT, "Set Wi-Fi").
fn quoted(command: &mut Command, text: &str) -> Option<()> {
    command.push('"').ok()?;
    for c in text.chars() {
        if matches!(c, '"' | ',' | '\\') {
            command.push('\\').ok()?;
        }
        command.push(c).ok()?;
    }
    command.push('"').ok()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::prelude::v1::*;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn answers(bytes: &[u8]) -> Vec<Answer> {
        let mut lines = Lines::new();
        bytes.iter().filter_map(|byte| lines.push(*byte)).collect()
    }

    #[test]
    fn joining_a_network() {
        let seen =
            answers(b"AT+CWJAP=\"a\",\"b\"\r\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n");
        let expected = [
            Answer::Other,
            Answer::WifiConnected,
            Answer::WifiGotIp,
            Answer::Ok,
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_connection_and_its_prompt() {
        let seen = answers(b"CONNECT\r\n\r\nOK\r\n\r\nOK\r\n\r\n> ");
        assert_eq!(
            seen,
            [Answer::Connected, Answer::Ok, Answer::Ok, Answer::Prompt]
        );
    }

    #[test]
    fn the_time_is_read_when_it_is_known() {
        let seen = answers(
            b"+CIPSNTPTIME:Thu Jan 01 00:00:00 1970\r\nOK\r\n+CIPSNTPTIME:Thu Aug 04 14:48:05 2016\r\nOK\r\n",
        );
        let expected = [
            Answer::Time(None),
            Answer::Ok,
            Answer::Time(Some(1_470_322_085)),
            Answer::Ok,
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn failures_are_errors() {
        assert_eq!(
            answers(b"+CWJAP:3\r\nFAIL\r\n"),
            [Answer::Other, Answer::Error]
        );
        assert_eq!(
            answers(b"busy p...\r\nERROR\r\n"),
            [Answer::Busy, Answer::Error]
        );
    }

    #[test]
    fn commands_escape_what_the_modem_takes_for_its_own() {
        let command = join("a,b", "c\"d\\e").unwrap();
        assert_eq!(command, "AT+CWJAP=\"a\\,b\",\"c\\\"d\\\\e\"\r\n");
        assert_eq!(
            open(true, "localhost", 8883).unwrap(),
            "AT+CIPSTART=\"SSL\",\"localhost\",8883\r\n"
        );
        assert_eq!(
            open(false, "h", 1).unwrap(),
            "AT+CIPSTART=\"TCP\",\"h\",1\r\n"
        );
    }

    #[test]
    fn the_longest_settings_fit() {
        assert!(join(&",".repeat(32), &"\"".repeat(64)).is_some());
        assert!(open(true, &"h".repeat(128), 65_535).is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut lines = Lines::new();
            for byte in bytes {
                let _ = lines.push(byte);
            }
            lines.clear();
            let last = b"OK\r\n".iter().filter_map(|byte| lines.push(*byte)).last();
            prop_assert_eq!(last, Some(Answer::Ok));
        }
    }
}
