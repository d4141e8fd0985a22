//! Unpacking a chunk without trusting it.

use std::io::{self, Read as _};

use mcap::{
    records::op,
    sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions},
};

/// No chunk or record of a recording unpacks to more; a damaged length that says so is refused
/// before memory is taken for it.
const MOST_BYTES: usize = 256 << 20;
/// lz4 cannot make more than this of one byte.
const MOST_EXPANSION: usize = 256;

/// The records of a chunk.
#[derive(Default)]
pub(crate) struct Unpacked {
    /// Opcodes and bodies, in their order.
    pub(crate) records: Vec<(u8, Vec<u8>)>,
    /// Whether the chunk is undamaged.
    pub(crate) whole: bool,
}

/// Unpacks the body of a chunk record, as far as it goes when it is cut.
///
/// The CRC stands over the whole chunk, so a whole chunk is checked before any record is taken; a
/// cut one cannot be checked, and its blocks are taken as they are.
pub(crate) fn unpack(body: &[u8], cut: bool) -> Unpacked {
    let mut unpacked = Unpacked::default();
    let Some(stated) = stated_length(body) else {
        return unpacked;
    };
    let most = body
        .len()
        .saturating_mul(MOST_EXPANSION)
        .clamp(1 << 16, MOST_BYTES);
    let options = LinearReaderOptions::default()
        .with_skip_start_magic(true)
        .with_skip_end_magic(true)
        .with_prevalidate_chunk_crcs(!cut)
        .with_record_length_limit(most);
    let mut chunk = LinearReader::new_with_options(options);
    let head = [&[op::CHUNK][..], &stated.to_le_bytes()].concat();
    let mut input = head.chain(body);
    loop {
        match chunk.next_event() {
            Some(Ok(LinearReadEvent::ReadRequest(need))) => {
                let need = need.min(MOST_BYTES);
                // Reading from memory does not fail; nothing read is the end.
                let read: io::Result<usize> = input.read(chunk.insert(need));
                chunk.notify_read(read.unwrap_or_default());
            }
            Some(Ok(LinearReadEvent::Record { data, opcode })) => {
                unpacked.records.push((opcode, data.to_vec()));
            }
            Some(Err(_)) => return unpacked,
            None => {
                unpacked.whole = true;
                return unpacked;
            }
        }
    }
}

/// The length that the record must have by the chunk's own header. `None` when the header is cut,
/// or the compression is not the recorder's: the library's reader of plain chunks trusts lengths.
fn stated_length(body: &[u8]) -> Option<u64> {
    const COMPRESSION: &[u8] = b"\x03\0\0\0lz4";
    // Two times, the unpacked length and its CRC stand before the compression.
    const BEFORE: usize = 8 + 8 + 8 + 4;
    let rest = body.get(BEFORE..)?.strip_prefix(COMPRESSION)?;
    let (packed, _) = rest.split_first_chunk::<8>()?;
    let fixed = (BEFORE + COMPRESSION.len() + packed.len()) as u64;
    fixed.checked_add(u64::from_le_bytes(*packed))
}
