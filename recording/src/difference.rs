//! Where two event streams part.

use std::{borrow::Borrow, collections::VecDeque, convert::Infallible, fmt};

use crate::{Content, Entry, redact};

/// Bytes of a content that are shown on either side of the first differing byte.
const WINDOW: usize = 120;

/// The first place at which two streams differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Index of the entry in both streams, from 0.
    pub index: u64,
    /// What differs.
    pub field: Field,
    /// The left stream's entry; `None` when that stream ended.
    pub left: Option<Entry>,
    /// The right stream's entry; `None` when that stream ended.
    pub right: Option<Entry>,
    /// The last common entries before it, oldest first.
    pub before: Vec<Entry>,
}

/// What differs between two entries, the first in the order of the canonical encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// One stream ended before the other.
    Length,
    /// The virtual time.
    Time,
    /// The room.
    Room,
    /// The kind or the source.
    Channel,
    /// The number within the channel.
    Sequence,
    /// The content, from this byte on.
    Content(usize),
}

/// Finds the first difference of two streams, with up to `context` common entries before it.
pub fn first_difference<L, R>(left: L, right: R, context: usize) -> Option<Difference>
where
    L: IntoIterator<Item: Borrow<Entry>>,
    R: IntoIterator<Item: Borrow<Entry>>,
{
    let left = left.into_iter().map(Ok::<_, Infallible>);
    let right = right.into_iter().map(Ok::<_, Infallible>);
    match try_first_difference(left, right, context) {
        Ok(difference) => difference,
        Err(never) => match never {},
    }
}

/// As [`first_difference`], over streams whose reading may fail, such as two [`Reader`]s with
/// their wall times taken off.
///
/// [`Reader`]: crate::Reader
///
/// # Errors
/// The first error of either stream.
pub fn try_first_difference<L, R, A, B, E>(
    left: L,
    right: R,
    context: usize,
) -> Result<Option<Difference>, E>
where
    L: IntoIterator<Item = Result<A, E>>,
    R: IntoIterator<Item = Result<B, E>>,
    A: Borrow<Entry>,
    B: Borrow<Entry>,
{
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let mut before = VecDeque::with_capacity(context);
    for index in 0.. {
        let (l, r) = (left.next().transpose()?, right.next().transpose()?);
        let field = match (&l, &r) {
            (None, None) => break,
            (Some(l), Some(r)) => compare(l.borrow(), r.borrow()),
            _ => Some(Field::Length),
        };
        if let Some(field) = field {
            return Ok(Some(Difference {
                index,
                field,
                left: l.map(|entry| entry.borrow().clone()),
                right: r.map(|entry| entry.borrow().clone()),
                before: before.into(),
            }));
        }
        if context > 0
            && let Some(entry) = l
        {
            if before.len() == context {
                before.pop_front();
            }
            before.push_back(entry.borrow().clone());
        }
    }
    Ok(None)
}

fn compare(l: &Entry, r: &Entry) -> Option<Field> {
    if l.time != r.time {
        Some(Field::Time)
    } else if l.room != r.room {
        Some(Field::Room)
    } else if l.kind != r.kind || l.source != r.source {
        Some(Field::Channel)
    } else if l.sequence != r.sequence {
        Some(Field::Sequence)
    } else if l.content != r.content {
        let (a, b) = (bytes_of(&l.content), bytes_of(&r.content));
        let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        Some(Field::Content(same))
    } else {
        None
    }
}

fn bytes_of(content: &Content) -> &[u8] {
    match content {
        Content::Json(text) => text.as_bytes(),
        Content::Bytes(bytes) => bytes,
        Content::Omitted(_) => &[],
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the streams differ at event {}", self.index)?;
        if let Some(entry) = self.left.as_ref().or(self.right.as_ref()) {
            write!(f, ", {} at {}", entry.channel(), entry.time)?;
        }
        let from = match self.field {
            Field::Content(from) => from,
            _ => 0,
        };
        match self.field {
            Field::Length => writeln!(f, ": one of them ends here")?,
            Field::Time => writeln!(f, ": the time")?,
            Field::Room => writeln!(f, ": the room")?,
            Field::Channel => writeln!(f, ": the channel")?,
            Field::Sequence => writeln!(f, ": the number within the channel")?,
            Field::Content(byte) => writeln!(f, ": the content from byte {byte}")?,
        }
        for entry in &self.before {
            writeln!(f, "  both  {}", Excerpt(entry, 0))?;
        }
        for (side, entry) in [("left ", &self.left), ("right", &self.right)] {
            match entry {
                Some(entry) => writeln!(f, "  {side} {}", Excerpt(entry, from))?,
                None => writeln!(f, "  {side} (ended)")?,
            }
        }
        Ok(())
    }
}

/// An entry on one line, with its content around one byte, without secrets.
struct Excerpt<'a>(&'a Entry, usize);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(entry, from) = *self;
        // Nanoseconds, because a difference of time may be smaller than the clock shows.
        write!(
            f,
            "{} ns {} {} #{} ",
            entry.time.as_nanos(),
            crate::entry::room_name(entry.room),
            entry.channel(),
            entry.sequence
        )?;
        if let Content::Omitted(length) = entry.content {
            return write!(f, "{length} bytes, not kept");
        }
        // Redacted as a whole before it is cut, so that no cut hides the start of a secret. The
        // window may shift by the length of a secret before it.
        let text = String::from_utf8_lossy(bytes_of(&entry.content));
        let text = redact(&text);
        let start = text.floor_char_boundary(from.saturating_sub(WINDOW));
        let end = text.ceil_char_boundary(from.saturating_add(WINDOW));
        let head = if start > 0 { "…" } else { "" };
        let tail = if end < text.len() { "…" } else { "" };
        let shown = text.get(start..end).unwrap_or_default();
        write!(f, "{head}{}{tail}", shown.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinbench_model::{Event, Room, VirtualTime};

    fn entry(millis: u64, source: &str, fact: &str) -> Entry {
        let time = VirtualTime::from_millis(millis);
        Entry::new(
            Event::json(time, Room::Hub, "d2c", source.into(), &fact),
            millis,
        )
    }

    #[test]
    fn equal_streams_have_none() {
        let stream = [entry(1, "a", "x"), entry(2, "a", "y")];
        assert_eq!(first_difference(&stream, stream.to_vec(), 2), None);
    }

    #[test]
    fn reports_index_field_and_context() {
        let mut left: Vec<_> = (0..9).map(|n| entry(n, "a", "same")).collect();
        let mut right = left.clone();
        right[7] = entry(7, "a", "sane");
        let found = first_difference(&left, &right, 2).unwrap();
        assert_eq!((found.index, found.field), (7, Field::Content(3)));
        assert_eq!(found.before, left[5..7]);
        let text = found.to_string();
        assert!(text.starts_with(
            "the streams differ at event 7, d2c/a at 00:00:00.007: the content from byte 3\n"
        ));
        assert!(
            text.contains(r#"left  7000000 ns hub d2c/a #7 \"same\""#),
            "{text}"
        );
        assert!(
            text.contains(r#"right 7000000 ns hub d2c/a #7 \"sane\""#),
            "{text}"
        );

        left.truncate(3);
        let found = first_difference(&left, &right, 0).unwrap();
        assert_eq!(
            (found.index, found.field, found.left),
            (3, Field::Length, None)
        );
        let found = first_difference([entry(1, "a", "")], [entry(1, "b", "")], 0).unwrap();
        assert_eq!(found.field, Field::Channel);
        let found = first_difference([entry(1, "a", "")], [entry(2, "a", "")], 0).unwrap();
        assert_eq!(found.field, Field::Time);
    }

    #[test]
    fn long_contents_are_cut_around_the_difference_and_hide_secrets() {
        let long = |end: &str| entry(1, "a", &format!("{}é{end}&sig=secret", "x".repeat(5000)));
        let found = first_difference([long("1")], [long("2")], 0).unwrap();
        let text = found.to_string();
        assert!(text.len() < 900, "{}", text.len());
        assert!(text.contains("é1") && text.contains("é2"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
