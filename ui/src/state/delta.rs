//! Deltas of the bench and what they make of what is known.

use crate::wire::{DeviceRow, Frame};

/// What is to be done with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Take it in.
    Take,
    /// It is known already.
    Known,
    /// There is a gap before it: ask for everything anew.
    Resync,
}

/// Whether a frame follows what is known.
pub(crate) fn follows(known: Option<u64>, frame: &Frame) -> Applied {
    match known {
        _ if frame.resync => Applied::Resync,
        None => Applied::Take,
        Some(known) if frame.seq <= known => Applied::Known,
        Some(known) if frame.seq == known + 1 => Applied::Take,
        Some(_) => Applied::Resync,
    }
}

/// Puts rows into a list sorted by id; gives whether any id was new.
pub(crate) fn merge_rows(rows: &mut Vec<DeviceRow>, news: Vec<DeviceRow>) -> bool {
    let mut grown = false;
    for row in news {
        match rows.binary_search_by(|there| there.id.cmp(&row.id)) {
            Ok(at) => rows[at] = row,
            Err(at) => {
                rows.insert(at, row);
                grown = true;
            }
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seq: u64) -> Frame {
        Frame {
            seq,
            ..Frame::default()
        }
    }

    #[test]
    fn a_gap_is_seen() {
        assert_eq!(follows(None, &frame(7)), Applied::Take);
        assert_eq!(follows(Some(7), &frame(8)), Applied::Take);
        assert_eq!(follows(Some(7), &frame(7)), Applied::Known);
        assert_eq!(follows(Some(7), &frame(9)), Applied::Resync);
        let lost = Frame {
            resync: true,
            ..frame(8)
        };
        assert_eq!(follows(Some(7), &lost), Applied::Resync);
    }

    #[test]
    fn rows_stay_sorted() {
        let row = |id: &str, backend: &str| DeviceRow {
            id: id.into(),
            backend: backend.into(),
            ..DeviceRow::default()
        };
        let mut rows = vec![row("b", "1"), row("d", "1")];
        assert!(!merge_rows(&mut rows, vec![row("d", "2")]));
        assert!(merge_rows(
            &mut rows,
            vec![row("a", "1"), row("c", "1"), row("b", "3")]
        ));
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (row.id.as_str(), row.backend.as_str()))
            .collect();
        assert_eq!(seen, [("a", "1"), ("b", "3"), ("c", "1"), ("d", "2")]);
    }
}
