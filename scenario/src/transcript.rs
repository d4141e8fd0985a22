//! Parts of the canonical stream as lines of text, to be compared with what was kept.

use twinbench_model::{Event, Payload, Room, VirtualTime};

use crate::plan::fits;

/// Lines of the events of some channels.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    channels: Vec<String>,
    lines: Vec<((VirtualTime, Room, String), String)>,
}

/// The first line that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// From 1.
    pub line: usize,
    /// The line that was kept.
    pub kept: Option<String>,
    /// The line that is there now.
    pub now: Option<String>,
}

impl Transcript {
    /// Of these channels, each exact or a pattern with `*`.
    pub fn new(channels: &[String]) -> Self {
        Self {
            channels: channels.to_vec(),
            lines: Vec::new(),
        }
    }

    /// Takes an event; `time` counts from the scenario's begin.
    pub fn observe(&mut self, event: &Event, time: VirtualTime) {
        let channel = event.channel();
        if !self.channels.iter().any(|it| fits(it, &channel)) {
            return;
        }
        let content = match &event.payload {
            Payload::Json(text) => text.to_string(),
            Payload::Bytes(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        };
        let key = (time, event.room, event.source.to_string());
        self.lines
            .push((key, format!("{time} {channel} {content}\n")));
    }

    /// The whole text, in the order of the canonical stream.
    pub fn text(&self) -> String {
        let mut lines: Vec<_> = self.lines.iter().collect();
        // Stable: what one source said at one instant keeps its order.
        lines.sort_by(|a, b| a.0.cmp(&b.0));
        lines.into_iter().map(|(_, line)| line.as_str()).collect()
    }

    /// The first difference from what was kept.
    pub fn difference(&self, kept: &str) -> Option<Difference> {
        let text = self.text();
        let (mut old, mut new) = (kept.lines(), text.lines());
        let mut line = 0;
        loop {
            line += 1;
            match (old.next(), new.next()) {
                (None, None) => return None,
                (kept, now) if kept == now => {}
                (kept, now) => {
                    return Some(Difference {
                        line,
                        kept: kept.map(str::to_owned),
                        now: now.map(str::to_owned),
                    });
                }
            }
        }
    }
}
