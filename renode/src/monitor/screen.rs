//! What the monitor writes for a terminal, as text: colours, echo and prompts are taken out, and what
//! it wrote in dark red is an error, which is the only sign of one that it gives.

/// A part of what was written, in one colour.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    error: bool,
    text: String,
}

/// What a line of the monitor gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// What was printed that is no error, trimmed, with plain line ends.
    pub text: String,
    /// What was printed as an error.
    pub error: Option<String>,
}

/// Gathers what comes until a prompt ends it.
#[derive(Debug, Default)]
pub struct Screen {
    bytes: Vec<u8>,
}

/// The colour of errors: dark red, with nothing before it. Renode writes prompts and method lists in
/// another red.
const ERROR: &[&[u8]] = &[b";031", b"31", b"91"];

impl Screen {
    /// Takes text of the telnet layer.
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
    }

    /// Whether it ends with a prompt: `(monitor) ` or that of a machine.
    pub fn is_prompted(&self) -> bool {
        prompt_at(plain(&self.bytes).as_str()).is_some()
    }

    /// Whether it ends with a prompt, after the echo of `line`.
    pub fn has_answered(&self, line: &str) -> bool {
        let text = plain(&self.bytes);
        let Some(at) = prompt_at(&text) else {
            return false;
        };
        text[..at]
            .trim_start_matches(['\r', '\n'])
            .starts_with(&sendable(line))
    }

    /// What the line gave; the screen is empty afterwards. Where renode runs without colours an error
    /// is part of the text.
    pub fn take(&mut self, line: &str) -> Output {
        let (spans, end) = spans(&self.bytes);
        // A colour may be cut after the prompt: its rest belongs to it, not to the next line.
        self.bytes.drain(..end);
        let mut text = String::new();
        let mut error = String::new();
        for span in spans {
            if span.error {
                error.push_str(&span.text);
            } else {
                text.push_str(&span.text);
            }
        }
        let body = text.trim_start_matches(['\r', '\n']);
        let body = body.strip_prefix(&sendable(line)).unwrap_or(body);
        let body = match prompt_at(body) {
            Some(at) => &body[..at],
            None => body,
        };
        let error = lines(&error);
        Output {
            text: lines(body),
            error: (!error.is_empty()).then_some(error),
        }
    }
}

/// A line as it may be sent: keys that edit the line are left out.
pub(super) fn sendable(line: &str) -> String {
    line.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect()
}

/// Where a prompt at the end begins.
fn prompt_at(text: &str) -> Option<usize> {
    let body = text.strip_suffix(' ')?.strip_suffix(')')?;
    let at = body.rfind('(')?;
    let name = &body[at + 1..];
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    // A prompt begins a line.
    let begins = at == 0 || text[..at].ends_with(['\r', '\n']);
    (is_name && begins).then_some(at)
}

/// Mixed line ends (`\r\n`, `\n\r`, `\r\r\n`) as single ones, trimmed.
fn lines(text: &str) -> String {
    text.replace('\r', "").trim().to_owned()
}

fn plain(bytes: &[u8]) -> String {
    spans(bytes).0.into_iter().map(|span| span.text).collect()
}

/// The text with its colours, and where it ends: a sequence that is cut is left for later. Other
/// sequences than colours are left out.
fn spans(bytes: &[u8]) -> (Vec<Span>, usize) {
    let mut spans: Vec<Span> = Vec::new();
    let mut error = false;
    let mut text = Vec::new();
    let mut at = 0;
    let mut close = |text: &mut Vec<u8>, error: bool| {
        if !text.is_empty() {
            let text = String::from_utf8_lossy(&std::mem::take(text)).into_owned();
            spans.push(Span { error, text });
        }
    };
    while at < bytes.len() {
        if bytes[at] != 0x1B {
            text.push(bytes[at]);
            at += 1;
            continue;
        }
        let Some(rest) = bytes.get(at + 1..).filter(|rest| !rest.is_empty()) else {
            break;
        };
        if rest[0] != b'[' {
            at += 2;
            continue;
        }
        let Some(end) = rest[1..]
            .iter()
            .position(|byte| (0x40..=0x7E).contains(byte))
        else {
            break;
        };
        if rest[1 + end] == b'm' {
            close(&mut text, error);
            error = ERROR.contains(&&rest[1..=end]);
        }
        at += end + 3;
    }
    close(&mut text, error);
    (spans, at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(bytes: &[u8], line: &str, text: &str, error: Option<&str>) {
        let mut screen = Screen::default();
        screen.push(bytes);
        assert!(screen.is_prompted(), "{bytes:?}");
        assert!(screen.has_answered(line), "{bytes:?}");
        let expected = Output {
            text: text.to_owned(),
            error: error.map(str::to_owned),
        };
        assert_eq!(screen.take(line), expected);
    }

    #[test]
    fn echo_colours_and_prompts_are_taken_out() {
        check(
            b"\x1b[0msysbus ReadDoubleWord 0x40020014\n\r0x00000020\r\r\n\x1b[33;1m(dev1) \x1b[0m",
            "sysbus ReadDoubleWord 0x40020014",
            "0x00000020",
            None,
        );
        check(
            b"nonsense\n\r\x1b[;031mNo such command or device: nonsense\r\n\x1b[0m\x1b[33;1m(dev1) ",
            "nonsense",
            "",
            Some("No such command or device: nonsense"),
        );
        // A method list has red in it that is no error.
        check(
            b"x\n\r - B context = \x1b[31;1mn\x1b[0m\x1b[31;1mu\x1b[0m\r\n\r\x1b[31;1m(monitor) ",
            "x",
            "- B context = nu",
            None,
        );
    }

    #[test]
    fn a_colour_that_is_cut_after_the_prompt_is_no_text() {
        let mut screen = Screen::default();
        screen.push(b"a\n\r(monitor) \x1b[");
        assert!(screen.has_answered("a"));
        screen.take("a");
        screen.push(b"0mb\n\r1\r\n(monitor) ");
        assert!(screen.has_answered("b"));
        assert_eq!(screen.take("b").text, "1");
    }

    #[test]
    fn a_prompt_is_one_only_at_the_end_and_at_the_beginning_of_a_line() {
        let check = |bytes: &[u8], expected: bool| {
            let mut screen = Screen::default();
            screen.push(bytes);
            assert_eq!(screen.is_prompted(), expected, "{bytes:?}");
        };
        check(b"(monitor) ", true);
        check(b"Renode\n\r\n\r(dev-1_a) \x1b[0m", true);
        check(b"(monitor)", false);
        check(b"version 1.15.3 (label) ", false);
        check(b"(monitor) x", false);
        check(b"() ", false);
    }

    proptest! {
        #[test]
        fn garbage_is_no_panic(bytes in prop::collection::vec(prop_oneof![Just(0x1B), Just(b'['), Just(b'm'), Just(b'('), Just(b')'), Just(b' '), any::<u8>()], 0..80)) {
            let mut screen = Screen::default();
            screen.push(&bytes);
            let _ = screen.is_prompted();
            let _ = screen.has_answered("x");
            let _ = screen.take("x");
        }
    }
}
