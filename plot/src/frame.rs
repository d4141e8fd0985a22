//! Where things stand: axes, legend and marks around the place where the data are.

use plotters::prelude::DrawingBackend;

use crate::{
    Chart, Error, Point,
    axis::{TimeAxis, ValueAxis},
    pen::{Pen, Weight},
};

/// Space around the picture.
pub(crate) const MARGIN: f64 = 16.0;
/// Size of the heading.
pub(crate) const TITLE: f64 = 16.0;
/// Size of all other text.
pub(crate) const TEXT: f64 = 12.0;
/// Height of a row of text.
pub(crate) const ROW: f64 = 18.0;
/// Width of a legend's sample.
pub(crate) const SAMPLE: f64 = 20.0;
/// Between parts that belong together.
pub(crate) const GAP: f64 = 8.0;
/// Rows of labels above the data, at most.
const MOST_LABEL_ROWS: usize = 3;

/// The laid-out chart.
pub(crate) struct Frame {
    pub(crate) width: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) time: TimeAxis,
    /// One or two, with their units and titles.
    pub(crate) axes: Vec<UnitAxis>,
    /// Left edge and row of every legend entry.
    pub(crate) legend: Vec<(f64, usize)>,
    pub(crate) legend_rows: usize,
    /// Left edge and row of every marker's label; `None` where there is no room.
    pub(crate) labels: Vec<Option<(f64, usize)>>,
}

/// A value axis with what stands at it.
pub(crate) struct UnitAxis {
    pub(crate) unit: String,
    pub(crate) title: String,
    pub(crate) axis: ValueAxis,
}

impl Frame {
    /// Lays a chart out. `series` are the chart's, with their gaps.
    pub(crate) fn new<DB: DrawingBackend>(
        chart: &Chart,
        series: &[Vec<Point>],
        legend: &[String],
        pen: &Pen<'_, DB>,
    ) -> Result<Self, Error> {
        let (width, height) = pen.size();
        let units = chart.units();
        if units.len() > 2 {
            let units = units.iter().map(|unit| (*unit).to_owned()).collect();
            return Err(Error::Units(units));
        }
        let (legend, legend_rows) = wrap(legend, pen, width - 2.0 * MARGIN);
        let (from, to) = time_range(chart, series);
        let shown: Vec<_> = chart
            .markers
            .iter()
            .map(|marker| Some(marker).filter(|m| (from..=to).contains(&m.secs)))
            .collect();
        let has_labels = shown
            .iter()
            .flatten()
            .any(|marker| !marker.label.is_empty());

        let title_rows = if chart.title.is_empty() {
            0.0
        } else {
            TITLE + GAP
        };
        let axis_titles = if units.is_empty() { 0.0 } else { ROW };
        let head = MARGIN + title_rows + legend_rows as f64 * ROW + GAP + axis_titles + GAP;
        let bottom = height - MARGIN - 2.0 * ROW;
        // As if there were one row of labels; the steps of the axes must be known for the width,
        // and the width for the rows.
        let steps = ((bottom - head - ROW) / 56.0).round().clamp(2.0, 8.0) as u32;
        let axes = unit_axes(chart, series, &units, steps);
        let gutter = |axis: Option<&UnitAxis>| {
            let labels = axis.map(|axis| axis.axis.labels()).unwrap_or_default();
            let widths = labels
                .iter()
                .map(|(_, label)| pen.text_width(label, TEXT, Weight::Normal));
            MARGIN + widths.fold(0.0, f64::max) + GAP
        };
        let left = gutter(axes.first());
        let half_a_label = pen.text_width("00:00", TEXT, Weight::Normal) / 2.0;
        let right = width - gutter(axes.get(1)).max(MARGIN + half_a_label);

        let most = ((right - left) / 88.0).max(1.0) as u32;
        let mut frame = Self {
            width,
            left,
            right,
            top: head,
            bottom,
            from,
            to,
            time: TimeAxis::fit(from, to, most),
            axes,
            legend,
            legend_rows,
            labels: vec![None; chart.markers.len()],
        };
        if has_labels {
            let rows = frame.place_labels(chart, pen);
            frame.top += rows as f64 * ROW;
        }
        if frame.bottom - frame.top < 24.0 || frame.right - frame.left < 48.0 {
            return Err(Error::TooSmall);
        }
        Ok(frame)
    }

    /// The column of a time.
    pub(crate) fn x(&self, secs: f64) -> f64 {
        self.left + (secs - self.from) / (self.to - self.from) * (self.right - self.left)
    }

    /// The line of a value on an axis.
    pub(crate) fn y(&self, axis: &ValueAxis, value: f64) -> f64 {
        let share = (value - axis.low) / (axis.high() - axis.low);
        self.bottom - share * (self.bottom - self.top)
    }

    /// The axis of a unit.
    pub(crate) fn axis(&self, unit: &str) -> Option<&ValueAxis> {
        self.axes
            .iter()
            .find(|axis| axis.unit == unit)
            .map(|axis| &axis.axis)
    }

    /// Gives every marker's label a place in the lowest row that is free; returns the rows used.
    fn place_labels<DB: DrawingBackend>(&mut self, chart: &Chart, pen: &Pen<'_, DB>) -> usize {
        let mut order: Vec<usize> = (0..chart.markers.len()).collect();
        order.sort_by(|a, b| chart.markers[*a].secs.total_cmp(&chart.markers[*b].secs));
        let mut ends: Vec<f64> = Vec::new();
        for index in order {
            let marker = &chart.markers[index];
            if marker.label.is_empty() || !(self.from..=self.to).contains(&marker.secs) {
                continue;
            }
            let width = pen.text_width(&marker.label, TEXT, Weight::Normal);
            let most = (self.width - MARGIN - width).max(MARGIN);
            let start = (self.x(marker.secs) - width / 2.0).clamp(MARGIN, most);
            let row = ends
                .iter()
                .position(|end| end + GAP <= start)
                .unwrap_or(ends.len());
            if row >= MOST_LABEL_ROWS {
                continue;
            }
            ends.resize(ends.len().max(row + 1), f64::MIN);
            ends[row] = start + width;
            self.labels[index] = Some((start, row));
        }
        ends.len()
    }
}

/// Puts legend entries into rows.
fn wrap<DB: DrawingBackend>(
    legend: &[String],
    pen: &Pen<'_, DB>,
    width: f64,
) -> (Vec<(f64, usize)>, usize) {
    let (mut x, mut row) = (0.0, 0);
    let mut places = Vec::new();
    for label in legend {
        let wide = SAMPLE + GAP + pen.text_width(label, TEXT, Weight::Normal);
        if x > 0.0 && x + wide > width {
            (x, row) = (0.0, row + 1);
        }
        places.push((MARGIN + x, row));
        x += wide + 2.0 * GAP;
    }
    let rows = places.last().map_or(0, |(_, row)| row + 1);
    (places, rows)
}

fn time_range(chart: &Chart, series: &[Vec<Point>]) -> (f64, f64) {
    let secs = || {
        let points = series.iter().flatten().map(|point| point.secs);
        points.chain(chart.markers.iter().map(|marker| marker.secs))
    };
    let (from, to) = chart.range.unwrap_or_else(|| {
        (
            secs().fold(f64::INFINITY, f64::min),
            secs().fold(f64::NEG_INFINITY, f64::max),
        )
    });
    if from.is_finite() && to > from {
        (from, to)
    } else if from.is_finite() {
        (from, from + 1.0)
    } else {
        (0.0, 1.0)
    }
}

/// Fits the axes, with one number of steps for both, so that they share their grid: the number,
/// near the wanted one, that leaves the least of them empty.
fn unit_axes(chart: &Chart, series: &[Vec<Point>], units: &[&str], wanted: u32) -> Vec<UnitAxis> {
    let ranges: Vec<(f64, f64)> = units
        .iter()
        .map(|unit| value_range(chart, series, unit))
        .collect();
    let fit = |steps: u32| -> (f64, Vec<ValueAxis>) {
        let axes: Vec<_> = ranges
            .iter()
            .map(|(low, high)| ValueAxis::fit(*low, *high, steps))
            .collect();
        let waste = axes
            .iter()
            .zip(&ranges)
            .map(|(axis, (low, high))| axis.waste(*low, *high));
        (waste.sum(), axes)
    };
    let tried = (wanted.saturating_sub(1).max(2)..=wanted + 1).map(fit);
    let best = tried.min_by(|a, b| a.0.total_cmp(&b.0));
    let axes = best.map(|(_, axes)| axes).unwrap_or_default();
    let with_title = |(unit, axis): (&&str, ValueAxis)| UnitAxis {
        unit: (*unit).to_owned(),
        title: axis_title(chart, unit),
        axis,
    };
    units.iter().zip(axes).map(with_title).collect()
}

/// Values of a unit, with a little room so that no line runs on the frame.
fn value_range(chart: &Chart, series: &[Vec<Point>], unit: &str) -> (f64, f64) {
    let of_unit = chart
        .series
        .iter()
        .zip(series)
        .filter(|(series, _)| series.unit == unit);
    let values = of_unit
        .flat_map(|(_, points)| points)
        .map(|point| point.value);
    let levels = chart
        .thresholds
        .iter()
        .filter(|t| t.unit == unit)
        .map(|t| t.value);
    let seen = values.chain(levels).filter(|value| value.is_finite());
    let (low, high) = seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return (0.0, 1.0);
    }
    let room = (high - low) * 0.03;
    // What cannot be negative, and is near zero, starts at zero.
    let bottom = if low >= 0.0 {
        (low - room).max(0.0)
    } else {
        low - room
    };
    (bottom, high + room)
}

/// `Temperature, °C`; only the unit when more than two names share it.
fn axis_title(chart: &Chart, unit: &str) -> String {
    let names: Vec<_> = chart
        .series
        .iter()
        .filter(|s| s.unit == unit)
        .map(|s| s.name.as_str())
        .collect();
    let names = if names.len() <= 2 {
        names.join(", ")
    } else {
        String::new()
    };
    let mut letters = names.chars();
    let names: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect();
    let parts = [names.as_str(), unit];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}
