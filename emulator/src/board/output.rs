//! What comes out of a board, by the board's names.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use twinbench_model::VirtualTime;

use crate::peripheral::{Signal, SignalKind};

/// The port under which text written by semihosting comes out.
const SEMIHOSTING: &str = "semihosting";

/// Something that came out of a board.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardOutput {
    /// When; of bytes, when the last of them had left.
    pub time: VirtualTime,
    /// What.
    pub kind: BoardOutputKind,
}

/// What came out of a board.
#[derive(Debug, Clone, PartialEq)]
pub enum BoardOutputKind {
    /// Bytes on a named serial port: those that left between two calls of
    /// [`Board::drain`](super::Board::drain). Text written by semihosting comes from a port of
    /// that name, what is written to stimulus port n of the trace from `itm` and n.
    Uart {
        /// The board's name for the port.
        port: Arc<str>,
        /// The bytes.
        bytes: Bytes,
    },
    /// A named LED changed.
    Pin {
        /// The board's name for it.
        name: Arc<str>,
        /// Its pin's level.
        high: bool,
    },
    /// The display's picture changed: 1,024 bytes, eight rows of 128 columns, each byte eight pixels
    /// with the top one lowest.
    Display(Bytes),
    /// A line of diagnosis.
    Note(String),
}

/// The board's names for what leaves the chip.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// By the chip's peripheral.
    pub(super) uarts: BTreeMap<String, Arc<str>>,
    /// By port and pin.
    pub(super) pins: BTreeMap<(u8, u8), Arc<str>>,
}

impl Names {
    /// Names the chip's signals, in order of time; bytes of a port become one output.
    pub(super) fn apply(&self, signals: Vec<Signal>, out: &mut Vec<BoardOutput>) {
        let first = out.len();
        let mut bytes: BTreeMap<Arc<str>, (VirtualTime, Vec<u8>)> = BTreeMap::new();
        for Signal { time, kind } in signals {
            let kind = match kind {
                SignalKind::Uart { name, byte } => {
                    if let Some(port) = self.uarts.get(name) {
                        let (last, all) = bytes.entry(Arc::clone(port)).or_default();
                        *last = time;
                        all.push(byte);
                    }
                    continue;
                }
                SignalKind::Semihosting(text) => {
                    let (last, all) = bytes.entry(SEMIHOSTING.into()).or_default();
                    *last = time;
                    all.extend_from_slice(&text);
                    continue;
                }
                SignalKind::Itm { port, bytes: text } => {
                    let port: Arc<str> = format!("itm{port}").into();
                    let (last, all) = bytes.entry(port).or_default();
                    *last = time;
                    all.extend_from_slice(&text);
                    continue;
                }
                SignalKind::Pin { port, pin, high } => match self.pins.get(&(port, pin)) {
                    Some(name) => BoardOutputKind::Pin {
                        name: Arc::clone(name),
                        high,
                    },
                    None => continue,
                },
                SignalKind::Display(frame) => BoardOutputKind::Display(frame),
                SignalKind::Note(text) => BoardOutputKind::Note(text),
            };
            out.push(BoardOutput { time, kind });
        }
        out.extend(bytes.into_iter().map(|(port, (time, bytes))| BoardOutput {
            time,
            kind: BoardOutputKind::Uart {
                port,
                bytes: bytes.into(),
            },
        }));
        out[first..].sort_by_key(|output| output.time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_port_come_together_at_the_time_of_the_last() {
        let names = Names {
            uarts: BTreeMap::from([("USART6".into(), "console".into())]),
            pins: BTreeMap::from([((2, 13), "led-user".into())]),
        };
        let signal = |nanos, kind| Signal {
            time: VirtualTime::from_nanos(nanos),
            kind,
        };
        let byte = |name, byte| SignalKind::Uart { name, byte };
        let pin = |pin| SignalKind::Pin {
            port: 2,
            pin,
            high: true,
        };
        let signals = vec![
            signal(1, byte("USART6", b'a')),
            signal(2, byte("USART2", b'x')),
            signal(3, pin(13)),
            signal(4, pin(12)),
            signal(5, byte("USART6", b'b')),
        ];
        let mut out = Vec::new();
        names.apply(signals, &mut out);
        let expected = [
            (
                3,
                BoardOutputKind::Pin {
                    name: "led-user".into(),
                    high: true,
                },
            ),
            (
                5,
                BoardOutputKind::Uart {
                    port: "console".into(),
                    bytes: "ab".into(),
                },
            ),
        ]
        .map(|(nanos, kind)| BoardOutput {
            time: VirtualTime::from_nanos(nanos),
            kind,
        });
        assert_eq!(out, expected);
    }
}
