//! Firmware files: which format a file has, and what it puts where.

mod hex;
mod uf2;

use std::fmt;

use crate::image::ImageError;

/// A file with firmware.
#[derive(Debug, Clone, Copy)]
pub struct FirmwareFile<'a> {
    /// Its name, for errors.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// Where it belongs in memory: needed for raw bytes, refused for formats that say it themselves.
    pub address: Option<u32>,
}

/// The format of a firmware file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// What a linker writes.
    Elf,
    /// Intel HEX: lines of text that begin with a colon.
    Hex,
    /// Blocks of 512 bytes, made for boot loaders that show a drive.
    Uf2,
    /// Raw bytes.
    Bin,
}

impl Format {
    /// The format by a file's first bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let text = bytes.trim_ascii_start();
        if bytes.starts_with(b"\x7fELF") {
            Self::Elf
        } else if bytes.starts_with(b"UF2\n") {
            Self::Uf2
        } else if text.starts_with(b":") && text.get(1..9).is_some_and(is_hexadecimal) {
            Self::Hex
        } else {
            Self::Bin
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elf => "ELF",
            Self::Hex => "Intel HEX",
            Self::Uf2 => "UF2",
            Self::Bin => "raw bytes",
        })
    }
}

fn is_hexadecimal(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_hexdigit)
}

/// Bytes and where they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) address: u32,
    pub(crate) bytes: Vec<u8>,
}

/// What a file that is no ELF file puts where, neighbouring pieces joined.
pub(crate) fn parts(file: &FirmwareFile<'_>, format: Format) -> Result<Vec<Part>, ImageError> {
    let pieces = match (format, file.address) {
        (Format::Bin, None) => return Err(ImageError::NeedsAddress),
        (Format::Bin, Some(address)) => vec![Part {
            address,
            bytes: file.bytes.to_vec(),
        }],
        (format, Some(_)) => return Err(ImageError::HasAddress { format }),
        (Format::Uf2, None) => uf2::read(file.bytes)?,
        (_, None) => hex::read(file.bytes)?,
    };
    Ok(join(pieces))
}

fn join(mut pieces: Vec<Part>) -> Vec<Part> {
    pieces.sort_by_key(|piece| piece.address);
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces.into_iter().filter(|piece| !piece.bytes.is_empty()) {
        match parts.last_mut() {
            Some(last)
                if u64::from(last.address) + last.bytes.len() as u64
                    == u64::from(piece.address) =>
            {
                last.bytes.extend(piece.bytes);
            }
            _ => parts.push(piece),
        }
    }
    parts
}
