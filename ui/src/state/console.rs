//! What a console said, bounded in lines.

use std::collections::VecDeque;

/// Lines that are kept.
const MOST: usize = 5_000;

/// A line of a console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number since the console began.
    pub(crate) number: u64,
    /// When its last byte came.
    pub(crate) at: u64,
    /// The text.
    pub(crate) text: String,
}

/// The newest lines of a console.
#[derive(Debug, Clone, Default)]
pub(crate) struct Console {
    lines: VecDeque<Line>,
    next: u64,
    /// The offset after the last line, as the bench counts.
    pub(crate) offset: u64,
}

impl Console {
    /// Takes in lines.
    pub(crate) fn add(&mut self, lines: impl IntoIterator<Item = (u64, String)>) {
        for (at, text) in lines {
            if self.lines.len() == MOST {
                self.lines.pop_front();
            }
            let number = self.next;
            self.next += 1;
            self.lines.push_back(Line { number, at, text });
        }
    }

    /// The lines that have a text in them, whatever its case; all for an empty one.
    pub(crate) fn matching(&self, wanted: &str) -> Vec<Line> {
        let wanted = wanted.to_lowercase();
        let fits = |line: &&Line| wanted.is_empty() || line.text.to_lowercase().contains(&wanted);
        self.lines.iter().filter(fits).cloned().collect()
    }
}

/// A text cut where a wanted one is found: pieces, and whether each is one that was wanted.
pub(crate) fn pieces(text: &str, wanted: &str) -> Vec<(String, bool)> {
    if wanted.is_empty() {
        return vec![(text.to_owned(), false)];
    }
    let (lower, wanted) = (text.to_lowercase(), wanted.to_lowercase());
    // Letters whose lower case has another length would shift the places.
    if lower.len() != text.len() {
        return vec![(text.to_owned(), false)];
    }
    let mut out = Vec::new();
    let mut from = 0;
    for (at, found) in lower.match_indices(&wanted) {
        let (before, piece) = (text.get(from..at), text.get(at..at + found.len()));
        let (Some(before), Some(piece)) = (before, piece) else {
            return vec![(text.to_owned(), false)];
        };
        if !before.is_empty() {
            out.push((before.to_owned(), false));
        }
        out.push((piece.to_owned(), true));
        from = at + found.len();
    }
    if let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        out.push((rest.to_owned(), false));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_finds_them() {
        let mut console = Console::default();
        console.add((0..MOST as u64 + 10).map(|n| (n, format!("Line {n}"))));
        assert_eq!(console.matching("").len(), MOST);
        assert_eq!(
            console.matching("").first().map(|line| line.number),
            Some(10)
        );
        assert_eq!(console.matching("line 5009").len(), 1);
        assert!(console.matching("nothing").is_empty());
    }

    #[test]
    fn what_is_wanted_is_marked() {
        let piece = |text: &str, wanted| (text.to_owned(), wanted);
        assert_eq!(
            pieces("Error: an ERROR", "error"),
            [
                piece("Error", true),
                piece(": an ", false),
                piece("ERROR", true)
            ]
        );
        assert_eq!(pieces("abc", ""), [piece("abc", false)]);
        assert_eq!(pieces("abc", "x"), [piece("abc", false)]);
        assert_eq!(pieces("\u{130}x", "x"), [piece("\u{130}x", false)]);
    }
}
