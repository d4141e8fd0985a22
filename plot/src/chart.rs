//! What a chart shows.

use twinbench_model::{VirtualDuration, VirtualTime};

/// A chart over virtual time.
///
/// Series with the first unit stand on the left axis, those with the second on the right one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    /// The heading.
    pub title: String,
    /// What was measured.
    pub series: Vec<Series>,
    /// Levels to compare with.
    pub thresholds: Vec<Threshold>,
    /// Moments to mark.
    pub markers: Vec<Marker>,
    /// The first and last second of the time axis; from the data when `None`.
    pub range: Option<(f64, f64)>,
}

/// One measured quantity.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The channel's name, which decides the colour.
    pub name: String,
    /// The unit, e.g. `°C`, which decides the axis.
    pub unit: String,
    /// Readings, ascending in time. A value that is not finite is a gap.
    pub points: Vec<Point>,
    /// The longest time between two readings that is still joined by a line. Beyond it, data are
    /// missing and the line is broken. `None` joins all.
    pub longest_gap: Option<VirtualDuration>,
}

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Seconds of virtual time.
    pub secs: f64,
    /// The value in the series' unit.
    pub value: f64,
}

/// A level drawn across the chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// What the legend calls it, e.g. `alert above 30 °C`.
    pub label: String,
    /// The unit of the axis it stands on.
    pub unit: String,
    /// The level.
    pub value: f64,
}

/// A moment, such as an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Marker {
    /// Seconds of virtual time.
    pub secs: f64,
    /// What stands above the chart at that moment.
    pub label: String,
    /// How grave it is, which decides the colour.
    pub severity: Severity,
}

/// How grave a marked moment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// Something is unusual.
    Warning,
    /// An alert.
    Alert,
}

impl Point {
    /// A reading at a virtual time.
    pub fn at(time: VirtualTime, value: f64) -> Self {
        Self {
            secs: time.as_secs_f64(),
            value,
        }
    }
}

impl From<(f64, f64)> for Point {
    fn from((secs, value): (f64, f64)) -> Self {
        Self { secs, value }
    }
}

impl Series {
    /// The readings in order of time, with a gap put where the time between two is too long.
    pub(crate) fn with_gaps(&self) -> Vec<Point> {
        let mut points: Vec<_> = self
            .points
            .iter()
            .copied()
            .filter(|p| p.secs.is_finite())
            .collect();
        points.sort_by(|a, b| a.secs.total_cmp(&b.secs));
        let Some(longest) = self.longest_gap else {
            return points;
        };
        // A tenth more, because readings are not exactly periodic.
        let longest = longest.as_secs_f64() * 1.1;
        let mut out: Vec<Point> = Vec::with_capacity(points.len());
        for point in points {
            if let Some(last) = out.last()
                && longest < point.secs - last.secs
            {
                let secs = f64::midpoint(last.secs, point.secs);
                out.push((secs, f64::NAN).into());
            }
            out.push(point);
        }
        out
    }
}

impl Chart {
    /// The units of the axes, in the order of the series, then of the thresholds.
    pub(crate) fn units(&self) -> Vec<&str> {
        let series = self.series.iter().map(|series| series.unit.as_str());
        let thresholds = self
            .thresholds
            .iter()
            .map(|threshold| threshold.unit.as_str());
        let mut units = Vec::new();
        for unit in series.chain(thresholds) {
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
        units
    }
}
