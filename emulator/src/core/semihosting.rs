//! Semihosting (ARM DUI0471, chapter 8): console output and program end, so that test programs
//! can speak. Files, clocks and the command line are not offered: such calls answer -1.

use bytes::Bytes;

use super::{Core, Halted};
use crate::peripheral::{Signal, SignalKind};

const OPEN: u32 = 0x01;
const CLOSE: u32 = 0x02;
const WRITE_CHARACTER: u32 = 0x03;
const WRITE_STRING: u32 = 0x04;
const WRITE: u32 = 0x05;
const IS_ERROR: u32 = 0x08;
const IS_TERMINAL: u32 = 0x09;
const ERROR_NUMBER: u32 = 0x13;
const EXIT: u32 = 0x18;
const EXIT_EXTENDED: u32 = 0x20;
/// `ADP_Stopped_ApplicationExit`.
const APPLICATION_EXIT: u32 = 0x2_0026;
/// A string without an end would run through all memory.
const LONGEST: u32 = 0x1_0000;

impl Core {
    /// Carries out the call in R0 with the argument in R1; the answer goes to R0.
    pub(crate) fn semihosting(&mut self) {
        self.advance_it();
        let argument = self.r[1];
        let word = |core: &Self, index: u32| {
            core.bus
                .memory(argument.wrapping_add(4 * index), 4)
                .unwrap_or_default()
        };
        let answer = match self.r[0] {
            OPEN => {
                // ":tt" is the console, for reading or writing by its mode.
                let name = self.text(word(self, 0), 3);
                if name == b":tt" {
                    1 + u32::from(word(self, 1) >= 8)
                } else {
                    u32::MAX
                }
            }
            CLOSE | IS_ERROR | ERROR_NUMBER => 0,
            WRITE_CHARACTER => {
                let text = self.text_of_length(argument, 1);
                self.say(text);
                return;
            }
            WRITE_STRING => {
                let text = self.text(argument, LONGEST);
                self.say(text);
                return;
            }
            WRITE => {
                let (handle, address, length) = (word(self, 0), word(self, 1), word(self, 2));
                if matches!(handle, 1 | 2) {
                    let text = self.text_of_length(address, length.min(LONGEST));
                    self.say(text);
                    0
                } else {
                    length
                }
            }
            IS_TERMINAL => 1,
            EXIT => {
                let code = i32::from(argument != APPLICATION_EXIT);
                self.exit(code);
                return;
            }
            EXIT_EXTENDED => {
                let code = if word(self, 0) == APPLICATION_EXIT {
                    word(self, 1) as i32
                } else {
                    1
                };
                self.exit(code);
                return;
            }
            _ => u32::MAX,
        };
        self.r[0] = answer;
    }

    fn exit(&mut self, code: i32) {
        self.halted = Some(Halted::Exited(code));
        self.limit = 0;
    }

    fn say(&mut self, text: Vec<u8>) {
        let kind = SignalKind::Semihosting(Bytes::from(text));
        self.bus.out.push(Signal {
            time: self.now(),
            kind,
        });
    }

    fn byte(&self, address: u32) -> Option<u8> {
        self.bus.memory(address, 1).map(|byte| byte as u8)
    }

    fn text(&self, address: u32, longest: u32) -> Vec<u8> {
        (0..longest)
            .map_while(|index| self.byte(address.wrapping_add(index)))
            .take_while(|byte| *byte != 0)
            .collect()
    }

    fn text_of_length(&self, address: u32, length: u32) -> Vec<u8> {
        (0..length)
            .map_while(|index| self.byte(address.wrapping_add(index)))
            .collect()
    }
}
