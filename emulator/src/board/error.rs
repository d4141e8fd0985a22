//! What can be wrong with a board or with what is asked of it.

/// Why a board cannot be built, or cannot do what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoardError {
    /// The board file is not TOML of the expected shape.
    #[error("board file cannot be read: {0}")]
    File(String),
    /// The board file is for another version of this program.
    #[error("board file has version {found}, this program reads version 1; update the program")]
    Version {
        /// The file's version.
        found: u32,
    },
    /// Something named in the board file does not exist.
    #[error("board file names {what} {name:?}; known are: {known}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// The firmware image was laid out for other memories than the board's.
    #[error(
        "firmware image is laid out for other memories than the board's; load it with the board's \
         memory map"
    )]
    Memories,
    /// Nothing on the board has the name.
    #[error("no {what} {name:?} on this board; it has: {available}")]
    NoSuch {
        /// What kind of thing.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// Those that the board has.
        available: String,
    },
    /// A measured value that is no number.
    #[error("{quantity} cannot be {value}; give a finite number")]
    NotFinite {
        /// The quantity.
        quantity: String,
        /// What was given.
        value: f64,
    },
}
