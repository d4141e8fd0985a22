//! A channel's readings with an index for drawing any part of them at once.

use crate::Point;

/// Readings or blocks that make one block of the level above.
const FOLD: usize = 16;

/// What a block of readings covers.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: Point,
    low: Point,
    high: Point,
    last: Point,
    /// A value that is not finite is among them.
    gap: bool,
}

impl Block {
    fn of(points: &[Point]) -> Option<Self> {
        let mut kept = points.iter().filter(|point| point.value.is_finite());
        let first = *kept.next()?;
        let mut block = Self {
            first,
            low: first,
            high: first,
            last: first,
            gap: points.iter().any(|point| !point.value.is_finite()),
        };
        for point in kept {
            block.take(*point, *point, *point);
        }
        Some(block)
    }

    fn take(&mut self, low: Point, high: Point, last: Point) {
        if low.value < self.low.value {
            self.low = low;
        }
        if high.value > self.high.value {
            self.high = high;
        }
        self.last = last;
    }

    fn join(blocks: &[Option<Self>]) -> Option<Self> {
        let mut kept = blocks.iter().flatten();
        let mut whole = *kept.next()?;
        for block in kept {
            whole.take(block.low, block.high, block.last);
            whole.gap |= block.gap;
        }
        // A block of gaps only is a gap as well.
        whole.gap |= blocks.iter().any(Option::is_none);
        Some(whole)
    }
}

/// Readings of a channel, ascending in time, bounded in number.
///
/// Beside the readings stand blocks of 16, 256, 4,096 … of them with their extremes, so that a
/// view of a million readings is drawn from some thousand of blocks.
#[derive(Debug, Clone, Default)]
pub struct Track {
    points: Vec<Point>,
    levels: Vec<Vec<Option<Block>>>,
    most: usize,
}

impl Track {
    /// An empty track that keeps at least three quarters of `most` readings, the newest ones.
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(64),
            ..Self::default()
        }
    }

    /// A track of readings that are there already, without a bound.
    pub fn of(points: Vec<Point>) -> Self {
        let mut track = Self {
            points,
            levels: Vec::new(),
            most: usize::MAX,
        };
        track.index();
        track
    }

    /// Adds a reading; one that is older than the last is left out.
    pub fn push(&mut self, point: Point) {
        let older = |last: &Point| point.secs < last.secs;
        if !point.secs.is_finite() || self.points.last().is_some_and(older) {
            return;
        }
        if self.points.len() >= self.most {
            self.points.drain(..self.most / 4);
            self.levels.clear();
        }
        self.points.push(point);
        self.index();
    }

    /// Leaves out all readings.
    pub fn clear(&mut self) {
        self.points.clear();
        self.levels.clear();
    }

    /// The readings.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The last reading.
    pub fn last(&self) -> Option<Point> {
        self.points.last().copied()
    }

    /// The last reading at or before a time.
    pub fn at(&self, secs: f64) -> Option<Point> {
        let end = self.points.partition_point(|point| point.secs <= secs);
        self.points.get(end.checked_sub(1)?).copied()
    }

    /// Builds the blocks that are full and not there.
    fn index(&mut self) {
        let mut level = 0;
        loop {
            let below = match level {
                0 => self.points.len(),
                _ => self.levels.get(level - 1).map_or(0, Vec::len),
            };
            let full = below / FOLD;
            if full == 0 {
                return;
            }
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let have = self.levels[level].len();
            for at in have..full {
                let range = at * FOLD..(at + 1) * FOLD;
                let block = if level == 0 {
                    Block::of(&self.points[range])
                } else {
                    Block::join(&self.levels[level - 1][range])
                };
                self.levels[level].push(block);
            }
            if have == full {
                return;
            }
            level += 1;
        }
    }

    /// The readings from `from` to `to` seconds, with their neighbours outside, thinned to at most
    /// four a column (first, lowest, highest, last, in the order of time) and one gap.
    pub fn view(&self, from: f64, to: f64, columns: usize) -> Vec<Point> {
        let columns = columns.max(1);
        let start = self
            .points
            .partition_point(|point| point.secs < from)
            .saturating_sub(1);
        let end =
            (self.points.partition_point(|point| point.secs <= to) + 1).min(self.points.len());
        let inside = self.points.get(start..end).unwrap_or_default();
        if inside.len() <= columns * 4 {
            return inside.to_vec();
        }
        // Blocks of at most a quarter of what a column holds.
        let each = inside.len() / columns;
        let mut level = 0;
        while FOLD.pow(level as u32 + 1) * 4 <= each && level < self.levels.len() {
            level += 1;
        }
        let span = (to - from).max(f64::MIN_POSITIVE);
        let column =
            |secs: f64| (((secs - from) / span * columns as f64) as usize).min(columns - 1);
        let mut thin = Thin::default();
        if level == 0 {
            for point in inside {
                let block = Block::of(std::slice::from_ref(point));
                thin.add(column(point.secs), block, *point);
            }
            return thin.finish();
        }
        let size = FOLD.pow(level as u32);
        let (head, tail) = (start.next_multiple_of(size).min(end), end / size * size);
        let point = |thin: &mut Thin, point: &Point| {
            let block = Block::of(std::slice::from_ref(point));
            thin.add(column(point.secs), block, *point);
        };
        for each in &self.points[start..head] {
            point(&mut thin, each);
        }
        for at in head / size..tail.max(head) / size {
            let begin = self.points[at * size];
            thin.add(
                column(begin.secs),
                self.levels[level - 1].get(at).copied().flatten(),
                begin,
            );
        }
        for each in &self.points[tail.max(head)..end] {
            point(&mut thin, each);
        }
        thin.finish()
    }
}

/// Columns that are being thinned.
#[derive(Default)]
struct Thin {
    out: Vec<Point>,
    now: Option<(usize, Block)>,
    gap: Option<f64>,
}

impl Thin {
    fn add(&mut self, column: usize, block: Option<Block>, begin: Point) {
        let Some(block) = block else {
            self.flush();
            self.gap.get_or_insert(begin.secs);
            self.flush();
            return;
        };
        match &mut self.now {
            Some((at, whole)) if *at == column => {
                whole.take(block.low, block.high, block.last);
                whole.gap |= block.gap;
            }
            _ => {
                self.flush();
                self.now = Some((column, block));
            }
        }
    }

    fn flush(&mut self) {
        if let Some((_, block)) = self.now.take() {
            let mut kept = [block.first, block.low, block.high, block.last];
            kept.sort_by(|a, b| a.secs.total_cmp(&b.secs));
            for point in kept {
                if self.out.last() != Some(&point) {
                    self.out.push(point);
                }
            }
            if block.gap {
                self.gap.get_or_insert(block.last.secs);
            }
        }
        if let Some(secs) = self.gap.take()
            && self.out.last().is_none_or(|last| last.value.is_finite())
        {
            self.out.push(Point {
                secs,
                value: f64::NAN,
            });
        }
    }

    fn finish(mut self) -> Vec<Point> {
        self.flush();
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extremes(points: &[Point]) -> Option<(f64, f64)> {
        let values = points
            .iter()
            .map(|point| point.value)
            .filter(|value| value.is_finite());
        values.fold(None, |seen, value| {
            let (low, high) = seen.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        })
    }

    proptest! {
        #[test]
        fn a_view_keeps_extremes_ends_and_order(
            steps in proptest::collection::vec((0.0..3.0, -1e3..1e3), 1..3_000),
            columns in 1usize..40,
            part in 0.0..1.0,
            width in 0.01..1.0,
        ) {
            let mut secs = 0.0;
            let points: Vec<Point> = steps.iter().map(|(step, value)| {
                secs += step;
                Point { secs, value: *value }
            }).collect();
            let (from, to) = (secs * part, secs * (part + width));
            let mut pushed = Track::new(usize::MAX);
            for point in &points {
                pushed.push(*point);
            }
            let thin = pushed.view(from, to, columns);
            prop_assert_eq!(&thin, &Track::of(points.clone()).view(from, to, columns));
            let start = points.partition_point(|p| p.secs < from).saturating_sub(1);
            let end = (points.partition_point(|p| p.secs <= to) + 1).min(points.len());
            let inside = &points[start..end];
            prop_assert_eq!(extremes(&thin), extremes(inside));
            prop_assert!(thin.len() <= (columns * 4 + 40).max(inside.len().min(columns * 4)), "{}", thin.len());
            prop_assert!(thin.is_sorted_by(|a, b| a.secs <= b.secs));
            prop_assert_eq!(thin.first(), inside.first());
            prop_assert_eq!(thin.last(), inside.last());
        }
    }

    #[test]
    fn a_gap_stays_a_gap_at_every_zoom() {
        let mut points: Vec<Point> = (0..20_000).map(|n| (f64::from(n), 1.0).into()).collect();
        points.push((20_000.0, f64::NAN).into());
        points.extend((40_000..60_000).map(|n| Point::from((f64::from(n), 2.0))));
        let track = Track::of(points);
        for columns in [10, 100, 1_000, 100_000] {
            let thin = track.view(0.0, 60_000.0, columns);
            let gaps: Vec<_> = thin.iter().filter(|p| p.value.is_nan()).collect();
            assert_eq!(gaps.len(), 1, "{columns}");
        }
    }

    #[test]
    fn old_readings_make_room() {
        let mut track = Track::new(1_000);
        for n in 0..10_000 {
            track.push((f64::from(n), f64::from(n)).into());
        }
        assert!(track.points().len() <= 1_000 && track.points().len() >= 750);
        assert_eq!(track.last().map(|point| point.value), Some(9_999.0));
        assert_eq!(track.at(9_998.5).map(|point| point.value), Some(9_998.0));
        assert_eq!(track.at(-1.0), None);
        track.push((5.0, 0.0).into());
        assert_eq!(track.last().map(|point| point.value), Some(9_999.0));
        let all = track.view(0.0, 1e5, 10);
        assert_eq!(extremes(&all).map(|e| e.1), Some(9_999.0));
    }
}
