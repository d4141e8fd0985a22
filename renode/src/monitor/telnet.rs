//! The telnet layer of the monitor's port: what is no text is taken out.

/// What to send right after connecting: WILL BINARY, DO ECHO, DO SGA.
///
/// Up to 1.15.3 the server throws away exactly nine bytes before it says anything; newer ones
/// understand these as an answer to their own.
pub const GREETING: [u8; 9] = [0xFF, 0xFB, 0x00, 0xFF, 0xFD, 0x01, 0xFF, 0xFD, 0x03];

const IAC: u8 = 0xFF;
const SB: u8 = 0xFA;
const SE: u8 = 0xF0;

/// Takes telnet's commands out and makes one byte of two FF, wherever the reads are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filter {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    Command,
    Option,
    Within,
    WithinCommand,
}

impl Filter {
    /// Adds the text in `bytes` to `text`.
    pub fn push(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Text, IAC) => State::Command,
                (State::Text, _) => {
                    text.push(byte);
                    State::Text
                }
                (State::Command, IAC) => {
                    text.push(IAC);
                    State::Text
                }
                (State::Command, SB) => State::Within,
                // WILL, WONT, DO, DONT have an option after them, the others nothing.
                (State::Command, 0xFB..=0xFE) => State::Option,
                (State::Within, IAC) => State::WithinCommand,
                (State::Command | State::Option, _) | (State::WithinCommand, SE) => State::Text,
                (State::Within | State::WithinCommand, _) => State::Within,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filtered(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        Filter::default().push(bytes, &mut text);
        text
    }

    #[test]
    fn commands_are_taken_out() {
        let check = |bytes: &[u8], expected: &[u8]| assert_eq!(filtered(bytes), expected);
        check(b"\xFF\xFD\x00\xFF\xFB\x01\xFF\xFB\x03\xFF\xFC\x22hi", b"hi");
        check(b"a\xFF\xFFb", b"a\xFFb");
        check(b"a\xFF\xFA\x1F\0\x50\xFF\xFF\xFF\xF0b", b"ab");
        check(b"a\xFF\xF1b", b"ab");
    }

    proptest! {
        #[test]
        fn the_borders_of_reads_leave_no_trace(
            bytes in prop::collection::vec(prop_oneof![Just(0xFF), Just(0xFA), Just(0xF0), Just(0xFD), any::<u8>()], 0..60),
            cut in 0usize..60,
        ) {
            let cut = cut.min(bytes.len());
            let mut text = Vec::new();
            let mut filter = Filter::default();
            filter.push(&bytes[..cut], &mut text);
            filter.push(&bytes[cut..], &mut text);
            prop_assert_eq!(text, filtered(&bytes));
        }

        #[test]
        fn doubled_bytes_come_through(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let doubled: Vec<u8> = bytes.iter().flat_map(|&byte| {
                std::iter::repeat_n(byte, if byte == IAC { 2 } else { 1 })
            }).collect();
            prop_assert_eq!(filtered(&doubled), bytes);
        }
    }
}
