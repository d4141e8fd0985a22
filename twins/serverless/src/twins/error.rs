//! Errors of twin files: file, line, column, cause, next step, in the form of all files that a
//! person writes.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

/// What is wrong with a twin file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// The place as a byte range of the text, when the error has one.
    pub span: Option<Range<usize>>,
    /// The file's text, for showing the place.
    pub text: String,
    /// The cause.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.position() {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for FileError {}

impl FileError {
    pub(super) fn at(
        path: &Path,
        text: &str,
        span: Option<Range<usize>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            span,
            text: text.to_owned(),
            message: message.into(),
            help: None,
        }
    }

    /// The grammar or the types refuse the text; "did you mean" for unknown keys and words.
    pub(super) fn toml(path: &Path, text: &str, cause: &toml::de::Error) -> Self {
        let message = cause.message();
        let error = Self::at(path, text, cause.span(), message);
        let mut quoted = message.split('`').skip(1).step_by(2);
        match quoted.next() {
            Some(unknown) if message.starts_with("unknown ") => {
                let known: Vec<&str> = quoted.collect();
                error.help(nearest_or_list(unknown, "known here", &known))
            }
            _ => error,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Line and column of the place, both from 1, the column in characters.
    pub fn position(&self) -> Option<(usize, usize)> {
        let before = self.text.get(..self.span.as_ref()?.start)?;
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        Some((
            before.matches('\n').count() + 1,
            before[begin..].chars().count() + 1,
        ))
    }

    /// The error as plain text, with the line and a caret under the place.
    pub fn plain(&self) -> String {
        let mut out = format!("error: {self}\n");
        if let (Some((line, column)), Some(span)) = (self.position(), &self.span)
            && let Some(source) = self.text.lines().nth(line - 1)
        {
            let marked = self.text.get(span.clone()).unwrap_or_default();
            let width = marked.lines().next().map_or(1, |it| it.chars().count());
            let margin = " ".repeat(line.to_string().len());
            let pad: String = source
                .chars()
                .take(column - 1)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let carets = "^".repeat(width.max(1));
            out = format!("{out}{margin} |\n{line} | {source}\n{margin} | {pad}{carets}\n");
        }
        if let Some(help) = &self.help {
            out = format!("{out}help: {help}\n");
        }
        out
    }
}

/// "did you mean …?" when one of the known words is close, else what is known.
pub(super) fn nearest_or_list(unknown: &str, what: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|word| (strsim::jaro_winkler(unknown, word), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, word)) => format!("did you mean `{word}`?"),
        None if known.is_empty() => format!("{what}: none"),
        None => format!("{what}: {}", known.join(", ")),
    }
}
