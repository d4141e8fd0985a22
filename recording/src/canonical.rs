//! The canonical encoding of the event stream and its digest.
//!
//! An entry is written as, in this order, all integers big-endian:
//!
//! | field | form |
//! |---|---|
//! | version | one byte, [`VERSION`] |
//! | time | u64, virtual nanoseconds since the bench's epoch |
//! | room | one byte: machine 0, hub 1, functions 2, entities 3, workflows 4, connectors 5, bench 6 |
//! | kind | u32 length, UTF-8 |
//! | source | u32 length, UTF-8 |
//! | sequence | u64 |
//! | content | one byte (0 JSON, 1 bytes, 2 omitted), u64 length, then the bytes verbatim (none when omitted) |
//!
//! The stream is the entries one after the other. Every length stands before what it measures, so
//! no two streams share an encoding; [`decode`] shows it. Wall times are not part of it.

use std::{borrow::Cow, fmt::Write as _};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use twinbench_model::VirtualTime;

use crate::{
    Content, Entry,
    entry::{room_code, room_of_code},
};

/// The version of the encoding. Another version means other digests.
pub const VERSION: u8 = 1;

/// Why bytes are not a canonical entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end within an entry.
    #[error("canonical stream ends within an entry")]
    Short,
    /// The version byte is not [`VERSION`].
    #[error("canonical stream has version {0}, this build reads version {VERSION}")]
    Version(u8),
    /// A room or content code that does not exist, or a text that is not UTF-8.
    #[error("canonical stream has an invalid {0}")]
    Field(&'static str),
}

/// Appends an entry's canonical encoding.
pub fn encode(entry: &Entry, out: &mut Vec<u8>) {
    out.push(VERSION);
    out.extend(entry.time.as_nanos().to_be_bytes());
    out.push(room_code(entry.room));
    for text in [&*entry.kind, &*entry.source] {
        out.extend((text.len() as u32).to_be_bytes());
        out.extend(text.as_bytes());
    }
    out.extend(entry.sequence.to_be_bytes());
    let (code, length, bytes) = match &entry.content {
        Content::Json(text) => (0, text.len() as u64, text.as_bytes()),
        Content::Bytes(bytes) => (1, bytes.len() as u64, &bytes[..]),
        Content::Omitted(length) => (2, *length, &[][..]),
    };
    out.push(code);
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}

/// Reads one entry and returns it with the bytes after it.
///
/// # Errors
/// When the bytes are not a canonical entry.
pub fn decode(bytes: &[u8]) -> Result<(Entry, &[u8]), DecodeError> {
    let mut rest = bytes;
    let [version] = take(&mut rest)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let time = VirtualTime::from_nanos(u64::from_be_bytes(take(&mut rest)?));
    let [room] = take(&mut rest)?;
    let room = room_of_code(room).ok_or(DecodeError::Field("room"))?;
    let kind = text(&mut rest, "kind")?;
    let source = text(&mut rest, "source")?;
    let sequence = u64::from_be_bytes(take(&mut rest)?);
    let [code] = take(&mut rest)?;
    let length = u64::from_be_bytes(take(&mut rest)?);
    let content = match code {
        0 => {
            let json = std::str::from_utf8(slice(&mut rest, length)?);
            Content::Json(json.map_err(|_| DecodeError::Field("JSON text"))?.into())
        }
        1 => Content::Bytes(Bytes::copy_from_slice(slice(&mut rest, length)?)),
        2 => Content::Omitted(length),
        _ => return Err(DecodeError::Field("content code")),
    };
    let entry = Entry {
        time,
        room,
        kind: Cow::Owned(kind.to_owned()),
        source: source.into(),
        sequence,
        content,
    };
    Ok((entry, rest))
}

fn slice<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], DecodeError> {
    let length = usize::try_from(length).map_err(|_| DecodeError::Short)?;
    let (head, tail) = rest.split_at_checked(length).ok_or(DecodeError::Short)?;
    *rest = tail;
    Ok(head)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(DecodeError::Short)?;
    *rest = tail;
    Ok(*head)
}

fn text<'a>(rest: &mut &'a [u8], name: &'static str) -> Result<&'a str, DecodeError> {
    let length = u32::from_be_bytes(take(rest)?);
    let bytes = slice(rest, u64::from(length))?;
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Field(name))
}

/// The SHA-256 of a canonical event stream, taken entry by entry.
#[derive(Debug, Clone, Default)]
pub struct Digest {
    hasher: Sha256,
    buffer: Vec<u8>,
    entries: u64,
}

impl Digest {
    /// The digest of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next entry.
    pub fn update(&mut self, entry: &Entry) {
        self.buffer.clear();
        encode(entry, &mut self.buffer);
        self.hasher.update(&self.buffer);
        self.entries += 1;
    }

    /// How many entries it has taken.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// The digest so far: 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.hasher.clone().finalize() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twinbench_model::Room;

    fn any_entry() -> impl Strategy<Value = Entry> {
        let content = prop_oneof![
            ".*".prop_map(|text| Content::Json(text.into())),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(|b| Content::Bytes(b.into())),
            any::<u64>().prop_map(Content::Omitted),
        ];
        (
            any::<u64>(),
            0u8..7,
            ".{0,6}",
            ".{0,6}",
            any::<u64>(),
            content,
        )
            .prop_map(|(time, room, kind, source, sequence, content)| Entry {
                time: VirtualTime::from_nanos(time),
                room: room_of_code(room).unwrap(),
                kind: kind.into(),
                source: source.into(),
                sequence,
                content,
            })
    }

    proptest! {
        /// A stream is read back entry by entry: no other stream has the same bytes.
        #[test]
        fn streams_decode_to_themselves(entries in proptest::collection::vec(any_entry(), 0..5)) {
            let mut bytes = Vec::new();
            for entry in &entries {
                encode(entry, &mut bytes);
            }
            let (mut rest, mut seen) = (&bytes[..], Vec::new());
            while !rest.is_empty() {
                let (entry, tail) = decode(rest).unwrap();
                seen.push(entry);
                rest = tail;
            }
            prop_assert_eq!(seen, entries);
        }

        /// Any bytes are decoded or refused, never a panic; a cut entry is refused as short.
        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), entry in any_entry()) {
            let _ = decode(&bytes);
            let mut whole = Vec::new();
            encode(&entry, &mut whole);
            for cut in 0..whole.len() {
                prop_assert_eq!(decode(&whole[..cut]), Err(DecodeError::Short));
            }
        }
    }

    /// The encoding is a contract: this digest changes only with [`VERSION`]. It was computed
    /// with another implementation of SHA-256 over bytes written by hand from the table above.
    #[test]
    fn digest_of_a_known_entry() {
        let entry = Entry {
            time: VirtualTime::from_nanos(0x0102),
            room: Room::Hub,
            kind: "d2c".into(),
            source: "dev-1".into(),
            sequence: 3,
            content: Content::Json(r#"{"t":21.5}"#.into()),
        };
        let mut bytes = Vec::new();
        encode(&entry, &mut bytes);
        let by_hand = [
            &[1, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 3][..],
            b"d2c\0\0\0\x05dev-1",
            &[0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 10],
            br#"{"t":21.5}"#,
        ];
        assert_eq!(bytes, by_hand.concat());
        let mut digest = Digest::new();
        digest.update(&entry);
        assert_eq!(digest.entries(), 1);
        assert_eq!(
            digest.hex(),
            "aee99db63bab88e730f677264da1827a9242ce425cf3a7f6b73890b7b27c62db"
        );
        assert_eq!(
            Digest::new().hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
