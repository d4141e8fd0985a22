//! Intel HEX.

use ihex::{Reader, Record};

use super::Part;
use crate::image::ImageError;

/// The data records of a file, each with its address.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Part>, ImageError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ImageError::Hex {
        line: bytes[..error.valid_up_to()]
            .split(|byte| *byte == b'\n')
            .count(),
        cause: "it is not text".into(),
    })?;
    let mut parts = Vec::new();
    let mut base = 0u32;
    let mut ended = false;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    for (index, line) in lines {
        let fail = |cause: String| ImageError::Hex {
            line: index + 1,
            cause,
        };
        if ended {
            return Err(fail("it comes after the end record".into()));
        }
        // One line at a time, so that an error has its number.
        let record = Reader::new(line.trim())
            .next()
            .ok_or_else(|| fail("it is empty".into()))?
            .map_err(|error| fail(error.to_string()))?;
        match record {
            Record::Data { offset, value } => parts.push(Part {
                address: base.wrapping_add(offset.into()),
                bytes: value,
            }),
            Record::ExtendedSegmentAddress(segment) => base = u32::from(segment) << 4,
            Record::ExtendedLinearAddress(high) => base = u32::from(high) << 16,
            Record::StartLinearAddress(_) | Record::StartSegmentAddress { .. } => {}
            Record::EndOfFile => ended = true,
        }
    }
    if !ended {
        return Err(ImageError::Hex {
            line: text.lines().count(),
            cause: "the file ends without an end record (:00000001FF): it is cut".into(),
        });
    }
    Ok(parts)
}
