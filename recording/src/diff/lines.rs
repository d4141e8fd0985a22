//! A UART's bytes as lines, wherever the recording cut them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use twinbench_model::Room;

use crate::{Content, Entry};

/// A line that is longer is cut, so that a stream without line ends takes no memory.
const LONGEST: usize = 4096;

/// A stream whose UART entries are whole lines; everything else passes.
pub(super) struct Lines<I> {
    entries: I,
    open: BTreeMap<Arc<str>, Line>,
    ready: VecDeque<Entry>,
    taken: u64,
    ended: bool,
}

#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    number: u64,
    /// The entry that brought the newest byte.
    newest: Option<Entry>,
}

impl<I> Lines<I> {
    pub(super) fn new(entries: I) -> Self {
        Self {
            entries,
            open: BTreeMap::new(),
            ready: VecDeque::new(),
            taken: 0,
            ended: false,
        }
    }

    /// Entries of the stream below.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }
}

impl Line {
    fn end(&mut self, out: &mut VecDeque<Entry>) {
        let Some(newest) = &self.newest else { return };
        if self.bytes.is_empty() {
            return;
        }
        out.push_back(Entry {
            sequence: self.number,
            content: Content::Bytes(Bytes::from(std::mem::take(&mut self.bytes))),
            ..newest.clone()
        });
        self.number += 1;
    }
}

impl<E, I: Iterator<Item = Result<Entry, E>>> Iterator for Lines<I> {
    type Item = Result<Entry, E>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Some(Ok(entry));
            }
            if self.ended {
                return None;
            }
            let mut entry = match self.entries.next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.ended = true;
                    // What never ended is a line as well, at the time of its last byte; those are
                    // the last of their channels, so that order between channels does not matter.
                    for line in self.open.values_mut() {
                        line.end(&mut self.ready);
                    }
                    self.ready.make_contiguous().sort_by_key(|entry| entry.time);
                    continue;
                }
            };
            self.taken += 1;
            let Content::Bytes(bytes) = &entry.content else {
                return Some(Ok(entry));
            };
            if entry.room != Room::Machine || entry.kind != "uart" {
                return Some(Ok(entry));
            }
            let bytes = bytes.clone();
            entry.content = Content::Omitted(0);
            let line = self.open.entry(Arc::clone(&entry.source)).or_default();
            line.newest = Some(entry);
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                line.bytes.extend_from_slice(piece);
                if piece.ends_with(b"\n") || line.bytes.len() >= LONGEST {
                    line.end(&mut self.ready);
                }
            }
        }
    }
}
