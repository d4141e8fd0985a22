//! Lines of bytes and the commands in them (ESP-AT user guide, "AT Command Types").

/// No command is longer than this many bytes, its end of line aside.
pub(super) const MAX_LINE: usize = 256;

/// Collects a line, however long it is, in bounded memory.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct LineReader {
    line: Vec<u8>,
    overflow: bool,
}

/// A line that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes without the end of line; never empty.
    Whole(Vec<u8>),
    /// It was too long.
    TooLong,
}

impl LineReader {
    /// Takes a byte; gives the line that it ends.
    pub(super) fn push(&mut self, byte: u8) -> Option<Line> {
        if byte != b'\n' {
            if self.line.len() <= MAX_LINE {
                self.line.push(byte);
            } else {
                self.overflow = true;
            }
            return None;
        }
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if std::mem::take(&mut self.overflow) || line.len() > MAX_LINE {
            return Some(Line::TooLong);
        }
        (!line.is_empty()).then_some(Line::Whole(line))
    }

    /// Forgets an unfinished line.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A command: `AT`, its name, and in which of the four forms it is given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    /// Without the `AT` in front: ``, `E0`, `+CWJAP`.
    pub(super) name: &'a str,
    pub(super) form: Form,
}

/// The form of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `AT+X`
    Execute,
    /// `AT+X?`
    Query,
    /// `AT+X=?`
    Test,
    /// `AT+X=1,"two",`
    Set(Vec<Argument>),
}

/// One argument of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    Text(String),
    Number(i64),
    /// Left out between commas.
    Absent,
}

impl Argument {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number<T: TryFrom<i64>>(&self) -> Option<T> {
        match self {
            Self::Number(number) => T::try_from(*number).ok(),
            _ => None,
        }
    }
}

/// Reads a line as a command; none when it is not of the form.
pub(super) fn parse(line: &[u8]) -> Option<Command<'_>> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix("AT")?;
    let (name, form) = match line.split_once('=') {
        Some((name, "?")) => (name, Form::Test),
        Some((name, rest)) => (name, Form::Set(arguments(rest)?)),
        None => match line.strip_suffix('?') {
            Some(name) => (name, Form::Query),
            None => (line, Form::Execute),
        },
    };
    Some(Command { name, form })
}

/// Splits at commas outside of quotes; a backslash takes the next character as it is.
fn arguments(text: &str) -> Option<Vec<Argument>> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let argument = if chars.next_if_eq(&'"').is_some() {
            let mut text = String::new();
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => text.push(chars.next()?),
                    c => text.push(c),
                }
            }
            Argument::Text(text)
        } else {
            let mut digits = String::new();
            while let Some(c) = chars.next_if(|c| *c != ',') {
                digits.push(c);
            }
            match digits.as_str() {
                "" => Argument::Absent,
                digits => Argument::Number(digits.parse().ok()?),
            }
        };
        found.push(argument);
        match chars.next() {
            None => return Some(found),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Argument {
        Argument::Text(text.to_owned())
    }

    #[test]
    fn the_four_forms() {
        let form = |line: &'static str| parse(line.as_bytes()).map(|it| (it.name, it.form));
        assert_eq!(form("AT"), Some(("", Form::Execute)));
        assert_eq!(form("ATE0"), Some(("E0", Form::Execute)));
        assert_eq!(form("AT+CIPMUX?"), Some(("+CIPMUX", Form::Query)));
        assert_eq!(form("AT+CIPMUX=?"), Some(("+CIPMUX", Form::Test)));
        let set = Form::Set(vec![text("a"), Argument::Absent, Argument::Number(-5)]);
        assert_eq!(form("AT+X=\"a\",,-5"), Some(("+X", set)));
        assert_eq!(form("at"), None);
        assert_eq!(form("+++"), None);
    }

    #[test]
    fn escapes_and_broken_arguments() {
        let set = |rest: &str| arguments(rest);
        assert_eq!(set(r#""a\,b\\\"c""#), Some(vec![text(r#"a,b\"c"#)]));
        assert_eq!(set("\"a,b?\""), Some(vec![text("a,b?")]));
        for broken in ["\"a", "\"a\\", "\"a\"b", "x", "1 2", "99999999999999999999"] {
            assert_eq!(set(broken), None, "{broken}");
        }
    }

    #[test]
    fn lines_are_bounded() {
        let mut reader = LineReader::default();
        let mut feed = |bytes: &[u8]| bytes.iter().filter_map(|b| reader.push(*b)).last();
        assert_eq!(feed(b"\r\n\n"), None);
        let whole = vec![b'x'; MAX_LINE];
        assert_eq!(
            feed(&[&whole[..], b"\r\n"].concat()),
            Some(Line::Whole(whole.clone()))
        );
        assert_eq!(feed(&[&whole[..], b"x\n"].concat()), Some(Line::TooLong));
        assert_eq!(feed(&vec![b'x'; 1_000_000]), None);
        assert_eq!(feed(b"\n"), Some(Line::TooLong));
        assert_eq!(feed(b"AT\n"), Some(Line::Whole(b"AT".to_vec())));
        assert!(reader.line.capacity() < 1000);
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&line);
        }

        #[test]
        fn what_is_quoted_comes_back(written in "\\PC{0,40}") {
            let mut escaped = String::new();
            for c in written.chars() {
                if matches!(c, '"' | ',' | '\\') {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
            let found = arguments(&format!("\"{escaped}\",7"));
            prop_assert_eq!(found, Some(vec![text(&written), Argument::Number(7)]));
        }
    }
}
