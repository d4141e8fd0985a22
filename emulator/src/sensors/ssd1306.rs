//! SSD1306: OLED display controller (data sheet rev 1.1), 128×64 pixels.

use bytes::Bytes;
use twinbench_model::VirtualTime;

use super::I2cDevice;
use crate::peripheral::{Signal, SignalKind};

const COLUMNS: usize = 128;
const PAGES: usize = 8;
const BYTES: usize = COLUMNS * PAGES;

/// How the column and page move on after a byte of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Mode {
    Horizontal,
    Vertical,
    Page,
}

/// What the next byte of a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Expect {
    Control,
    /// One byte, then a control byte again (Co = 1).
    One {
        data: bool,
    },
    /// All bytes to the end of the transfer (Co = 0).
    Rest {
        data: bool,
    },
}

/// The display of the board.
///
/// The picture that leaves is what a person sees on the AZ3166, where the module is mounted so that
/// segment remap (A1) and COM scan from the end (C8) are upright: eight rows of 128 columns, each byte
/// eight pixels with the top one lowest. Contrast, timing and scrolling commands are taken and
/// change nothing in it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Ssd1306 {
    address: u8,
    #[serde(with = "crate::snapshot::array")]
    memory: [u8; BYTES],
    #[serde(with = "crate::snapshot::array")]
    shown: [u8; BYTES],
    mode: Mode,
    columns: (u8, u8),
    pages: (u8, u8),
    column: u8,
    page: u8,
    on: bool,
    all_on: bool,
    inverted: bool,
    segment_remap: bool,
    com_reversed: bool,
    start_line: u8,
    offset: u8,
    expect: Expect,
    /// A command that still wants parameters, and those that came; kept over a stop.
    command: Option<u8>,
    parameters: Vec<u8>,
}

impl Ssd1306 {
    /// A dark display at the 7-bit address that its D/C pin is strapped to.
    pub fn new(address: u8) -> Self {
        Self {
            address,
            memory: [0; BYTES],
            shown: [0; BYTES],
            mode: Mode::Page,
            columns: (0, 127),
            pages: (0, 7),
            column: 0,
            page: 0,
            on: false,
            all_on: false,
            inverted: false,
            segment_remap: false,
            com_reversed: false,
            start_line: 0,
            offset: 0,
            expect: Expect::Control,
            command: None,
            parameters: Vec::new(),
        }
    }

    /// The picture as a person sees it.
    pub fn picture(&self) -> [u8; BYTES] {
        let mut picture = [0; BYTES];
        if !self.on {
            return picture;
        }
        for (index, byte) in picture.iter_mut().enumerate() {
            let (page, column) = (index / COLUMNS, index % COLUMNS);
            *byte = if self.all_on {
                0xFF
            } else {
                self.column_byte(page, column)
            };
            if self.inverted {
                *byte = !*byte;
            }
        }
        picture
    }

    /// Eight pixels of the picture, after mirroring and shifting.
    fn column_byte(&self, page: usize, column: usize) -> u8 {
        let column = if self.segment_remap {
            column
        } else {
            COLUMNS - 1 - column
        };
        let shift = usize::from(self.start_line) + usize::from(self.offset);
        if shift == 0 && self.com_reversed {
            return self.memory[page * COLUMNS + column];
        }
        (0..8).fold(0, |byte, bit| {
            let row = page * 8 + bit;
            let row = if self.com_reversed { row } else { 63 - row };
            let row = (row + shift) % 64;
            let pixel = self.memory[row / 8 * COLUMNS + column] >> (row % 8) & 1;
            byte | pixel << bit
        })
    }

    fn data(&mut self, byte: u8) {
        let at = usize::from(self.page & 7) * COLUMNS + usize::from(self.column & 127);
        self.memory[at] = byte;
        match self.mode {
            Mode::Page => self.column = (self.column + 1) & 127,
            Mode::Horizontal => {
                if step(&mut self.column, self.columns, 127) {
                    step(&mut self.page, self.pages, 7);
                }
            }
            Mode::Vertical => {
                if step(&mut self.page, self.pages, 7) {
                    step(&mut self.column, self.columns, 127);
                }
            }
        }
    }

    /// How many parameters a command takes (data sheet table 9).
    fn wants(command: u8) -> usize {
        match command {
            0x20 | 0x81 | 0x8D | 0xA8 | 0xD3 | 0xD5 | 0xD9 | 0xDA | 0xDB => 1,
            0x21 | 0x22 | 0xA3 => 2,
            0x29 | 0x2A => 5,
            0x26 | 0x27 => 6,
            _ => 0,
        }
    }

    fn command_byte(&mut self, byte: u8) {
        let command = if let Some(command) = self.command {
            self.parameters.push(byte);
            command
        } else {
            self.parameters.clear();
            byte
        };
        if self.parameters.len() < Self::wants(command) {
            self.command = Some(command);
            return;
        }
        self.command = None;
        self.execute(command);
    }

    fn execute(&mut self, command: u8) {
        let parameter = |index: usize| self.parameters.get(index).copied().unwrap_or(0);
        let (first, second) = (parameter(0), parameter(1));
        match command {
            0x00..=0x0F => self.column = (self.column & 0xF0) | command,
            0x10..=0x1F => self.column = (self.column & 0x0F) | (command & 7) << 4,
            0x20 => {
                self.mode = match first & 3 {
                    0 => Mode::Horizontal,
                    1 => Mode::Vertical,
                    _ => Mode::Page,
                }
            }
            0x21 => {
                self.columns = (first & 127, second & 127);
                self.column = first & 127;
            }
            0x22 => {
                self.pages = (first & 7, second & 7);
                self.page = first & 7;
            }
            0x40..=0x7F => self.start_line = command & 0x3F,
            0xA0 | 0xA1 => self.segment_remap = command == 0xA1,
            0xA4 | 0xA5 => self.all_on = command == 0xA5,
            0xA6 | 0xA7 => self.inverted = command == 0xA7,
            0xAE | 0xAF => self.on = command == 0xAF,
            // In the other modes real chips follow it too.
            0xB0..=0xB7 => self.page = command & 7,
            0xC0..=0xC7 => self.com_reversed = false,
            0xC8..=0xCF => self.com_reversed = true,
            0xD3 => self.offset = first & 0x3F,
            _ => {}
        }
    }
}

/// Moves a position on within its window; `true` when it wrapped.
fn step(position: &mut u8, (start, end): (u8, u8), mask: u8) -> bool {
    if *position == end {
        *position = start;
        true
    } else {
        *position = (*position + 1) & mask;
        false
    }
}

impl I2cDevice for Ssd1306 {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "SSD1306"
    }

    fn address(&self) -> u8 {
        self.address
    }

    fn start(&mut self, _read: bool, _now: VirtualTime) {
        self.expect = Expect::Control;
    }

    fn write(&mut self, byte: u8, _now: VirtualTime) -> bool {
        let data = match self.expect {
            Expect::Control => {
                let data = byte & 0x40 != 0;
                self.expect = if byte & 0x80 != 0 {
                    Expect::One { data }
                } else {
                    Expect::Rest { data }
                };
                return true;
            }
            Expect::One { data } => {
                self.expect = Expect::Control;
                data
            }
            Expect::Rest { data } => data,
        };
        if data {
            self.data(byte);
        } else {
            self.command_byte(byte);
        }
        true
    }

    /// Status: bit 6 tells that the display is off.
    fn read(&mut self, _now: VirtualTime) -> u8 {
        if self.on { 0 } else { 0x40 }
    }

    fn stop(&mut self, now: VirtualTime, out: &mut Vec<Signal>) {
        let picture = self.picture();
        if picture != self.shown {
            self.shown = picture;
            out.push(Signal {
                time: now,
                kind: SignalKind::Display(Bytes::copy_from_slice(&picture)),
            });
        }
    }

    /// The memory keeps its content; the display is off until it is switched on again.
    fn power_on(&mut self) {
        *self = Self {
            memory: self.memory,
            shown: self.shown,
            ..Self::new(self.address)
        };
    }

    fn has_reset_line(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Panel {
        display: Ssd1306,
        out: Vec<Signal>,
    }

    impl Panel {
        fn new() -> Self {
            Self {
                display: Ssd1306::new(0x3C),
                out: Vec::new(),
            }
        }

        fn send(&mut self, bytes: &[u8]) {
            self.display.start(false, VirtualTime::ZERO);
            for &byte in bytes {
                assert!(self.display.write(byte, VirtualTime::ZERO));
            }
            self.display.stop(VirtualTime::ZERO, &mut self.out);
        }

        fn commands(&mut self, commands: &[u8]) {
            for &command in commands {
                self.send(&[0x00, command]);
            }
        }

        fn last(&self) -> &[u8] {
            match &self.out.last().expect("a picture").kind {
                SignalKind::Display(frame) => frame,
                other => panic!("{other:?}"),
            }
        }
    }

    /// One command byte a transfer, parameters in transfers of their own; horizontal mode, and
    /// yet each page set by B0+p before its 128 bytes.
    #[test]
    fn commands_split_over_transfers_and_pages_in_horizontal_mode() {
        let mut panel = Panel::new();
        panel.commands(&[
            0xAE, 0x20, 0x00, 0xB0, 0xC8, 0x00, 0x10, 0x40, 0x81, 0xFF, 0xA1, 0xA6, 0xA8, 0x3F,
            0xA4, 0xD3, 0x00, 0xD5, 0xF0, 0xD9, 0x22, 0xDA, 0x12, 0xDB, 0x20, 0x8D, 0x14, 0xAF,
        ]);
        assert!(panel.out.is_empty(), "an empty picture is no news");
        for page in 0..8u8 {
            panel.commands(&[0xB0 + page, 0x00, 0x10]);
            let mut data = vec![0x40];
            data.extend((0..128).map(|column: u8| column ^ page << 5));
            panel.send(&data);
        }
        let expected: Vec<u8> = (0..8u8)
            .flat_map(|page| (0..128).map(move |column: u8| column ^ page << 5))
            .collect();
        assert_eq!(panel.last(), expected);
        assert_eq!(panel.out.len(), 8, "one picture a page");
        panel.send(&[0x40, 0]);
        assert_eq!(panel.out.len(), 8, "the same pixel again changes nothing");
    }

    /// Page mode, three commands in one transfer, text of eight bytes.
    #[test]
    fn page_mode_stays_in_its_page() {
        let mut panel = Panel::new();
        panel.commands(&[0xA1, 0xC8, 0x20, 0x02, 0xAF]);
        panel.send(&[0x00, 0xB3, 0x17, 0x0E]);
        panel.send(&[0x40, 1, 2, 3]);
        let picture = panel.last();
        assert_eq!(&picture[3 * 128 + 126..3 * 128 + 128], &[1, 2]);
        assert_eq!(picture[3 * 128], 3);
    }

    #[test]
    fn windows_wrap_in_horizontal_and_vertical_mode() {
        let mut panel = Panel::new();
        panel.commands(&[0xA1, 0xC8, 0xAF, 0x20, 0x00, 0x21, 10, 11, 0x22, 2, 3]);
        panel.send(&[0x40, 1, 2, 3, 4, 5]);
        let at = |page: usize, column: usize| page * 128 + column;
        let picture = panel.last();
        assert_eq!(
            [
                picture[at(2, 10)],
                picture[at(2, 11)],
                picture[at(3, 10)],
                picture[at(3, 11)]
            ],
            [5, 2, 3, 4]
        );
        panel.commands(&[0x20, 0x01, 0x21, 10, 11, 0x22, 2, 3]);
        panel.send(&[0x40, 6, 7, 8, 9]);
        let picture = panel.last();
        assert_eq!(
            [
                picture[at(2, 10)],
                picture[at(3, 10)],
                picture[at(2, 11)],
                picture[at(3, 11)]
            ],
            [6, 7, 8, 9]
        );
    }

    #[test]
    fn mirrored_inverted_shifted_and_off() {
        let mut panel = Panel::new();
        panel.commands(&[0xA1, 0xC8, 0xAF, 0xB0, 0x00, 0x10]);
        panel.send(&[0x40, 0b0000_0011]);
        panel.commands(&[0xA0, 0xC0]);
        assert_eq!(panel.last()[7 * 128 + 127], 0b1100_0000);
        panel.commands(&[0xA1, 0xC8, 0x41]);
        assert_eq!(panel.last()[0], 0b0000_0001);
        assert_eq!(panel.last()[7 * 128], 0b1000_0000);
        panel.commands(&[0x40, 0xA7]);
        assert_eq!(panel.last()[0], 0b1111_1100);
        panel.commands(&[0xAE]);
        assert!(panel.last().iter().all(|byte| *byte == 0));
    }

    #[test]
    fn control_bytes_with_continuation_mix_commands_and_data() {
        let mut panel = Panel::new();
        panel.send(&[
            0x80, 0xA1, 0x80, 0xC8, 0x80, 0xAF, 0x80, 0xB1, 0xC0, 7, 0x40, 8, 9,
        ]);
        assert_eq!(&panel.last()[128..131], &[7, 8, 9]);
    }
}
