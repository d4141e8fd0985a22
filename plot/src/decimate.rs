//! Thinning a series to what a picture can show.

use crate::Point;

/// Thins points that ascend in time to `columns` columns of equal time, keeping of each column
/// the first, the last, the smallest and the largest value, in the order of time.
///
/// A line through the result covers the same pixels as one through all points, when a column is
/// one pixel wide. Gaps (values that are not finite) are kept too, at most one before the first
/// value of a column and one after its last. So there are at most six points a column; a series
/// that is already that short is returned as it is.
pub fn decimate(points: &[Point], columns: usize) -> Vec<Point> {
    let columns = columns.max(1);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    if points.len() <= columns.saturating_mul(4) {
        return points.to_vec();
    }
    let (start, span) = (first.secs, last.secs - first.secs);
    let column_of = |point: &Point| {
        let column = (point.secs - start) / span * columns as f64;
        // Not a number when all points stand at one time: one column.
        (column as usize).min(columns - 1)
    };
    let mut out = Vec::with_capacity(columns.saturating_mul(4).min(points.len()));
    for column in points.chunk_by(|a, b| column_of(a) == column_of(b)) {
        keep(column, &mut out);
    }
    out
}

/// Keeps what a column needs.
fn keep(column: &[Point], out: &mut Vec<Point>) {
    let finite = |point: &&Point| point.value.is_finite();
    let gap = |point: &&Point| !point.value.is_finite();
    let Some(first) = column.iter().position(|point| point.value.is_finite()) else {
        out.extend(column.first());
        return;
    };
    let (before, rest) = column.split_at(first);
    out.extend(before.first());
    let by_value = |a: &(usize, &Point), b: &(usize, &Point)| a.1.value.total_cmp(&b.1.value);
    let values = || rest.iter().enumerate().filter(|(_, point)| finite(point));
    let kept = [
        values().next(),
        values().min_by(by_value),
        values().max_by(by_value),
        values().next_back(),
    ];
    let mut kept: Vec<_> = kept.into_iter().flatten().collect();
    kept.sort_by_key(|(index, _)| *index);
    kept.dedup_by_key(|(index, _)| *index);
    out.extend(kept.iter().map(|(_, point)| **point));
    out.extend(rest.iter().find(gap));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Points with random steps of time; one value in eight is a gap.
    fn any_points() -> impl Strategy<Value = Vec<Point>> {
        let value = prop_oneof![7 => -1e6..1e6, 1 => Just(f64::NAN)];
        proptest::collection::vec((0.0..10.0, value), 0..400).prop_map(|steps| {
            let mut secs = 0.0;
            let point = |(step, value)| {
                secs += step;
                Point { secs, value }
            };
            steps.into_iter().map(point).collect()
        })
    }

    fn extremes<'a>(points: impl Iterator<Item = &'a Point>) -> Option<(f64, f64)> {
        let values = points
            .map(|point| point.value)
            .filter(|value| value.is_finite());
        values.fold(None, |seen, value| {
            let (low, high) = seen.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        })
    }

    proptest! {
        #[test]
        fn extremes_of_every_column_ends_and_order_are_kept(points in any_points(), columns in 1usize..60) {
            let thin = decimate(&points, columns);
            prop_assert!(thin.len() <= (columns * 6).max(points.len().min(columns * 4)));
            if let (Some(first), Some(last)) = (points.first(), points.last()) {
                for column in 0..columns {
                    let span = last.secs - first.secs;
                    let inside = |p: &&Point| {
                        let at = (p.secs - first.secs) / span * columns as f64;
                        (at as usize).min(columns - 1) == column
                    };
                    prop_assert_eq!(
                        extremes(thin.iter().filter(inside)),
                        extremes(points.iter().filter(inside)),
                    );
                }
                let value = |p: &&Point| p.value.is_finite();
                prop_assert_eq!(thin.iter().find(value), points.iter().find(value));
                prop_assert_eq!(thin.iter().rfind(value), points.iter().rfind(value));
            }
            // Every value that is kept is one that was there, in the same order. A gap may move
            // behind the last value of its column.
            let mut rest = points.iter();
            for kept in thin.iter().filter(|p| p.value.is_finite()) {
                prop_assert!(rest.any(|point| point == kept), "{:?}", kept);
            }
            prop_assert_eq!(thin.iter().any(|p| p.value.is_nan()), points.iter().any(|p| p.value.is_nan()));
        }
    }

    #[test]
    fn a_gap_as_wide_as_a_column_stays_a_gap() {
        let mut points: Vec<Point> = (0..1000).map(|n| (f64::from(n), 1.0).into()).collect();
        points.push((1500.0, f64::NAN).into());
        points.extend((2000..3000).map(|n| Point::from((f64::from(n), 2.0))));
        let thin = decimate(&points, 30);
        let at = thin.iter().position(|point| point.value.is_nan()).unwrap();
        assert_eq!((thin[at - 1].secs, thin[at + 1].secs), (999.0, 2000.0));
    }

    #[test]
    fn a_million_points() {
        let point = |n: u32| Point::from((f64::from(n) / 1e3, (f64::from(n) / 1e4).sin()));
        let points: Vec<_> = (0..1_000_000).map(point).collect();
        let thin = decimate(&points, 1_000);
        assert!(thin.len() <= 4_000, "{}", thin.len());
        assert_eq!(extremes(thin.iter()), extremes(points.iter()));
    }

    #[test]
    fn odd_input() {
        assert_eq!(decimate(&[], 10), []);
        let same = vec![Point::from((1.0, 2.0)); 100];
        assert_eq!(decimate(&same, 0).len(), 2);
    }
}
