//! Errors of bench files: file, line, column, cause, next step.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

/// What is wrong with a bench file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Error {}

impl Error {
    pub(super) fn unreadable(path: &Path, cause: &std::io::Error) -> Self {
        Self {
            path: path.to_owned(),
            position: None,
            span: None,
            text: String::new(),
            message: format!("the bench file cannot be read: {cause}"),
            help: Some(
                "give the path of a bench file, such as fixtures/benches/journey.toml".into(),
            ),
            missing: false,
        }
    }

    pub(super) fn toml(path: &Path, text: &str, cause: &toml::de::Error) -> Self {
        let message = cause.message().to_owned();
        let help = suggestion(&message);
        Self {
            help,
            ..Self::at(path, text, cause.span(), message)
        }
    }

    pub(super) fn at(
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

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    pub(super) fn missing(self) -> Self {
        Self {
            missing: true,
            ..self
        }
    }
}

/// Line and column (in characters), both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
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
pub(super) fn nearest(unknown: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .map(|word| (strsim::jaro_winkler(unknown, word), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| format!("did you mean `{word}`?"))
}
