//! Divergences as a person reads them.

use std::fmt::{self, Write as _};

use super::{Diff, Divergence, Seen, Side, What, compare::short};
use crate::{Content, Entry, redact};

/// Bytes of a content that are shown before the first differing byte.
const BEFORE: usize = 60;

/// An entry as it is shown, around one of its bytes.
pub(super) fn seen(entry: &Entry, from: usize) -> Seen {
    let text = match &entry.content {
        Content::Json(text) => redact(text).into_owned(),
        Content::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => redact(text).into_owned(),
            Err(_) => return seen_as(entry, format!("{} bytes {}", bytes.len(), hex(bytes, from))),
        },
        Content::Omitted(length) => format!("{length} bytes, not kept"),
    };
    let start = text.floor_char_boundary(from.saturating_sub(BEFORE));
    let head = if start > 0 { "…" } else { "" };
    let text = format!("{head}{}", short(text.get(start..).unwrap_or_default()));
    seen_as(entry, text.trim_end_matches(['\r', '\n']).to_owned())
}

fn seen_as(entry: &Entry, text: String) -> Seen {
    Seen {
        time: entry.time,
        channel: entry.channel(),
        number: entry.sequence,
        text,
    }
}

/// Some bytes from one of them on, in hexadecimal.
fn hex(bytes: &[u8], from: usize) -> String {
    let shown = bytes.get(from..).unwrap_or_default();
    let mut text = if from > 0 {
        format!("from {from}: ")
    } else {
        String::new()
    };
    for byte in shown.iter().take(16) {
        let _ = write!(text, "{byte:02x}");
    }
    if shown.len() > 16 {
        text.push('…');
    }
    text
}

/// A text on one line: only what would break it is written another way.
fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_debug());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            time,
            channel,
            number,
            text,
        } = self;
        write!(f, "{time} {channel} #{number} {}", one_line(text))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { from: Side::Left } => f.write_str("only on the right"),
            Self::Missing { from: Side::Right } => f.write_str("only on the left"),
            Self::Time { later } => {
                let (apart, word) = if *later < 0 {
                    (later.unsigned_abs(), "earlier")
                } else {
                    (later.unsigned_abs(), "later")
                };
                write!(f, "{} ms {word} on the right", apart as f64 / 1e6)
            }
            Self::Room => f.write_str("another room"),
            Self::Field { path, left, right } => {
                let name = if path.is_empty() { "the content" } else { path };
                let value = |it: &Option<String>| it.clone().unwrap_or_else(|| "nothing".into());
                write!(f, "{name}: {} ≠ {}", value(left), value(right))
            }
            Self::Bytes { from } => write!(f, "the content from byte {from}"),
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}: {}", self.time, self.channel, self.what)?;
        for entry in &self.before {
            writeln!(f, "    both  {entry}")?;
        }
        for (side, entry) in [("left ", &self.left), ("right", &self.right)] {
            if let Some(entry) = entry {
                writeln!(f, "    {side} {entry}")?;
            }
        }
        Ok(())
    }
}

/// How many channels are listed.
const LISTED: usize = 20;

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [left, right] = self.events;
        if self.divergences.is_empty() {
            return writeln!(
                f,
                "no divergence: {left} and {right} events in {} channels",
                self.channels
            );
        }
        writeln!(
            f,
            "{} of {} channels diverge ({left} and {right} events)",
            self.divergences.len(),
            self.channels
        )?;
        writeln!(f, "\nthe first divergence and what followed from it:")?;
        for (n, cause) in self.causes.iter().enumerate() {
            if let Some(divergence) = self.divergences.get(*cause) {
                write!(f, "{} {divergence}", if n == 0 { " " } else { "→" })?;
            }
        }
        let others: Vec<_> = (0..self.divergences.len())
            .filter(|n| !self.causes.contains(n))
            .filter_map(|n| self.divergences.get(n))
            .collect();
        if !others.is_empty() {
            writeln!(f, "\nother channels, each at its first divergence:")?;
        }
        for divergence in others.iter().take(LISTED) {
            writeln!(
                f,
                "  {} {}: {}",
                divergence.time, divergence.channel, divergence.what
            )?;
        }
        if others.len() > LISTED {
            writeln!(f, "  and {} more", others.len() - LISTED)?;
        }
        Ok(())
    }
}
