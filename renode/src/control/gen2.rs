//! External Control, second generation (1.17.0 and newer): the bytes.
//!
//! Both sides: `u16 id`, `u32 size`, then `u16 command`, `u8 kind` and data. Bit 15 of the id tells who
//! began the chain that a message belongs to: 1 the client, 0 Renode. A reply carries its request's id.

/// Bit 15 of an id: the chain was begun by the client.
pub const OURS: u16 = 0x8000;
/// Bytes before the payload.
const ENVELOPE: usize = 6;
/// Command and kind, at least, are in every payload.
const SHORTEST: usize = 3;
/// No message carries more.
const LONGEST: usize = 64 << 20;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request (0).
    Request,
    /// Renode tells of something and waits for an answer (1).
    Event,
    /// It succeeded; the data is the result (2).
    Success,
    /// There is no such command (3).
    Invalid,
    /// It failed; the data is UTF-8 text (4). Command 0: in general.
    Error,
}

/// A message of either side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id.
    pub id: u16,
    /// The command.
    pub command: u16,
    /// What it is.
    pub kind: Kind,
    /// The rest.
    pub data: Vec<u8>,
}

/// Bytes that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAMessage {
    /// The kind is none that is known.
    #[error("a message of external control cannot be of kind {0}; is this renode older than 1.17?")]
    Kind(u8),
    /// The size is impossible.
    #[error(
        "a message of external control says that it has {0} bytes; is this renode older than 1.17?"
    )]
    Size(usize),
}

impl Message {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.id.to_le_bytes().to_vec();
        bytes.extend(((self.data.len() + SHORTEST) as u32).to_le_bytes());
        bytes.extend(self.command.to_le_bytes());
        bytes.push(match self.kind {
            Kind::Request => 0,
            Kind::Event => 1,
            Kind::Success => 2,
            Kind::Invalid => 3,
            Kind::Error => 4,
        });
        bytes.extend(&self.data);
        bytes
    }

    /// Its data as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }

    /// The answer to it.
    #[must_use]
    pub fn answer(&self, kind: Kind, data: Vec<u8>) -> Self {
        Self {
            kind,
            data,
            ..*self
        }
    }
}

/// Gathers messages from pieces, wherever they are cut.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn message(&mut self) -> Result<Option<Message>, NotAMessage> {
        let Some(&[i0, i1, s0, s1, s2, s3]) = self.bytes.first_chunk::<ENVELOPE>() else {
            return Ok(None);
        };
        let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        if !(SHORTEST..=LONGEST).contains(&size) {
            return Err(NotAMessage::Size(size));
        }
        let Some(payload) = self.bytes.get(ENVELOPE..ENVELOPE + size) else {
            return Ok(None);
        };
        let kind = match payload[2] {
            0 => Kind::Request,
            1 => Kind::Event,
            2 => Kind::Success,
            3 => Kind::Invalid,
            4 => Kind::Error,
            other => return Err(NotAMessage::Kind(other)),
        };
        let message = Message {
            id: u16::from_le_bytes([i0, i1]),
            command: u16::from_le_bytes([payload[0], payload[1]]),
            kind,
            data: payload[SHORTEST..].to_vec(),
        };
        self.bytes.drain(..ENVELOPE + size);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the protocol's description: the check of version 0 and its answer.
    #[test]
    fn the_first_request_and_its_answer() {
        let request = Message {
            id: OURS,
            command: 0,
            kind: Kind::Request,
            data: vec![0; 4],
        };
        assert_eq!(request.encode(), [0, 0x80, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut decoder = Decoder::default();
        decoder.push(&[0, 0x80, 3, 0, 0, 0, 0, 0, 2]);
        let answer = decoder.message().unwrap().unwrap();
        assert_eq!(answer, request.answer(Kind::Success, vec![]));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let check = |bytes: &[u8], expected| {
            let mut decoder = Decoder::default();
            decoder.push(bytes);
            assert_eq!(decoder.message(), Err(expected));
        };
        check(&[0, 0, 2, 0, 0, 0], NotAMessage::Size(2));
        check(&[0, 0, 0, 0, 0, 0xFF], NotAMessage::Size(0xFF00_0000));
        check(&[0, 0, 3, 0, 0, 0, 1, 0, 9], NotAMessage::Kind(9));
    }

    proptest! {
        #[test]
        fn the_borders_of_reads_leave_no_trace(
            messages in prop::collection::vec(
                (any::<u16>(), any::<u16>(), 0..5, prop::collection::vec(any::<u8>(), 0..40)), 1..8),
            pieces in prop::collection::vec(1usize..30, 1..20),
        ) {
            let kinds = [Kind::Request, Kind::Event, Kind::Success, Kind::Invalid, Kind::Error];
            let messages: Vec<_> = messages.into_iter().map(|(id, command, kind, data)|
                Message { id, command, kind: kinds[kind as usize], data }).collect();
            let whole: Vec<u8> = messages.iter().flat_map(Message::encode).collect();
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            let mut rest = whole.as_slice();
            for piece in pieces.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                decoder.push(now);
                rest = later;
                while let Some(message) = decoder.message().unwrap() { found.push(message); }
            }
            prop_assert_eq!(found, messages);
        }

        #[test]
        fn garbage_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.message() {}
        }
    }
}
