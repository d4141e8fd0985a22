//! Where two recordings part: in each channel, and what led to what.
//!
//! ```text
//! left  ─► lines ─┐
//!                 ├─► lanes, one per channel ─► first divergence of each ─► the chain of causes
//! right ─► lines ─┘
//! ```
//!
//! Both streams are read once, side by side in time; a lane holds only what its other side has not
//! brought yet, for at most ten seconds of virtual time. So memory does not grow with the
//! recordings. Bytes of UARTs are compared as lines, wherever a recording cut them.

mod cause;
mod compare;
mod lanes;
mod lines;
mod show;
mod tolerance;

use serde::Serialize;
use twinbench_model::VirtualTime;

use crate::Entry;

pub use compare::number_at;
pub(crate) use compare::value_at;
pub(crate) use tolerance::matches as fits;
pub use tolerance::{RuleError, Tolerances};

/// How two streams are compared.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What may differ by how much.
    pub tolerances: Tolerances,
    /// Common entries of the same device that are shown before a divergence.
    pub context: usize,
}

/// What two streams have in common and where they part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// Version of this form.
    pub version: u32,
    /// Events in the left and in the right stream.
    pub events: [u64; 2],
    /// Channels in either of them.
    pub channels: u64,
    /// The first divergence of each channel that has one, in order of time and of the journey.
    pub divergences: Vec<Divergence>,
    /// The way of the first divergence through the journey: indices into `divergences`.
    pub causes: Vec<usize>,
}

/// Where a channel's two sides first differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Divergence {
    /// The channel: `kind/source`.
    pub channel: String,
    /// The device it is about, or else the source.
    pub subject: String,
    /// The earlier of the two times.
    pub time: VirtualTime,
    /// What differs.
    #[serde(flatten)]
    pub what: What,
    /// The left entry, if there is one.
    pub left: Option<Seen>,
    /// The right entry, if there is one.
    pub right: Option<Seen>,
    /// The last entries about the same subject that both have, oldest first.
    pub before: Vec<Seen>,
    /// Events of the channel on either side, this one and what came after it, which were not
    /// compared.
    pub rest: [u64; 2],
}

/// What differs between two entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "what",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum What {
    /// Only one side has it.
    Missing {
        /// Which side does not.
        from: Side,
    },
    /// The same at another time: later on the right, or earlier when negative.
    Time {
        /// Nanoseconds.
        later: i64,
    },
    /// The room that it happened in.
    Room,
    /// A field of a JSON content.
    Field {
        /// Its path, such as `body.temperature` or `history[2]`; empty: the whole.
        path: String,
        /// Its value on the left, shortened; none: it is not there.
        left: Option<String>,
        /// Its value on the right.
        right: Option<String>,
    },
    /// Bytes, from this one on.
    Bytes {
        /// The first that differs.
        from: usize,
    },
}

/// One of two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first that was given.
    Left,
    /// The second.
    Right,
}

/// An entry as it is shown: without secrets, and not longer than a few lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// When.
    pub time: VirtualTime,
    /// Its channel.
    pub channel: String,
    /// Its number within the channel; a UART's lines are numbered as lines.
    pub number: u64,
    /// What it says.
    pub text: String,
}

/// Compares two streams, in order of their times each.
///
/// # Errors
/// The first error of either stream.
pub fn diff<E>(
    left: impl Iterator<Item = Result<Entry, E>>,
    right: impl Iterator<Item = Result<Entry, E>>,
    options: &Options,
) -> Result<Diff, E> {
    let mut lanes = lanes::Lanes::new(options);
    let (mut left, mut right) = (lines::Lines::new(left), lines::Lines::new(right));
    let (mut l, mut r) = (left.next().transpose()?, right.next().transpose()?);
    loop {
        match (l.take(), r.take()) {
            (None, None) => break,
            (Some(a), Some(b)) if a.time == b.time => {
                lanes.both(a, b);
                l = left.next().transpose()?;
                r = right.next().transpose()?;
            }
            (Some(a), Some(b)) if a.time < b.time => {
                lanes.one(Side::Left, a);
                (l, r) = (left.next().transpose()?, Some(b));
            }
            (a, Some(b)) => {
                lanes.one(Side::Right, b);
                (l, r) = (a, right.next().transpose()?);
            }
            (Some(a), None) => {
                lanes.one(Side::Left, a);
                l = left.next().transpose()?;
            }
        }
    }
    let (channels, divergences) = lanes.finish();
    let (divergences, causes) = cause::chain(divergences);
    Ok(Diff {
        version: 1,
        events: [left.taken(), right.taken()],
        channels,
        divergences,
        causes,
    })
}

#[cfg(test)]
mod tests;
