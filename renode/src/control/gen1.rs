//! External Control, first generation (1.15.1 to 1.16.x): the bytes.
//!
//! client: a handshake of commands with their versions, then requests `RE`, command, length, payload.
//! server: frames whose first byte decides their shape. All numbers are little-endian.

use super::Command;
use crate::version::Commands;

/// No frame carries more.
const LONGEST: usize = 64 << 20;

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The command failed (0).
    Failed {
        /// Its number.
        command: u8,
        /// Renode's words.
        text: String,
    },
    /// The server gives up for good (1).
    Fatal(String),
    /// The server has no such command, or it was not in the handshake (2).
    Invalid(u8),
    /// It succeeded with data (3), or without (4).
    Done {
        /// Its number.
        command: u8,
        /// The data.
        data: Vec<u8>,
    },
    /// The handshake was taken (5).
    Welcome,
    /// Something that was asked for has happened (6).
    Event {
        /// The command that asked.
        command: u8,
        /// The asker's number for it.
        descriptor: i32,
        /// What happened.
        data: Vec<u8>,
    },
}

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAFrame {
    /// The first byte is none that is known.
    #[error("a frame of external control cannot begin with {0:#04x}")]
    Kind(u8),
    /// The length is out of all reason.
    #[error("a frame of external control says that it has {0} bytes")]
    Length(usize),
}

/// The handshake that this release takes.
pub fn handshake(commands: Commands) -> Vec<u8> {
    let mut pairs = vec![
        (Command::RunFor, 0),
        (Command::GetTime, 0),
        (Command::GetMachine, 0),
        (Command::Adc, 0),
    ];
    pairs.extend(commands.gpio.map(|version| (Command::Gpio, version)));
    pairs.extend(commands.bus.map(|version| (Command::SystemBus, version)));
    let mut bytes = (pairs.len() as u16).to_le_bytes().to_vec();
    for (command, version) in pairs {
        bytes.extend([command as u8, version]);
    }
    bytes
}

/// A request.
pub fn request(command: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'R', b'E', command];
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(payload);
    bytes
}

/// Gathers frames from pieces, wherever they are cut.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn frame(&mut self) -> Result<Option<Reply>, NotAFrame> {
        let Some((reply, length)) = read(&self.bytes)? else {
            return Ok(None);
        };
        self.bytes.drain(..length);
        Ok(Some(reply))
    }

    /// Nothing more came: the frame whose length was left out, as the server does with empty data and
    /// empty texts.
    pub fn bare(&mut self) -> Option<Reply> {
        let reply = match *self.bytes.as_slice() {
            [0, command] => Reply::Failed {
                command,
                text: String::new(),
            },
            [1] => Reply::Fatal(String::new()),
            [3, command] => Reply::Done {
                command,
                data: Vec::new(),
            },
            _ => return None,
        };
        self.bytes.clear();
        Some(reply)
    }
}

/// A reader of a frame that may not be whole yet.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|it| it[0])
    }

    /// A length and so many bytes; the outer none: they are not there yet.
    fn sized(&mut self) -> Result<Option<Vec<u8>>, NotAFrame> {
        let Some(length) = self.take(4) else {
            return Ok(None);
        };
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if length > LONGEST {
            return Err(NotAFrame::Length(length));
        }
        Ok(self.take(length).map(<[u8]>::to_vec))
    }
}

/// The first frame of these bytes, and how long it is.
fn read(bytes: &[u8]) -> Result<Option<(Reply, usize)>, NotAFrame> {
    let mut cursor = Cursor { bytes, at: 0 };
    let Some(kind) = cursor.byte() else {
        return Ok(None);
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let command = match kind {
        0 | 2 | 3 | 4 | 6 => match cursor.byte() {
            Some(command) => command,
            None => return Ok(None),
        },
        1 | 5 => 0,
        other => return Err(NotAFrame::Kind(other)),
    };
    let reply = match kind {
        2 => Some(Reply::Invalid(command)),
        4 => Some(Reply::Done {
            command,
            data: Vec::new(),
        }),
        5 => Some(Reply::Welcome),
        6 => match cursor.take(4) {
            None => None,
            Some(it) => {
                let descriptor = i32::from_le_bytes([it[0], it[1], it[2], it[3]]);
                cursor.sized()?.map(|data| Reply::Event {
                    command,
                    descriptor,
                    data,
                })
            }
        },
        _ => cursor.sized()?.map(|data| match kind {
            0 => Reply::Failed {
                command,
                text: text(data),
            },
            1 => Reply::Fatal(text(data)),
            _ => Reply::Done { command, data },
        }),
    };
    Ok(reply.map(|reply| (reply, cursor.at)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(reply: &Reply) -> Vec<u8> {
        let sized = |head: &[u8], data: &[u8]| {
            let mut all = head.to_vec();
            all.extend((data.len() as u32).to_le_bytes());
            all.extend(data);
            all
        };
        match reply {
            Reply::Failed { command, text } => sized(&[0, *command], text.as_bytes()),
            Reply::Fatal(text) => sized(&[1], text.as_bytes()),
            Reply::Invalid(command) => vec![2, *command],
            Reply::Done { command, data } if data.is_empty() => vec![4, *command],
            Reply::Done { command, data } => sized(&[3, *command], data),
            Reply::Welcome => vec![5],
            Reply::Event {
                command,
                descriptor,
                data,
            } => {
                let mut head = vec![6, *command];
                head.extend(descriptor.to_le_bytes());
                sized(&head, data)
            }
        }
    }

    fn any_reply() -> impl Strategy<Value = Reply> {
        let data = prop::collection::vec(any::<u8>(), 0..40);
        (0..6, any::<u8>(), any::<i32>(), "[ -~]{0,20}", data).prop_map(
            |(kind, command, descriptor, text, data)| match kind {
                0 => Reply::Failed { command, text },
                1 => Reply::Fatal(text),
                2 => Reply::Invalid(command),
                3 => Reply::Done { command, data },
                4 => Reply::Welcome,
                _ => Reply::Event {
                    command,
                    descriptor,
                    data,
                },
            },
        )
    }

    #[test]
    fn the_handshake_is_that_of_the_release() {
        let check = |gpio, bus, expected: &[u8]| {
            assert_eq!(handshake(Commands { gpio, bus }), expected);
        };
        check(Some(1), None, &[5, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 1]);
        check(
            Some(1),
            Some(0),
            &[6, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 1, 6, 0],
        );
        check(None, None, &[4, 0, 1, 0, 2, 0, 3, 0, 4, 0]);
    }

    #[test]
    fn a_length_that_was_left_out_is_found_when_nothing_more_comes() {
        let check = |bytes: &[u8], expected: Option<Reply>| {
            let mut decoder = Decoder::default();
            decoder.push(bytes);
            assert_eq!(decoder.frame(), Ok(None));
            assert_eq!(decoder.bare(), expected, "{bytes:?}");
        };
        check(
            &[3, 2],
            Some(Reply::Done {
                command: 2,
                data: vec![],
            }),
        );
        check(&[1], Some(Reply::Fatal(String::new())));
        check(
            &[0, 5],
            Some(Reply::Failed {
                command: 5,
                text: String::new(),
            }),
        );
        check(&[3, 2, 8], None);
        check(&[], None);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let mut decoder = Decoder::default();
        decoder.push(&[7]);
        assert_eq!(decoder.frame(), Err(NotAFrame::Kind(7)));
        let mut decoder = Decoder::default();
        decoder.push(&[1, 0xFF, 0xFF, 0xFF, 0xFF]);
        assert!(matches!(decoder.frame(), Err(NotAFrame::Length(_))));
    }

    proptest! {
        #[test]
        fn the_borders_of_reads_leave_no_trace(
            replies in prop::collection::vec(any_reply(), 1..8),
            pieces in prop::collection::vec(1usize..30, 1..20),
        ) {
            let whole: Vec<u8> = replies.iter().flat_map(bytes).collect();
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            let mut rest = whole.as_slice();
            for piece in pieces.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                decoder.push(now);
                rest = later;
                while let Some(reply) = decoder.frame().unwrap() { found.push(reply); }
            }
            prop_assert_eq!(found, replies);
            prop_assert_eq!(decoder.bare(), None);
        }

        #[test]
        fn garbage_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.frame() {}
            let _ = decoder.bare();
        }
    }
}
