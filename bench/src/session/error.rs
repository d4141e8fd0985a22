//! What can go wrong in a session, and what to do about it.

use std::path::PathBuf;

use twinbench_model::DeviceId;

/// Why a session could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A firmware image cannot be used.
    #[error("firmware {path} of device {device}: {reason}")]
    Firmware {
        /// The device.
        device: DeviceId,
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A machine cannot be made or failed.
    #[error("device {device}")]
    Machine {
        /// The device.
        device: DeviceId,
        /// Why.
        #[source]
        cause: twinbench_machine::Error,
    },
    /// The data folder cannot be used.
    #[error("data folder: {0}")]
    Data(String),
    /// The data folder cannot be read or written.
    #[error("data folder")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The durable state is there but cannot be understood.
    #[error("stored state of the {room}: {reason}")]
    Restore {
        /// The room.
        room: &'static str,
        /// Why.
        reason: String,
    },
    /// A file of the run cannot be written.
    #[error("{path} cannot be written")]
    Output {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The recording cannot be written.
    #[error("recording")]
    Recording(#[source] twinbench_recording::Error),
    /// The bench file holds something that a room refuses.
    #[error("{0}")]
    Setting(String),
    /// A room emitted an event out of order.
    #[error("{0}")]
    Order(String),
    /// The threads that run machines could not be started, or one of them ended.
    #[error("threads: {0}")]
    Threads(String),
}

impl Error {
    pub(super) fn store(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Store(Box::new(cause))
    }

    pub(super) fn log(cause: impl std::fmt::Display) -> Self {
        Self::Restore {
            room: "hub",
            reason: cause.to_string(),
        }
    }

    /// Whether the machine or its set-up is at fault, rather than Twinbench.
    pub fn is_setup(&self) -> bool {
        !matches!(self, Self::Threads(_) | Self::Order(_))
    }

    /// What to do next.
    pub fn help(&self) -> Option<String> {
        Some(
            match self {
                Self::Firmware { .. } => {
                    "build an ELF for thumbv7em-none-eabihf that is linked to the board's flash; `cargo xtask firmware` builds ours"
                }
                Self::Data(_) | Self::Restore { .. } => {
                    "give a new folder with `--data FOLDER`, or run without --resume to start afresh"
                }
                Self::Store(_) => {
                    "look for a full disk, missing rights or another run on the same folder; what was committed is safe. \
                     `--data FOLDER` uses another folder"
                }
                Self::Output { .. } | Self::Recording(_) => {
                    "look for a full disk or missing rights; `--out FOLDER` writes elsewhere"
                }
                Self::Machine { .. } | Self::Setting(_) | Self::Threads(_) | Self::Order(_) => return None,
            }
            .to_owned(),
        )
    }
}
