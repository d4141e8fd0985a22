//! What can go wrong with a store, and what to do about it.

use std::{io, path::PathBuf};

/// Why a store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process, or another store of this one, has the folder open.
    #[error("{folder} is in use by another run: end that run, or give another folder")]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder cannot be made, read or written.
    #[error("{folder} cannot be used: {cause}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The disk is full.
    #[error("{folder} cannot take more: its disk is full; what was committed is safe")]
    Full {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder was written by another version of the format.
    #[error(
        "{folder} holds format version {found}, this program reads version {expected}: use the program that wrote it, or give another folder"
    )]
    Version {
        /// The folder.
        folder: PathBuf,
        /// The version found there.
        found: String,
        /// The version that is read and written here.
        expected: u32,
    },
    /// What is in the folder is damaged beyond the torn end that a crash may leave.
    #[error("{folder} is damaged ({cause}): restore a backup, or give another folder")]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What the storage engine says.
        cause: String,
    },
    /// A record's key cannot be stored; nothing of its commit was.
    #[error("a key must have 1 to 65,535 bytes, not {length}")]
    Key {
        /// The key's length.
        length: usize,
    },
    /// An earlier commit failed, so later ones are refused until the folder is opened again.
    #[error(
        "{folder} takes no more commits since one failed: look for a full disk, then start again"
    )]
    Stopped {
        /// The folder.
        folder: PathBuf,
    },
}
