//! How errors reach a person: what, where, and what to do next.

use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use crate::{exit::Exit, file, scenario, serve, session};

use super::Format;

/// An error on its way to the person at the terminal.
pub struct Failure {
    exit: Exit,
    message: String,
    help: Option<String>,
    source: Option<NamedSource<String>>,
    label: Option<(std::ops::Range<usize>, String)>,
    position: Option<String>,
}

impl Failure {
    /// A failure with its exit code.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            help: None,
            source: None,
            label: None,
            position: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// Prints the failure and gives its exit code.
    pub(crate) fn report(self, format: Format) -> Exit {
        let exit = self.exit;
        match format {
            Format::Human => eprintln!("{:?}", miette::Report::new(self)),
            Format::Json => eprintln!(
                "{}",
                serde_json::json!({
                    "error": self.message, "help": self.help, "at": self.position, "exit": exit as u8,
                })
            ),
        }
        exit
    }
}

impl From<file::Error> for Failure {
    fn from(error: file::Error) -> Self {
        let exit = if error.missing {
            Exit::Setup
        } else {
            Exit::Usage
        };
        let name = error.path.display().to_string();
        let position = error
            .position
            .map(|(line, column)| format!("{name}:{line}:{column}"));
        let message = error.to_string();
        Self {
            exit,
            message,
            help: error.help,
            label: error.span.map(|span| (span, error.message)),
            source: (!error.text.is_empty()).then(|| NamedSource::new(name, error.text)),
            position,
        }
    }
}

impl From<session::Error> for Failure {
    fn from(error: session::Error) -> Self {
        let exit = if error.is_setup() {
            Exit::Setup
        } else {
            Exit::Internal
        };
        let help = error.help();
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = inner.source();
        }
        Self {
            help,
            ..Self::new(exit, message)
        }
    }
}

impl From<scenario::Trouble> for Failure {
    fn from(trouble: scenario::Trouble) -> Self {
        match trouble {
            scenario::Trouble::File(error) => error.into(),
            scenario::Trouble::Session(error) => error.into(),
            other => Self::new(Exit::Internal, other.to_string()),
        }
    }
}

impl From<serve::Error> for Failure {
    fn from(error: serve::Error) -> Self {
        let help = match &error {
            serve::Error::Port {
                what: "Durable Task",
                ..
            } => Some("choose another with --durable-task-port; 0 takes any free one"),
            serve::Error::Port {
                what: "the API", ..
            } => Some("choose another with --port; 0 takes any free one"),
            serve::Error::Port { .. } => Some(
                "set another in `[hub.ports]` or on the command line (0 takes any free one), or take free ones for all with --any-ports",
            ),
            serve::Error::Certificates(_) => Some("`--certificates FOLDER` keeps them elsewhere"),
            serve::Error::Hub(_) => Some("look at `[hub]` and `[[bridge]]` in the bench file"),
            serve::Error::Key(_) => {
                Some("look for missing rights; `--data FOLDER` uses another folder")
            }
            serve::Error::Session(_) | serve::Error::Start(_) | serve::Error::NoWorker => None,
        };
        let failure = match error {
            serve::Error::Session(error) => return error.into(),
            serve::Error::Start(_) => Self::new(Exit::Internal, error.to_string()),
            serve::Error::NoWorker => Self::new(Exit::Timeout, error.to_string()),
            other => Self::new(Exit::Setup, other.to_string()),
        };
        Self {
            help: help.map(str::to_owned),
            ..failure
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (span, text) = self.label.as_ref()?;
        let label = LabeledSpan::new(Some(text.clone()), span.start, span.len());
        Some(Box::new(std::iter::once(label)))
    }
}
