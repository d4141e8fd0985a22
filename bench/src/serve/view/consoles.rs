//! What consoles said, the newest lines of each.

use std::collections::VecDeque;

use twinbench_model::{
    VirtualTime,
    api::page::{ConsoleTail, Line},
};

use super::Named;

/// Lines that are kept of a console.
const MOST: usize = 2_000;
/// Bytes of a line that does not end.
const LONGEST: usize = 4_096;

#[derive(Debug, Default)]
struct Console {
    lines: VecDeque<Line>,
    /// Number of the first line that is kept.
    first: u64,
    open: Vec<u8>,
}

impl Console {
    fn next(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    fn end(&mut self, at: VirtualTime) -> String {
        let text = String::from_utf8_lossy(&self.open)
            .trim_end_matches('\r')
            .to_owned();
        self.open.clear();
        if self.lines.len() == MOST {
            self.lines.pop_front();
            self.first += 1;
        }
        self.lines.push_back(Line {
            at: at.as_nanos(),
            text: text.clone(),
        });
        text
    }

    fn tail(&self, from: u64) -> ConsoleTail {
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        ConsoleTail {
            from: self.first + skip.min(self.lines.len()) as u64,
            next: self.next(),
            lines: self.lines.iter().skip(skip).cloned().collect(),
        }
    }
}

/// All consoles.
#[derive(Debug, Default)]
pub(in super::super) struct Consoles {
    all: Named<Console>,
}

impl Consoles {
    /// Takes bytes; gives the lines that ended with them.
    pub(super) fn take(
        &mut self,
        device: &str,
        port: &str,
        at: VirtualTime,
        bytes: &[u8],
    ) -> Vec<String> {
        let ports = match self.all.get_mut(device) {
            Some(ports) => ports,
            None => self.all.entry(device.to_owned()).or_default(),
        };
        let console = match ports.get_mut(port) {
            Some(console) => console,
            None => ports.entry(port.to_owned()).or_default(),
        };
        let mut ended = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                ended.push(console.end(at));
            } else {
                console.open.push(byte);
                if console.open.len() == LONGEST {
                    ended.push(console.end(at));
                }
            }
        }
        ended
    }

    /// The lines from a number on.
    pub(in super::super) fn tail(&self, device: &str, port: &str, from: u64) -> ConsoleTail {
        let console = self.all.get(device).and_then(|ports| ports.get(port));
        console
            .map(|console| console.tail(from))
            .unwrap_or_default()
    }

    /// Ports that said something.
    pub(in super::super) fn ports(&self, device: &str) -> Vec<String> {
        let ports = self.all.get(device);
        ports
            .map(|ports| ports.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Every console with the number of its next line.
    pub(in super::super) fn ends(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.all.iter().flat_map(|(device, ports)| {
            ports
                .iter()
                .map(move |(port, console)| (device.as_str(), port.as_str(), console.next()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_the_newest_stay() {
        let mut consoles = Consoles::default();
        let at = VirtualTime::from_millis(5);
        assert!(consoles.take("d", "console", at, b"hel").is_empty());
        assert_eq!(
            consoles.take("d", "console", at, b"lo\r\nyou\n"),
            ["hello", "you"]
        );
        for n in 0..MOST {
            consoles.take("d", "console", at, format!("{n}\n").as_bytes());
        }
        let tail = consoles.tail("d", "console", 0);
        assert_eq!((tail.from, tail.next, tail.lines.len()), (2, 2_002, MOST));
        let last = consoles.tail("d", "console", 2_001);
        assert_eq!(last.lines[0].text, "1999");
        assert!(consoles.tail("d", "console", 9_999).lines.is_empty());
        assert_eq!(consoles.tail("x", "y", 3), ConsoleTail::default());
        assert_eq!(consoles.ports("d"), ["console"]);
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let mut consoles = Consoles::default();
        let lines = consoles.take("d", "p", VirtualTime::ZERO, &vec![b'x'; 10_000]);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len(), LONGEST);
    }
}
