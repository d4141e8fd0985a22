//! Recordings: the canonical event stream, its digest, and the MCAP files that keep it.
//!
//! ```text
//! rooms ──Event──► Sequencer ──Entry──► Digest      (SHA-256 of the canonical encoding)
//!                                  └──► Recorder ──► NAME.mcap ──► Reader ──► Entry
//! ```
//!
//! - [`Sequencer`] puts the events of one step into the canonical order and numbers them.
//! - [`canonical`] writes an [`Entry`] as bytes, unambiguously; [`Digest`] hashes them.
//! - [`Recorder`] keeps entries in an MCAP file that Foxglove, PlotJuggler and every MCAP library
//!   open; [`Reader`] reads them back, from a cut file too, and says what was lost.
//! - [`first_difference`] finds where two streams part; [`diff`] does so for each channel, within
//!   tolerances, and says what led to what.
//! - [`redact`] takes SAS signatures out of a text, [`Redactor`] out of a stream of bytes.
//!
//! Everything except [`Recorder`] and [`Reader`] does no IO; nothing here reads a clock: wall
//! times come in by argument.

pub mod canonical;
mod chunk;
pub mod diff;
mod difference;
mod entry;
mod error;
pub mod export;
mod filter;
mod format;
pub mod import;
mod index;
mod reader;
mod recorder;
mod redact;
mod sequence;
mod stream;

pub use canonical::Digest;
pub use difference::{Difference, Field, first_difference, try_first_difference};
pub use entry::{Content, Entry};
pub use error::Error;
pub use filter::Filter;
pub use format::{BenchFile, FORMAT_VERSION, Header, Parent};
pub use reader::{Loss, Read, Reader};
pub use recorder::{Finished, Recorder, files_of, is_being_written};
pub use redact::{Redactor, redact};
pub use sequence::{BackInTime, Sequencer};
pub use stream::{KeepBytes, Options};
