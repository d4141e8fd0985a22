//! Why a machine could not do what was asked.

/// Why a machine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stimulus has no target on this machine.
    #[error("no {what} on this machine; it has: {available}")]
    NoSuchTarget {
        /// What was asked for.
        what: String,
        /// What there is.
        available: String,
    },
    /// The firmware image cannot be used.
    #[error("firmware cannot be loaded: {0}")]
    Firmware(String),
    /// A snapshot cannot be taken or taken up.
    #[error("snapshot: {0}")]
    Snapshot(String),
    /// Names of the firmware are not known.
    #[error("symbols: {0}")]
    Symbols(String),
    /// A debugger cannot be served.
    #[error("debugger: {0}")]
    Debugger(String),
    /// Renode failed, or there is none.
    #[error("{0}")]
    Renode(String),
    /// A debug probe, or the board behind it.
    #[error("{0}")]
    Probe(String),
    /// A program that plays a device.
    #[error("{0}")]
    Process(String),
    /// A setting is out of range.
    #[error("{0}")]
    Setting(String),
}

impl Error {
    /// Nothing of that name here, but others.
    pub(crate) fn no_such(what: impl Into<String>, available: impl Into<String>) -> Self {
        Self::NoSuchTarget {
            what: what.into(),
            available: available.into(),
        }
    }
}
