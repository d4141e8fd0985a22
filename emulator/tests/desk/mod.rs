//! A desk for the board's own firmware: the image, a log of what comes out, and at wish a modem
//! and hub that agree to everything.

use std::{path::Path, sync::Arc};

use twinbench_emulator::{
    Image, Stop,
    board::{Board, BoardFile, BoardOutput, BoardOutputKind},
};
use twinbench_model::VirtualTime;

/// The board and what came out of it.
pub(crate) struct Desk {
    pub(crate) board: Board,
    pub(crate) out: Vec<BoardOutput>,
    other_side: Option<OtherSide>,
    millis: u64,
}

/// Where the firmware looks for its settings: flash sector 11.
const SETTINGS: u32 = 0x080E_0000;

/// A settings page, as the firmware's documentation lays it out.
fn settings_page() -> Vec<u8> {
    let mut page = b"TWBC\x01\x00\x00\x00".to_vec();
    let text = |page: &mut Vec<u8>, text: &str| {
        page.extend((text.len() as u16).to_le_bytes());
        page.extend(text.as_bytes());
    };
    text(&mut page, "desk-01");
    text(&mut page, "dHdpbmJlbmNoLWRlc2sta2V5LWZvci10ZXN0cw==");
    text(&mut page, "localhost");
    page.extend(8883u16.to_le_bytes());
    page.push(1);
    text(&mut page, "desk");
    text(&mut page, "secret");
    page.extend(5u32.to_le_bytes());
    let length = page.len() as u16 + 4;
    page[6..8].copy_from_slice(&length.to_le_bytes());
    let mut crc = u32::MAX;
    for byte in &page {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 != 0 { 0xEDB8_8320 } else { 0 };
        }
    }
    page.extend((!crc).to_le_bytes());
    page
}

/// An agreeable modem, and an agreeable hub behind it.
#[derive(Default)]
struct OtherSide {
    received: Vec<u8>,
    connected: bool,
    published: Vec<String>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/firmware/devkit.elf");
        let elf = std::fs::read(&path).expect("the image is committed");
        let map = BoardFile::az3166()
            .expect("the board file is part of the program")
            .memory_map();
        let image = Image::from_elf(&elf, &map).expect("the image is whole");
        let mut board = Board::az3166(Arc::new(image)).expect("the image is for this board");
        let page = settings_page();
        let written = board.chip_mut().write_memory(SETTINGS, &page);
        assert_eq!(written, page.len());
        Self {
            board,
            out: Vec::new(),
            other_side: None,
            millis: 0,
        }
    }

    /// Plugs the modem in.
    pub(crate) fn connect(&mut self) {
        self.other_side = Some(OtherSide::default());
    }

    /// Runs to a time in milliseconds, in steps of ten.
    pub(crate) fn run(&mut self, until: u64) {
        while self.millis < until {
            self.millis = (self.millis + 10).min(until);
            let stop = self.board.run_until(VirtualTime::from_millis(self.millis));
            assert_eq!(stop, Stop::Reached, "{}", self.console());
            let from = self.out.len();
            self.board.drain(&mut self.out);
            let Some(other_side) = &mut self.other_side else {
                continue;
            };
            for output in &self.out[from..] {
                if let BoardOutputKind::Uart { port, bytes } = &output.kind
                    && &**port == "modem"
                {
                    let answer = other_side.take(bytes);
                    self.board
                        .uart_input("modem", &answer)
                        .expect("the board has a modem port");
                }
            }
        }
    }

    pub(crate) fn console(&self) -> String {
        let bytes = |output: &BoardOutput| match &output.kind {
            BoardOutputKind::Uart { port, bytes } if &**port == "console" => Some(bytes.clone()),
            _ => None,
        };
        let all: Vec<u8> = self.out.iter().filter_map(bytes).flatten().collect();
        String::from_utf8_lossy(&all).into_owned()
    }

    pub(crate) fn notes(&self) -> Vec<&str> {
        let note = |output| match output {
            &BoardOutput {
                kind: BoardOutputKind::Note(ref text),
                ..
            } => Some(text.as_str()),
            _ => None,
        };
        self.out.iter().filter_map(note).collect()
    }

    /// Changes of an LED: time in nanoseconds and level.
    pub(crate) fn pin(&self, wanted: &str) -> Vec<(u64, bool)> {
        let change = |output: &BoardOutput| match &output.kind {
            BoardOutputKind::Pin { name, high } if &**name == wanted => {
                Some((output.time.as_nanos(), *high))
            }
            _ => None,
        };
        self.out.iter().filter_map(change).collect()
    }

    /// The last picture on the display.
    pub(crate) fn display(&self) -> &[u8] {
        let frame = |output| match output {
            &BoardOutput {
                kind: BoardOutputKind::Display(ref frame),
                ..
            } => Some(&**frame),
            _ => None,
        };
        self.out.iter().rev().find_map(frame).unwrap_or(&[])
    }

    /// The same to look at.
    pub(crate) fn picture(&self) -> String {
        let frame = self.display();
        let row = |y: usize| -> String {
            (0..128)
                .map(|x| match frame.get(y / 8 * 128 + x) {
                    Some(byte) if byte >> (y % 8) & 1 != 0 => '#',
                    _ => '.',
                })
                .chain(['\n'])
                .collect()
        };
        (0..64).map(row).collect()
    }

    /// What was published, as text.
    pub(crate) fn published(&self) -> &[String] {
        self.other_side
            .as_ref()
            .map_or(&[], |other| &other.published)
    }
}

impl OtherSide {
    fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.received.extend_from_slice(bytes);
        let mut answer = Vec::new();
        while let Some(part) = if self.connected {
            self.packet()
        } else {
            self.command()
        } {
            answer.extend(part);
        }
        answer
    }

    /// Answers a line of the ESP-AT command set.
    fn command(&mut self) -> Option<Vec<u8>> {
        let end = self.received.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.received.drain(..=end).collect();
        let line = String::from_utf8_lossy(&line);
        let answer = if line.starts_with("AT+CIPSNTPTIME?") {
            "+CIPSNTPTIME:Thu Jan 01 00:00:10 2026\r\nOK\r\n"
        } else if line.starts_with("AT+CIPSTART") {
            "CONNECT\r\n\r\nOK\r\n"
        } else if line.starts_with("AT+CIPSEND") {
            self.connected = true;
            "\r\nOK\r\n\r\n>"
        } else {
            "\r\nOK\r\n"
        };
        Some(answer.into())
    }

    /// Answers an MQTT 3.1.1 packet (sections 3.1 to 3.14).
    fn packet(&mut self) -> Option<Vec<u8>> {
        let (mut length, mut header) = (0, 1);
        loop {
            let byte = *self.received.get(header)?;
            length |= usize::from(byte & 0x7F) << (7 * (header - 1));
            header += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if self.received.len() < header + length {
            return None;
        }
        let packet: Vec<u8> = self.received.drain(..header + length).collect();
        let body = &packet[header..];
        Some(match packet[0] >> 4 {
            1 => vec![0x20, 2, 0, 0],
            3 => {
                let topic = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                let acknowledged = packet[0] & 6 != 0;
                let payload = topic + if acknowledged { 2 } else { 0 };
                let text = String::from_utf8_lossy(&body[payload..]).into_owned();
                self.published.push(text);
                if acknowledged {
                    vec![0x40, 2, body[topic], body[topic + 1]]
                } else {
                    Vec::new()
                }
            }
            8 => vec![0x90, 3, body[0], body[1], 0],
            12 => vec![0xD0, 0],
            _ => Vec::new(),
        })
    }
}
