//! What can go wrong with a session.

use std::{io, path::PathBuf};

use crate::{Error, NotFound, RobotError, UartError, control::ControlError};

/// Why there is no session, or it could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no Renode.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// It does not start.
    #[error(transparent)]
    Start(#[from] Error),
    /// It is too old, or not Renode.
    #[error("renode says that it is {said:?}; 1.15.3 or newer is needed")]
    Version {
        /// What it said.
        said: String,
    },
    /// A folder or file of ours.
    #[error("{}: {cause}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A command failed, with Renode's words.
    #[error("renode refuses {command:?}: {cause}")]
    Command {
        /// The line.
        command: String,
        /// Its words.
        cause: RobotError,
    },
    /// External Control.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A UART's connection.
    #[error(transparent)]
    Uart(#[from] UartError),
    /// No port is free.
    #[error("no free port for renode: {0}")]
    Port(io::Error),
    /// A name that the monitor would read as something else.
    #[error("{0:?} cannot be a name in renode: use letters, digits, - and _")]
    Name(String),
    /// An answer that is none.
    #[error("renode answered {command:?} with {said:?}, which is no {expected}")]
    Unexpected {
        /// The line.
        command: String,
        /// The answer.
        said: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The session was built without it.
    #[error("{0} needs external control: build the session with it")]
    NoControl(&'static str),
    /// A snapshot in a state that Renode is known not to save or load.
    #[error("renode cannot {verb} a snapshot: {reason}")]
    Snapshot {
        /// `save` or `load`.
        verb: &'static str,
        /// What is known of it, and what to do.
        reason: String,
    },
}
