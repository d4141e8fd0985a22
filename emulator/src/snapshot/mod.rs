//! The whole state of a chip at an instant, kept cheaply, written to bytes and taken up again.
//!
//! A snapshot shares the pages of RAM that did not change with the one before, so it costs what
//! changed. Its bytes carry a version and name the firmware; a chip of the same kind with the same
//! firmware goes on from them as the first would have.

mod chip;
mod codec;
mod signal;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use codec::{Loader, Saver};
pub(crate) use codec::{array, saved_by_serde};
pub(crate) use signal::SavedSignal;

/// What the bytes of a snapshot begin with.
const MAGIC: [u8; 4] = *b"TWBS";
/// Version of the bytes. A change of any peripheral's saved fields is a new version.
const VERSION: u32 = 3;
/// Bytes in a page of RAM.
pub(crate) const PAGE: usize = 4096;

/// The state of a chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The image that the chip runs.
    firmware: u64,
    /// RAM; the last page may be shorter.
    ram: Vec<Arc<[u8]>>,
    /// Pages of flash memory that differ from the image.
    flash: Vec<(u32, Box<[u8]>)>,
    /// Everything else.
    state: Vec<u8>,
}

/// Why a snapshot cannot be taken or taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot at all.
    #[error("not a snapshot: it does not begin with TWBS; give a file that `snapshot` wrote")]
    NotSnapshot,
    /// Written by another version.
    #[error(
        "snapshot has version {found}, this program reads {VERSION}; take it again with this program"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// Cut or changed.
    #[error("damaged snapshot: {0}; take it again")]
    Damaged(String),
    /// Taken of another firmware.
    #[error(
        "snapshot is of firmware {found:016x}, this chip runs {expected:016x}; load the same image first"
    )]
    Firmware {
        /// Fingerprint in the snapshot.
        found: u64,
        /// Fingerprint of the chip's image.
        expected: u64,
    },
    /// Taken of a chip or board with other parts.
    #[error("snapshot is of another chip or board: {0}")]
    Parts(String),
    /// A piece of state that cannot be written.
    #[error("state cannot be written: {0}; this is a defect of the program")]
    Encoding(String),
}

#[derive(Serialize, Deserialize)]
struct Body {
    firmware: u64,
    ram_size: u32,
    /// Pages that are not all zero, with their numbers.
    ram: Vec<(u32, Vec<u8>)>,
    flash: Vec<(u32, Box<[u8]>)>,
    state: Vec<u8>,
}

impl Snapshot {
    /// Bytes that any machine with this version takes up.
    ///
    /// # Errors
    /// None in practice: memory holds all that is written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SnapshotError> {
        let pages = (0..).zip(&self.ram);
        let body = Body {
            firmware: self.firmware,
            ram_size: self.ram.iter().map(|page| page.len() as u32).sum(),
            ram: pages
                .filter(|(_, page)| page.iter().any(|byte| *byte != 0))
                .map(|(number, page)| (number, page.to_vec()))
                .collect(),
            flash: self.flash.clone(),
            state: self.state.clone(),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        postcard::to_extend(&body, bytes)
            .map_err(|error| SnapshotError::Encoding(error.to_string()))
    }

    /// Reads what [`Snapshot::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are no snapshot, of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let rest = bytes
            .strip_prefix(&MAGIC)
            .ok_or(SnapshotError::NotSnapshot)?;
        let (version, rest) = rest
            .split_first_chunk()
            .ok_or_else(|| SnapshotError::Damaged("it ends in its head".into()))?;
        let found = u32::from_le_bytes(*version);
        if found != VERSION {
            return Err(SnapshotError::Version { found });
        }
        let mut loader = Loader::new(rest);
        let body: Body = loader.get()?;
        loader.finish()?;
        if body.ram_size > 1 << 28 {
            return Err(SnapshotError::Damaged(format!(
                "{} bytes of RAM",
                body.ram_size
            )));
        }
        let mut ram = vec![0; body.ram_size as usize];
        for (number, page) in &body.ram {
            let place = ram
                .get_mut(*number as usize * PAGE..)
                .and_then(|rest| rest.get_mut(..page.len()))
                .ok_or_else(|| SnapshotError::Damaged(format!("page {number} is outside RAM")))?;
            place.copy_from_slice(page);
        }
        Ok(Self {
            firmware: body.firmware,
            ram: ram.chunks(PAGE).map(Arc::from).collect(),
            flash: body.flash,
            state: body.state,
        })
    }

    /// Bytes of memory that it takes beyond what it shares with another.
    pub fn size_beyond(&self, other: Option<&Self>) -> usize {
        let pages = self.ram.iter().enumerate().filter(|(index, page)| {
            let before = other.and_then(|other| other.ram.get(*index));
            before.is_none_or(|before| !Arc::ptr_eq(before, page))
        });
        let flash: usize = self.flash.iter().map(|(_, page)| page.len()).sum();
        pages.map(|(_, page)| page.len()).sum::<usize>() + flash + self.state.len()
    }
}
