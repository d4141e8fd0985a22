//! What the verbs that read recordings share.

use std::path::PathBuf;

use twinbench_recording::{Error, Reader};

use super::Failure;
use crate::{exit::Exit, replay};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::NotARecording { .. } | Error::Version { .. } | Error::Empty { .. } => {
                Exit::Usage
            }
            _ => Exit::Setup,
        };
        Self::new(exit, format!("failed to {error}"))
    }
}

impl From<replay::Error> for Failure {
    fn from(error: replay::Error) -> Self {
        match error {
            replay::Error::Recording(error) => error.into(),
            replay::Error::Session(error) => error.into(),
            replay::Error::File(error) => error.into(),
            replay::Error::Bench(_) => Self::new(Exit::Usage, format!("failed to {error}"))
                .help("give a bench file of this version with --bench"),
            replay::Error::Asked(message) => Self::new(Exit::Usage, message),
        }
    }
}

/// Says on stderr which recordings were not finished: what they lack is no divergence of theirs.
pub(super) fn note_losses<const N: usize>(recordings: [&PathBuf; N]) -> Result<(), Failure> {
    for path in recordings {
        if Reader::open(path)?.stated_digest()?.is_none() {
            eprintln!(
                "{} was not finished: what came after its last event is missing",
                path.display()
            );
        }
    }
    Ok(())
}
