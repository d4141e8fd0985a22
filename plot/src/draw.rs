//! Drawing a chart.

use std::fmt;

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend},
    style::{RGBColor, text_anchor::HPos},
};

use crate::{
    Chart, Point, Theme, color_of,
    dash::dashes,
    decimate,
    frame::{Frame, GAP, MARGIN, ROW, SAMPLE, TEXT, TITLE},
    pen::{Medium, Pen, Weight},
};

/// Width of a series' line.
const LINE: f64 = 2.0;
/// Dash and space of a threshold and of a marked moment.
const LEVEL: (f64, f64) = (6.0, 4.0);
/// Dash and space of a series whose colour another one before it has.
const SECOND: (f64, f64) = (3.0, 3.0);

/// Why a chart cannot be drawn. Messages fit after "failed to".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is a left and a right axis, and no third.
    #[error("draw a chart with the units {0:?}: at most two fit, make a chart for each pair")]
    Units(Vec<String>),
    /// The picture has no room left for data.
    #[error("draw a chart in so small a picture: give it more width or height")]
    TooSmall,
    /// The backend failed.
    #[error("draw on the picture: {0}")]
    Backend(String),
}

impl Error {
    pub(crate) fn backend(error: impl fmt::Display) -> Self {
        Self::Backend(error.to_string())
    }
}

/// Draws a chart on a whole drawing area, one pixel of the area to one of the picture.
///
/// The same chart, size and theme give the same picture.
///
/// # Errors
/// When the chart has more than two units, the area is too small, or the backend fails.
pub fn draw<DB: DrawingBackend>(
    chart: &Chart,
    area: &DrawingArea<DB, Shift>,
    theme: Theme,
) -> Result<(), Error> {
    draw_on(chart, area, theme, Medium::PLAIN)
}

/// [`draw`] for a backend that measures in its own way.
pub(crate) fn draw_on<DB: DrawingBackend>(
    chart: &Chart,
    area: &DrawingArea<DB, Shift>,
    theme: Theme,
    medium: Medium,
) -> Result<(), Error> {
    let pen = Pen::new(area, medium);
    let series: Vec<_> = chart.series.iter().map(crate::Series::with_gaps).collect();
    let legend = legend(chart, theme);
    let labels: Vec<_> = legend.iter().map(|entry| entry.label.clone()).collect();
    let frame = Frame::new(chart, &series, &labels, &pen)?;
    pen.fill(theme.surface())?;
    heads(chart, &frame, &pen, theme)?;
    samples(&legend, chart, &frame, &pen, theme)?;
    grid(&frame, &pen, theme)?;
    moments(chart, &frame, &pen, theme)?;
    levels(chart, &frame, &pen, theme)?;
    for ((series, points), entry) in chart.series.iter().zip(&series).zip(&legend) {
        let Some(axis) = frame.axis(&series.unit) else {
            continue;
        };
        let to_pixel = |point: &Point| (frame.x(point.secs), frame.y(axis, point.value));
        let inside: Vec<_> = clip(points, frame.from, frame.to);
        let thin = decimate(&inside, (frame.right - frame.left) as usize);
        for run in thin.split(|point| !point.value.is_finite()) {
            let line: Vec<_> = run.iter().map(to_pixel).collect();
            stroke(&pen, &line, entry.color, entry.dash)?;
        }
    }
    if series
        .iter()
        .flatten()
        .all(|point| !point.value.is_finite())
    {
        let middle = (
            f64::midpoint(frame.left, frame.right),
            f64::midpoint(frame.top, frame.bottom),
        );
        let style = (TEXT, Weight::Normal, theme.text_dim());
        pen.text("no data", middle, HPos::Center, style)?;
    }
    Ok(())
}

/// An entry of the legend.
struct Entry {
    label: String,
    color: RGBColor,
    dash: Option<(f64, f64)>,
}

/// The series in their order, then the thresholds.
fn legend(chart: &Chart, theme: Theme) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for series in &chart.series {
        let color = color_of(&series.name);
        // A channel keeps its colour, so two of one colour differ by their dashes.
        let taken = entries.iter().any(|entry| entry.color == color);
        let unit = &series.unit;
        entries.push(Entry {
            label: if unit.is_empty() {
                series.name.clone()
            } else {
                format!("{}, {unit}", series.name)
            },
            color,
            dash: taken.then_some(SECOND),
        });
    }
    entries.extend(chart.thresholds.iter().map(|threshold| Entry {
        label: threshold.label.clone(),
        color: theme.text_dim(),
        dash: Some(LEVEL),
    }));
    entries
}

/// The heading and the titles of the axes.
fn heads<DB: DrawingBackend>(
    chart: &Chart,
    frame: &Frame,
    pen: &Pen<'_, DB>,
    theme: Theme,
) -> Result<(), Error> {
    let title = (TITLE, Weight::Bold, theme.text());
    pen.text(
        &chart.title,
        (MARGIN, MARGIN + TITLE / 2.0),
        HPos::Left,
        title,
    )?;
    let dim = (TEXT, Weight::Normal, theme.text_dim());
    let y = legend_top(chart) + frame.legend_rows as f64 * ROW + GAP + ROW / 2.0;
    let places = [(MARGIN, HPos::Left), (frame.width - MARGIN, HPos::Right)];
    for (axis, (x, align)) in frame.axes.iter().zip(places) {
        pen.text(&axis.title, (x, y), align, dim)?;
    }
    let x = f64::midpoint(frame.left, frame.right);
    let y = frame.bottom + ROW * 1.6;
    let text = format!("Virtual time, {}", frame.time.form);
    pen.text(&text, (x, y), HPos::Center, dim)
}

fn legend_top(chart: &Chart) -> f64 {
    if chart.title.is_empty() {
        MARGIN
    } else {
        MARGIN + TITLE + GAP
    }
}

fn samples<DB: DrawingBackend>(
    legend: &[Entry],
    chart: &Chart,
    frame: &Frame,
    pen: &Pen<'_, DB>,
    theme: Theme,
) -> Result<(), Error> {
    for (entry, (x, row)) in legend.iter().zip(&frame.legend) {
        let y = legend_top(chart) + ROW * (*row as f64 + 0.5);
        stroke(pen, &[(*x, y), (x + SAMPLE, y)], entry.color, entry.dash)?;
        let style = (TEXT, Weight::Normal, theme.text());
        pen.text(&entry.label, (x + SAMPLE + GAP, y), HPos::Left, style)?;
    }
    Ok(())
}

/// Grid lines with their labels.
fn grid<DB: DrawingBackend>(frame: &Frame, pen: &Pen<'_, DB>, theme: Theme) -> Result<(), Error> {
    let dim = (TEXT, Weight::Normal, theme.text_dim());
    for (secs, label) in &frame.time.labels {
        let x = frame.x(*secs);
        pen.line(&[(x, frame.top), (x, frame.bottom)], theme.line(), 1.0)?;
        pen.text(label, (x, frame.bottom + ROW * 0.7), HPos::Center, dim)?;
    }
    if let Some(first) = frame.axes.first() {
        for (value, _) in first.axis.labels() {
            let y = frame.y(&first.axis, value);
            pen.line(&[(frame.left, y), (frame.right, y)], theme.line(), 1.0)?;
        }
    }
    let sides = [
        (frame.left - GAP, HPos::Right),
        (frame.right + GAP, HPos::Left),
    ];
    for (axis, (x, align)) in frame.axes.iter().zip(sides) {
        for (value, label) in axis.axis.labels() {
            let y = frame.y(&axis.axis, value);
            // Plotters' anchor is a type of its own without Copy.
            let align = if matches!(align, HPos::Left) {
                HPos::Left
            } else {
                HPos::Right
            };
            pen.text(&label, (x, y), align, dim)?;
        }
    }
    pen.line(
        &[(frame.left, frame.bottom), (frame.right, frame.bottom)],
        theme.text_dim(),
        1.0,
    )
}

/// Marked moments: a broken line through the data, a flag on it, the label above.
fn moments<DB: DrawingBackend>(
    chart: &Chart,
    frame: &Frame,
    pen: &Pen<'_, DB>,
    theme: Theme,
) -> Result<(), Error> {
    for (marker, label) in chart.markers.iter().zip(&frame.labels) {
        if !(frame.from..=frame.to).contains(&marker.secs) {
            continue;
        }
        let (x, color) = (frame.x(marker.secs), theme.severity(marker.severity));
        for dash in dashes(&[(x, frame.top), (x, frame.bottom)], LEVEL.0, LEVEL.1) {
            pen.line(&dash, color, 1.0)?;
        }
        let top = frame.top;
        pen.polygon(
            &[(x - 5.0, top - 3.0), (x + 5.0, top - 3.0), (x, top + 5.0)],
            color,
        )?;
        if let Some((start, row)) = label {
            let y = top - ROW * (*row as f64 + 0.5) - 3.0;
            pen.text(
                &marker.label,
                (*start, y),
                HPos::Left,
                (TEXT, Weight::Normal, color),
            )?;
        }
    }
    Ok(())
}

fn levels<DB: DrawingBackend>(
    chart: &Chart,
    frame: &Frame,
    pen: &Pen<'_, DB>,
    theme: Theme,
) -> Result<(), Error> {
    for threshold in &chart.thresholds {
        let Some(axis) = frame.axis(&threshold.unit) else {
            continue;
        };
        let y = frame.y(axis, threshold.value);
        for dash in dashes(&[(frame.left, y), (frame.right, y)], LEVEL.0, LEVEL.1) {
            pen.line(&dash, theme.text_dim(), 1.5)?;
        }
    }
    Ok(())
}

/// The points within a range of time, with those where the line crosses its ends.
fn clip(points: &[Point], from: f64, to: f64) -> Vec<Point> {
    let crossing = |a: &Point, b: &Point, secs: f64| {
        let share = (secs - a.secs) / (b.secs - a.secs);
        Point::from((secs, a.value + (b.value - a.value) * share))
    };
    let start = points.partition_point(|point| point.secs < from);
    let end = points.partition_point(|point| point.secs <= to);
    let mut out = Vec::with_capacity(end.saturating_sub(start) + 2);
    if let Some([before, first]) = points.get(start.wrapping_sub(1)..=start)
        && first.secs > from
    {
        out.push(crossing(before, first, from));
        if first.secs > to {
            out.push(crossing(before, first, to));
        }
    }
    out.extend(points.get(start..end).unwrap_or_default());
    if start < end
        && let Some([last, after]) = points.get(end - 1..=end)
        && last.secs < to
    {
        out.push(crossing(last, after, to));
    }
    out
}

/// A series' line; a single point is a dot.
fn stroke<DB: DrawingBackend>(
    pen: &Pen<'_, DB>,
    line: &[(f64, f64)],
    color: RGBColor,
    dash: Option<(f64, f64)>,
) -> Result<(), Error> {
    match (line, dash) {
        ([], _) => Ok(()),
        ([point], _) => pen.dot(*point, 2.5, color),
        (line, None) => pen.line(line, color, LINE),
        (line, Some((on, off))) => dashes(line, on, off)
            .iter()
            .try_for_each(|dash| pen.line(dash, color, LINE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<Point> {
        pairs.iter().copied().map(Point::from).collect()
    }

    #[test]
    fn clips_where_the_line_crosses() {
        let line = points(&[(0.0, 0.0), (10.0, 10.0), (20.0, 0.0)]);
        let clipped = |from, to| clip(&line, from, to);
        assert_eq!(clipped(0.0, 20.0), line);
        assert_eq!(
            clipped(5.0, 15.0),
            points(&[(5.0, 5.0), (10.0, 10.0), (15.0, 5.0)])
        );
        assert_eq!(clipped(2.0, 4.0), points(&[(2.0, 2.0), (4.0, 4.0)]));
        assert_eq!(clipped(10.0, 12.0), points(&[(10.0, 10.0), (12.0, 8.0)]));
        assert_eq!(clipped(30.0, 40.0), []);
        assert_eq!(clip(&[], 0.0, 1.0), []);
        let before = points(&[(5.0, 1.0)]);
        assert_eq!(clip(&before, 0.0, 4.0), []);
    }
}
