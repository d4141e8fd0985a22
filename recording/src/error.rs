//! What can go wrong with a recording file.

use std::{io, path::PathBuf};

/// Why a recording cannot be written or read. Messages fit after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file, or its unfinished form, is already there.
    #[error("create recording {}: it already exists; move it away or choose another name", path.display())]
    Exists {
        /// The file that is there.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error("create recording {}: {source}; check that the folder exists and can be written to", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Writing failed, e.g. because the disk is full.
    #[error(
        "write recording {}: {source}; free some space or choose another folder: what was written before stays readable",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: mcap::McapError,
    },
    /// An earlier write failed, so nothing more is written.
    #[error("write recording {}: it stopped at an earlier write error", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// MCAP counts nanoseconds from 1970 in 64 bits.
    #[error("record an event outside the years 1970 to 2554: choose another epoch for the bench")]
    Time,
    /// The finished file cannot get its final name.
    #[error("rename {} to {}: {source}; the recording is complete, rename it by hand", from.display(), to.display())]
    Rename {
        /// The unfinished file's name.
        from: PathBuf,
        /// The final name.
        to: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file cannot be opened or read.
    #[error("read recording {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is no MCAP file, or none that Twinbench wrote.
    #[error("read recording {}: it is not a Twinbench recording ({reason}); give the name of a session.mcap", path.display())]
    NotARecording {
        /// The file.
        path: PathBuf,
        /// What is missing.
        reason: &'static str,
    },
    /// The file was cut before its first facts were complete.
    #[error("read recording {}: it was cut within its first {bytes} bytes, before any event; nothing can be recovered", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The file's format version is unknown.
    #[error(
        "read recording {}: it has format {found:?} and this build reads format {}; update Twinbench",
        path.display(),
        crate::FORMAT_VERSION
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that it states.
        found: String,
    },
}
