//! Errors of files that a person writes: file, line, column, cause, next step.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

/// What is wrong with a file that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Line and column, from 1, when the error has a place.
    pub position: Option<(usize, usize)>,
    /// The place as a byte range of the text.
    pub span: Option<Range<usize>>,
    /// The file's text, for showing the place.
    pub text: String,
    /// The cause.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether something that the file names is missing on this machine, rather than the file
    /// being wrong.
    pub missing: bool,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for FileError {}

impl FileError {
    /// The file cannot be read; `what` names its kind.
    pub fn unreadable(path: &Path, what: &str, cause: &dyn fmt::Display) -> Self {
        Self {
            path: path.to_owned(),
            position: None,
            span: None,
            text: String::new(),
            message: format!("the {what} cannot be read: {cause}"),
            help: None,
            missing: false,
        }
    }

    /// The grammar or the types refuse the text; "did you mean" for unknown keys and words.
    pub fn toml(path: &Path, text: &str, cause: &toml::de::Error) -> Self {
        let help = suggestion(cause.message());
        let message = worded(cause.message());
        Self {
            help,
            ..Self::at(path, text, cause.span(), message)
        }
    }

    /// An error at a place of the text, given in bytes.
    pub fn at(
        path: &Path,
        text: &str,
        span: Option<Range<usize>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            position: span.as_ref().map(|span| position(text, span.start)),
            span,
            text: text.to_owned(),
            message: message.into(),
            help: None,
            missing: false,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// Says that something is missing on this machine.
    #[must_use]
    pub fn missing(self) -> Self {
        Self {
            missing: true,
            ..self
        }
    }

    /// The error as plain text with the line and a caret under the place: for logs, reports and
    /// golden files. The terminal's picture with colours is the command line's.
    pub fn plain(&self) -> String {
        use fmt::Write as _;
        let mut out = format!("error: {self}\n");
        if let (Some((line, column)), Some(span)) = (self.position, &self.span)
            && let Some(source) = self.text.lines().nth(line - 1)
        {
            let end = span.end.min(self.text.len());
            let marked = self.text.get(span.start..end).unwrap_or_default();
            let width = marked
                .lines()
                .next()
                .map_or(1, |it| it.chars().count())
                .max(1);
            let margin = " ".repeat(line.to_string().len());
            let pad: String = source
                .chars()
                .take(column - 1)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{margin} |\n{line} | {source}");
            let _ = writeln!(out, "{margin} | {pad}{}", "^".repeat(width));
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "help: {help}");
        }
        out
    }
}

/// Line and column (in characters) of a byte of a text, both from 1.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// serde's message in the words of a person who writes the file. What is known there instead of
/// something unknown is the help's to say.
fn worded(message: &str) -> String {
    if message.starts_with("unknown ") {
        let said = message.split_once(", expected ").map_or(message, |it| it.0);
        return said.replacen("unknown variant", "unknown value", 1);
    }
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return message.to_owned();
    };
    let expected = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        other => other,
    };
    format!("{found}, expected {expected}")
}

/// "did you mean", from serde's own list of what it expected.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    if !message.starts_with("unknown ") {
        return None;
    }
    let known: Vec<&str> = quoted.collect();
    nearest(unknown, &known)
        .or_else(|| (!known.is_empty()).then(|| format!("known here: {}", known.join(", "))))
}

/// "did you mean …?" when one of the known words is close.
pub fn nearest(unknown: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .map(|word| (strsim::jaro_winkler(unknown, word), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| format!("did you mean `{word}`?"))
}

/// "did you mean …?", or the list of what is known.
pub fn nearest_or_list(unknown: &str, what: &str, known: &[&str]) -> String {
    nearest(unknown, known).unwrap_or_else(|| {
        if known.is_empty() {
            format!("there are no {what}")
        } else {
            format!("{what}: {}", known.join(", "))
        }
    })
}
