//! Semihosting (ARM DUI0471, chapter 8): console, program end, clocks, and files of a folder that is
//! granted as data; without one they are refused.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Core, Halted};
use crate::peripheral::{Signal, SignalKind};

const OPEN: u32 = 0x01;
const CLOSE: u32 = 0x02;
const WRITE_CHARACTER: u32 = 0x03;
const WRITE_STRING: u32 = 0x04;
const WRITE: u32 = 0x05;
const READ: u32 = 0x06;
const IS_ERROR: u32 = 0x08;
const IS_TERMINAL: u32 = 0x09;
const SEEK: u32 = 0x0A;
const LENGTH: u32 = 0x0C;
const REMOVE: u32 = 0x0E;
const CLOCK: u32 = 0x10;
const TIME: u32 = 0x11;
const ERROR_NUMBER: u32 = 0x13;
const COMMAND_LINE: u32 = 0x15;
const HEAP_INFO: u32 = 0x16;
const EXIT: u32 = 0x18;
const EXIT_EXTENDED: u32 = 0x20;
const ELAPSED: u32 = 0x30;
const TICK_FREQUENCY: u32 = 0x31;
/// `ADP_Stopped_ApplicationExit`.
const APPLICATION_EXIT: u32 = 0x2_0026;
/// A string without an end would run through all memory.
const LONGEST: u32 = 0x1_0000;
/// What a failed call answers.
const FAILED: u32 = u32::MAX;
/// Handles of the console: for reading and for writing.
const CONSOLE: [u32; 2] = [1, 2];
/// The handle of the first file.
const FIRST_FILE: u32 = 3;
/// Error numbers of the C library: no such file, bad handle, not permitted.
const ENOENT: u32 = 2;
const EBADF: u32 = 9;
const EACCES: u32 = 13;

/// Files for firmware, granted by whoever owns the chip: names, and what is in them. The emulator
/// itself touches no file.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Files {
    /// None: no folder is granted, and every file is refused.
    pub(crate) folder: Option<BTreeMap<String, Vec<u8>>>,
    /// Open ones: name, position, whether written to.
    open: Vec<Option<(String, usize, bool)>>,
    error: u32,
}

impl Files {
    fn fail(&mut self, error: u32) -> u32 {
        self.error = error;
        FAILED
    }

    fn place(&mut self, handle: u32) -> Option<(&mut Vec<u8>, &mut usize, bool)> {
        let index = handle.checked_sub(FIRST_FILE)? as usize;
        let (name, position, writes) = self.open.get_mut(index)?.as_mut()?;
        let bytes = self.folder.as_mut()?.get_mut(name)?;
        Some((bytes, position, *writes))
    }

    /// Opens by one of the modes of C's `fopen`, numbered `r`, `rb`, `r+`, `r+b`, `w`, … `a+b`.
    fn open(&mut self, name: &[u8], mode: u32) -> u32 {
        let Ok(name) = String::from_utf8(name.to_vec()) else {
            return self.fail(ENOENT);
        };
        let Some(folder) = &mut self.folder else {
            return self.fail(EACCES);
        };
        // Names are plain: nothing leads out of the folder.
        if name.is_empty() || name.contains(['/', '\\', ':']) || name.starts_with('.') {
            return self.fail(EACCES);
        }
        match mode / 4 {
            0 if !folder.contains_key(&name) => return self.fail(ENOENT),
            1 => {
                folder.insert(name.clone(), Vec::new());
            }
            2 => {
                folder.entry(name.clone()).or_default();
            }
            0 => {}
            _ => return self.fail(EACCES),
        }
        let end = folder.get(&name).map_or(0, Vec::len);
        let position = if mode / 4 == 2 { end } else { 0 };
        let entry = Some((name, position, mode >= 2));
        let free = self.open.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.open.push(None);
            self.open.len() - 1
        });
        self.open[index] = entry;
        FIRST_FILE + index as u32
    }

    fn close(&mut self, handle: u32) -> u32 {
        if CONSOLE.contains(&handle) {
            return 0;
        }
        let index = handle.wrapping_sub(FIRST_FILE) as usize;
        match self.open.get_mut(index).and_then(Option::take) {
            Some(_) => 0,
            None => self.fail(EBADF),
        }
    }

    /// How many bytes were not written.
    fn write(&mut self, handle: u32, bytes: &[u8]) -> u32 {
        let left = bytes.len() as u32;
        let Some((content, position, true)) = self.place(handle) else {
            self.fail(EBADF);
            return left;
        };
        let end = *position + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(place) = content.get_mut(*position..end) {
            place.copy_from_slice(bytes);
        }
        *position = end;
        0
    }

    fn read(&mut self, handle: u32, length: u32) -> Option<Vec<u8>> {
        let (content, position, _) = self.place(handle)?;
        let start = (*position).min(content.len());
        let end = (start + length as usize).min(content.len());
        *position = end;
        content.get(start..end).map(<[u8]>::to_vec)
    }

    fn seek(&mut self, handle: u32, to: u32) -> u32 {
        match self.place(handle) {
            Some((content, position, _)) if to as usize <= content.len() => {
                *position = to as usize;
                0
            }
            _ => self.fail(EBADF),
        }
    }

    fn length(&mut self, handle: u32) -> u32 {
        match self.place(handle) {
            Some((content, ..)) => content.len() as u32,
            None => self.fail(EBADF),
        }
    }

    fn remove(&mut self, name: &[u8]) -> u32 {
        let name = String::from_utf8_lossy(name).into_owned();
        let Some(folder) = &mut self.folder else {
            return self.fail(EACCES);
        };
        match folder.remove(&name) {
            Some(_) => 0,
            None => self.fail(ENOENT),
        }
    }
}

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
        let [first, second, third] = [0, 1, 2].map(|index| word(self, index));
        let answer = match self.r[0] {
            OPEN => {
                // ":tt" is the console, for reading or writing by its mode.
                let name = self.text_of_length(first, third.min(LONGEST));
                if name == b":tt" {
                    CONSOLE[usize::from(second >= 4)]
                } else {
                    self.files.open(&name, second)
                }
            }
            CLOSE => self.files.close(first),
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
                let bytes = self.text_of_length(second, third.min(LONGEST));
                if CONSOLE.contains(&first) {
                    self.say(bytes);
                    0
                } else {
                    self.files.write(first, &bytes)
                }
            }
            READ => match self.files.read(first, third) {
                // The console has nothing to read: all bytes are missing.
                None if CONSOLE.contains(&first) => third,
                None => self.files.fail(EBADF),
                Some(bytes) => {
                    for (at, byte) in (second..).zip(&bytes) {
                        // Where there is no memory, nothing is stored, as on a debug probe.
                        let _ = self.store8(at, *byte);
                    }
                    third - bytes.len() as u32
                }
            },
            IS_ERROR => u32::from(first as i32 != 0 && (first as i32) < 0),
            IS_TERMINAL => u32::from(CONSOLE.contains(&first)),
            SEEK => self.files.seek(first, second),
            LENGTH => self.files.length(first),
            REMOVE => {
                let name = self.text_of_length(first, second.min(LONGEST));
                self.files.remove(&name)
            }
            // Hundredths of a second since the start; seconds of the firmware's day, which begins
            // with the bench, as no clock reaches this deep.
            CLOCK => (self.now().as_nanos() / 10_000_000) as u32,
            TIME => (self.now().as_nanos() / 1_000_000_000) as u32,
            ERROR_NUMBER => self.files.error,
            COMMAND_LINE => {
                // No arguments: an empty string, and its length.
                let _ = self.store8(first, 0);
                let _ = self.store32(argument.wrapping_add(4), 0);
                0
            }
            HEAP_INFO => {
                // All zero: the firmware knows best by its own linker script.
                for index in 0..4 {
                    let _ = self.store32(first.wrapping_add(4 * index), 0);
                }
                0
            }
            ELAPSED => {
                let ticks = self.now().as_nanos();
                let _ = self.store32(argument, ticks as u32);
                let _ = self.store32(argument.wrapping_add(4), (ticks >> 32) as u32);
                0
            }
            TICK_FREQUENCY => 1_000_000_000,
            EXIT => {
                let code = i32::from(argument != APPLICATION_EXIT);
                self.exit(code);
                return;
            }
            EXIT_EXTENDED => {
                let code = if first == APPLICATION_EXIT {
                    second as i32
                } else {
                    1
                };
                self.exit(code);
                return;
            }
            _ => FAILED,
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
