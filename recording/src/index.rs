//! The index of a finished recording: where in the file which times are, and its attachments.
//!
//! MCAP's own index has an entry for every channel of every chunk, which for a thousand devices is
//! as long as the messages themselves. So the recorder keeps a short one beside it, as metadata
//! after the end record: offset and times of each chunk, some bytes a chunk. Finding it takes a
//! handful of reads from the end of the file, whatever its length.

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek, SeekFrom},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mcap::{
    parse_record,
    records::{AttachmentIndex, Channel, Record, op},
};

use crate::format;

/// Bytes of a record's opcode and length.
const HEAD: u64 = 9;
/// Length of the body of a footer (MCAP specification, "Footer").
const FOOTER: u64 = 20;
/// No part of the index of a recording is longer; a damaged length that says so is not believed.
const MOST_BYTES: u64 = 1 << 30;
/// The key of the chunks in the index's metadata.
const CHUNKS: &str = "chunks";

/// Where a chunk is, and the log times of its first and last message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) offset: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// The end of a finished recording.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) marks: Vec<Mark>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) attachments: Vec<AttachmentIndex>,
    /// The facts of the end record.
    pub(crate) end: BTreeMap<String, String>,
}

/// The index as the facts of its metadata record.
pub(crate) fn facts(marks: &[Mark]) -> BTreeMap<String, String> {
    let mut bytes = Vec::with_capacity(marks.len() * 8);
    let mut before = Mark {
        offset: 0,
        first: 0,
        last: 0,
    };
    for mark in marks {
        for delta in [
            mark.offset.wrapping_sub(before.offset),
            mark.first.wrapping_sub(before.first),
            mark.last.wrapping_sub(mark.first),
        ] {
            put(delta, &mut bytes);
        }
        before = *mark;
    }
    BTreeMap::from([(CHUNKS.to_owned(), STANDARD.encode(bytes))])
}

fn marks_of(facts: &BTreeMap<String, String>) -> Option<Vec<Mark>> {
    let bytes = STANDARD.decode(facts.get(CHUNKS)?).ok()?;
    let mut rest = &bytes[..];
    let (mut marks, mut offset, mut first) = (Vec::new(), 0u64, 0u64);
    while !rest.is_empty() {
        offset = offset.wrapping_add(take(&mut rest)?);
        first = first.wrapping_add(take(&mut rest)?);
        let last = first.wrapping_add(take(&mut rest)?);
        marks.push(Mark {
            offset,
            first,
            last,
        });
    }
    Some(marks)
}

/// LEB128.
fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

impl Index {
    /// Reads the index of a file of `length` bytes; `None` when it has none, because it was cut,
    /// or an older version or another program wrote it.
    pub(crate) fn read(file: &mut (impl Read + Seek), length: u64) -> io::Result<Option<Self>> {
        let tail = HEAD + FOOTER + mcap::MAGIC.len() as u64;
        let Some(footer_at) = length.checked_sub(tail) else {
            return Ok(None);
        };
        let footer = part(file, footer_at, tail, length)?;
        let offsets_at = match footer.split_at_checked(HEAD as usize) {
            Some((&[op::FOOTER, ..], rest)) if rest.ends_with(mcap::MAGIC) => {
                match parse_record(op::FOOTER, &rest[..FOOTER as usize]) {
                    Ok(Record::Footer(footer)) => footer.summary_offset_start,
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        if offsets_at == 0 || offsets_at > footer_at {
            return Ok(None);
        }
        let mut index = Self::default();
        let offsets = part(file, offsets_at, footer_at - offsets_at, length)?;
        for (opcode, body) in records(&offsets) {
            let Ok(Record::SummaryOffset(group)) = parse_record(opcode, body) else {
                return Ok(None);
            };
            if ![op::CHANNEL, op::METADATA_INDEX, op::ATTACHMENT_INDEX]
                .contains(&group.group_opcode)
            {
                continue;
            }
            let group = part(file, group.group_start, group.group_length, length)?;
            for (opcode, body) in records(&group) {
                match parse_record(opcode, body) {
                    Ok(Record::Channel(channel)) => index.channels.push(channel),
                    Ok(Record::AttachmentIndex(attachment)) => index.attachments.push(attachment),
                    Ok(Record::MetadataIndex(metadata))
                        if [format::INDEX, format::END].contains(&metadata.name.as_str()) =>
                    {
                        let record = part(file, metadata.offset, metadata.length, length)?;
                        let facts = records(&record).next().and_then(|(opcode, body)| {
                            match parse_record(opcode, body) {
                                Ok(Record::Metadata(metadata)) => Some(metadata.metadata),
                                _ => None,
                            }
                        });
                        let Some(facts) = facts else { return Ok(None) };
                        if metadata.name == format::END {
                            index.end = facts;
                            continue;
                        }
                        let Some(marks) = marks_of(&facts) else {
                            return Ok(None);
                        };
                        index.marks = marks;
                    }
                    Ok(_) => {}
                    Err(_) => return Ok(None),
                }
            }
        }
        Ok(Some(index))
    }

    /// Where to begin in order to find everything from a log time on.
    pub(crate) fn chunk_at(&self, time: u64) -> Option<u64> {
        // Entries come in order of their time, so chunks do too.
        let after = self.marks.partition_point(|mark| mark.last < time);
        self.marks
            .get(after)
            .or(self.marks.last())
            .map(|it| it.offset)
    }
}

/// The body of an attachment in a file of `length` bytes.
pub(crate) fn attachment(
    file: &mut (impl Read + Seek),
    length: u64,
    at: &AttachmentIndex,
) -> io::Result<Option<Vec<u8>>> {
    let record = part(file, at.offset, at.length, length)?;
    let Some((op::ATTACHMENT, body)) = records(&record).next() else {
        return Ok(None);
    };
    Ok(format::attachment_of(body).map(|attachment| attachment.data.to_vec()))
}

/// A part of the file; nothing when it does not lie within it.
fn part(file: &mut (impl Read + Seek), at: u64, take: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if take > MOST_BYTES || at.checked_add(take).is_none_or(|end| end > length) {
        return Ok(bytes);
    }
    file.seek(SeekFrom::Start(at))?;
    file.take(take).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The records in some bytes, as far as they are whole.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&opcode, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (body, rest) = rest.split_at_checked(length)?;
        bytes = rest;
        Some((opcode, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(offset: u64, first: u64, last: u64) -> Mark {
        Mark {
            offset,
            first,
            last,
        }
    }

    #[test]
    fn finds_the_chunk_of_a_time() {
        let index = Index {
            marks: vec![mark(8, 10, 19), mark(90, 20, 20), mark(180, 20, 35)],
            ..Index::default()
        };
        for (time, offset) in [(0, 8), (10, 8), (19, 8), (20, 90), (21, 180), (99, 180)] {
            assert_eq!(index.chunk_at(time), Some(offset), "{time}");
        }
        assert_eq!(Index::default().chunk_at(3), None);
    }

    proptest! {
        #[test]
        fn marks_come_back(values in proptest::collection::vec(any::<(u64, u64, u64)>(), 0..20)) {
            let marks: Vec<_> = values.iter().map(|(a, b, c)| mark(*a, *b, *c)).collect();
            prop_assert_eq!(marks_of(&facts(&marks)), Some(marks));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut file = [&bytes[..], mcap::MAGIC].concat();
            let length = file.len() as u64;
            let _ = Index::read(&mut io::Cursor::new(&mut file), length);
            let _ = marks_of(&BTreeMap::from([(CHUNKS.to_owned(), STANDARD.encode(&bytes))]));
        }
    }
}
