//! What can go wrong while something is played again.

use crate::{file, session};

/// Why a recording cannot be played again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error(transparent)]
    Recording(#[from] twinbench_recording::Error),
    /// The bench in it cannot be used.
    #[error("use the bench file in the recording: {0}")]
    Bench(String),
    /// A bench file beside it cannot be used.
    #[error(transparent)]
    File(#[from] file::Error),
    /// The session that plays it failed.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// What is asked for cannot be had of it.
    #[error("{0}")]
    Asked(String),
}
