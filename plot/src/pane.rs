//! Panes: charts for looking into, without heading and legend, with a range that somebody sets.

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend},
    style::{RGBColor, text_anchor::HPos},
};

use crate::{
    Error, Marker, Point, Severity, Theme,
    axis::{TimeAxis, ValueAxis},
    color_of,
    dash::{columns, dashes, is_dense},
    pen::{Medium, Pen, Weight},
};

/// Size of text.
const TEXT: f64 = 11.0;
/// Height of the row of times below.
const FOOT: f64 = 20.0;
/// Height of a lane of states.
const LANE: f64 = 18.0;
/// Width kept for the numbers of an axis.
const GUTTER: f64 = 52.0;
/// Room between the data and the lanes, for the lowest number of the axis.
const LANE_GAP: f64 = 7.0;
/// Width of a line.
const LINE: f64 = 1.5;
/// Readings that stand further apart than this many pixels are dots on their line.
const SPARSE: f64 = 14.0;

/// What a pane shows.
#[derive(Debug, Clone, Default)]
pub struct Pane {
    /// Lines, thinned to what can be seen ([`Track::view`](crate::Track::view)).
    pub lines: Vec<PaneLine>,
    /// Lanes of states, below each other.
    pub lanes: Vec<Lane>,
    /// Moments, such as restarts, faults and alerts.
    pub markers: Vec<Marker>,
    /// First and last second.
    pub from: f64,
    /// The last second.
    pub to: f64,
    /// Axes that do not follow the data: unit, lowest and highest value.
    pub locked: Vec<(String, f64, f64)>,
}

/// A line of a pane.
#[derive(Debug, Clone, Default)]
pub struct PaneLine {
    /// The channel, which decides the colour.
    pub name: String,
    /// The unit, which decides the axis.
    pub unit: String,
    /// Readings, ascending in time; a value that is not finite is a gap.
    pub points: Vec<Point>,
    /// The longest time in seconds between two readings that is still joined.
    pub longest_gap: Option<f64>,
}

/// States over time.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    /// The channel.
    pub name: String,
    /// From when on which state; each lasts until the next.
    pub states: Vec<(f64, String)>,
    /// Whether a state other than `normal`, `ok` and none is a matter for alarm.
    pub alarms: bool,
}

/// Where a drawn pane has its data, for cursors and gestures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PaneLayout {
    /// Left edge of the data in pixels.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Upper edge.
    pub top: f64,
    /// Lower edge.
    pub bottom: f64,
    /// First second.
    pub from: f64,
    /// Last second.
    pub to: f64,
    /// The axes: unit, lowest and highest value.
    pub axes: Vec<(String, f64, f64)>,
}

impl PaneLayout {
    /// The column of a second.
    pub fn x(&self, secs: f64) -> f64 {
        self.left + (secs - self.from) / (self.to - self.from) * (self.right - self.left)
    }

    /// The second of a column.
    pub fn secs(&self, x: f64) -> f64 {
        let width = (self.right - self.left).max(1.0);
        self.from + (x - self.left) / width * (self.to - self.from)
    }

    /// The row of a value on the axis of a unit.
    pub fn y(&self, unit: &str, value: f64) -> Option<f64> {
        let (_, low, high) = self.axes.iter().find(|(of, ..)| of == unit)?;
        Some(self.bottom - (value - low) / (high - low) * (self.bottom - self.top))
    }

    /// The value of a row on the axis of a unit.
    pub fn value(&self, unit: &str, y: f64) -> Option<f64> {
        let (_, low, high) = self.axes.iter().find(|(of, ..)| of == unit)?;
        let height = (self.bottom - self.top).max(1.0);
        Some(low + (self.bottom - y) / height * (high - low))
    }
}

/// Draws a pane on a whole drawing area; `scale` is how many of its pixels make one of the page.
///
/// # Errors
/// When the area has no room for data, or the backend fails.
pub fn draw_pane<DB: DrawingBackend>(
    pane: &Pane,
    area: &DrawingArea<DB, Shift>,
    theme: Theme,
    scale: f64,
) -> Result<PaneLayout, Error> {
    let medium = Medium {
        scale,
        ..Medium::PLAIN
    };
    let pen = Pen::new(area, medium);
    pen.fill(theme.surface())?;
    let (width, height) = pen.size();
    let units = units(pane);
    let right_axis = units.len() > 1;
    // Lanes take a third of the height at most; those that do not fit are left out.
    let fit = (height / 3.0 / LANE) as usize;
    let shown = pane.lanes.get(..fit).unwrap_or(&pane.lanes);
    let gap = if shown.is_empty() { 0.0 } else { LANE_GAP };
    let lanes = shown.len() as f64 * LANE + gap;
    let (left, right) = (GUTTER, width - if right_axis { GUTTER } else { 12.0 });
    let (top, bottom) = (18.0, height - FOOT - lanes);
    if right - left < 40.0 || bottom - top < 24.0 {
        return Err(Error::TooSmall);
    }
    let (from, to) = (pane.from, pane.to.max(pane.from + 1e-6));
    let steps = ((bottom - top) / 44.0).round().clamp(2.0, 8.0) as u32;
    let mut layout = PaneLayout {
        left,
        right,
        top,
        bottom,
        from,
        to,
        axes: Vec::new(),
    };
    let dim = (TEXT, Weight::Normal, theme.text_dim());

    let time = TimeAxis::fit(from, to, ((right - left) / 88.0).max(1.0) as u32);
    for (secs, label) in &time.labels {
        let x = layout.x(*secs);
        pen.line(&[(x, top), (x, height - FOOT)], theme.line(), 1.0)?;
        pen.text(label, (x, height - FOOT / 2.0), HPos::Center, dim)?;
    }
    let mut labels = Vec::new();
    for (at, unit) in units.iter().enumerate() {
        let (low, high, marks) = axis(pane, unit, steps);
        layout.axes.push(((*unit).to_owned(), low, high));
        for (value, label) in marks {
            let y = layout.y(unit, value).unwrap_or(bottom);
            if y < top - 0.5 || y > bottom + 0.5 {
                continue;
            }
            if at == 0 {
                pen.line(&[(left, y), (right, y)], theme.line(), 1.0)?;
            }
            // Two axes have room for numbers; lines of more units have their values at the cursor.
            if at < 2 {
                labels.push((at, y, label));
            }
        }
        let place = match at {
            0 => Some((left + 4.0, HPos::Left)),
            1 => Some((right - 4.0, HPos::Right)),
            _ => None,
        };
        if let Some((x, align)) = place {
            pen.text(unit, (x, top / 2.0 - 1.0), align, dim)?;
        }
    }
    for (at, y, label) in labels {
        let (x, align) = if at == 0 {
            (left - 6.0, HPos::Right)
        } else {
            (right + 6.0, HPos::Left)
        };
        pen.text(&label, (x, y), align, dim)?;
    }
    pen.line(&[(left, bottom), (right, bottom)], theme.text_dim(), 1.0)?;

    let mut taken: Vec<RGBColor> = Vec::new();
    for line in &pane.lines {
        let color = color_of(&line.name);
        let second = taken.contains(&color);
        taken.push(color);
        draw_line(line, &layout, &pen, color, second)?;
    }
    draw_markers(pane, &layout, &pen, theme, height - FOOT)?;
    for (at, lane) in shown.iter().enumerate() {
        let lane_top = bottom + gap + at as f64 * LANE;
        draw_lane(lane, lane_top, &layout, &pen, theme)?;
    }
    if pane.lines.iter().all(|line| line.points.is_empty()) && pane.lanes.is_empty() {
        let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        pen.text("no data in this range", middle, HPos::Center, dim)?;
    }
    Ok(layout)
}

/// The units of the lines, in their order.
fn units(pane: &Pane) -> Vec<&str> {
    let mut units: Vec<&str> = Vec::new();
    for line in &pane.lines {
        if !units.contains(&line.unit.as_str()) {
            units.push(&line.unit);
        }
    }
    units
}

/// Lowest and highest value of a unit's axis, and its marks.
fn axis(pane: &Pane, unit: &str, steps: u32) -> (f64, f64, Vec<(f64, String)>) {
    if let Some((_, low, high)) = pane.locked.iter().find(|(of, ..)| of == unit) {
        let marks = ValueAxis::fit(*low, *high, steps).labels();
        return (*low, high.max(low + f64::MIN_POSITIVE), marks);
    }
    let lines = || pane.lines.iter().filter(|line| line.unit == unit);
    let points = lines().flat_map(|line| &line.points);
    let seen = points
        .filter(|point| (pane.from..=pane.to).contains(&point.secs))
        .map(|point| point.value);
    // A line that comes in from outside is seen from the edge on.
    let edges = lines().flat_map(|line| {
        let pairs = line.points.windows(2);
        pairs.flat_map(|pair| [pane.from, pane.to].map(|edge| crossing(pair, edge)))
    });
    let values = seen
        .chain(edges.flatten())
        .filter(|value| value.is_finite());
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
    let axis = ValueAxis::fit(low, high, steps);
    (axis.low, axis.high(), axis.labels())
}

/// The value at a second between two readings.
fn crossing(pair: &[Point], secs: f64) -> Option<f64> {
    let [one, other] = pair else { return None };
    let inside = one.secs < secs && secs < other.secs;
    let share = (secs - one.secs) / (other.secs - one.secs);
    inside.then_some(one.value + (other.value - one.value) * share)
}

fn draw_line<DB: DrawingBackend>(
    line: &PaneLine,
    layout: &PaneLayout,
    pen: &Pen<'_, DB>,
    color: RGBColor,
    second: bool,
) -> Result<(), Error> {
    let mut run: Vec<(f64, f64)> = Vec::new();
    let mut last: Option<f64> = None;
    let flush = |run: &mut Vec<(f64, f64)>| -> Result<(), Error> {
        match run.as_slice() {
            [] => {}
            [point] => pen.dot(*point, 2.0, color)?,
            _ if second => {
                let dashes = if is_dense(run) {
                    columns(run, 8.0, 4.0)
                } else {
                    dashes(run, 5.0, 3.0)
                };
                for dash in dashes {
                    pen.line(&dash, color, LINE)?;
                }
            }
            _ => pen.line(run, color, LINE)?,
        }
        run.clear();
        Ok(())
    };
    let mut before: Option<(f64, f64)> = None;
    for point in &line.points {
        let far = match (line.longest_gap, last) {
            (Some(longest), Some(last)) => point.secs - last > longest,
            _ => false,
        };
        if far || !point.value.is_finite() {
            flush(&mut run)?;
            before = None;
        }
        if !point.value.is_finite() {
            last = None;
            continue;
        }
        last = Some(point.secs);
        let y = layout.y(&line.unit, point.value).unwrap_or(layout.bottom);
        let at = (layout.x(point.secs), y);
        for piece in before
            .map(|before| inside(before, at, layout))
            .into_iter()
            .flatten()
        {
            let (from, to) = piece;
            if run
                .last()
                .is_none_or(|end| (end.0 - from.0).abs() + (end.1 - from.1).abs() > 0.01)
            {
                flush(&mut run)?;
                run.push(from);
            }
            run.push(to);
        }
        if before.is_none() && within(at, layout) {
            run.push(at);
        }
        before = Some(at);
    }
    flush(&mut run)?;
    draw_dots(line, layout, pen, color)
}

/// Readings that stand far apart are shown one by one, so that nobody takes the line for more.
fn draw_dots<DB: DrawingBackend>(
    line: &PaneLine,
    layout: &PaneLayout,
    pen: &Pen<'_, DB>,
    color: RGBColor,
) -> Result<(), Error> {
    let seen = || {
        let inside = |point: &&Point| (layout.from..=layout.to).contains(&point.secs);
        line.points.iter().filter(inside)
    };
    if seen().count() as f64 * SPARSE > layout.right - layout.left {
        return Ok(());
    }
    for point in seen().filter(|point| point.value.is_finite()) {
        let y = layout.y(&line.unit, point.value).unwrap_or(layout.bottom);
        let at = (layout.x(point.secs), y);
        if within(at, layout) {
            pen.dot(at, 2.5, color)?;
        }
    }
    Ok(())
}

fn within(at: (f64, f64), layout: &PaneLayout) -> bool {
    (layout.left..=layout.right).contains(&at.0) && (layout.top..=layout.bottom).contains(&at.1)
}

/// A piece of a line, from and to.
type Piece = ((f64, f64), (f64, f64));

/// The part of a straight line that is inside the data's rectangle (Liang and Barsky, 1984).
fn inside(from: (f64, f64), to: (f64, f64), layout: &PaneLayout) -> Option<Piece> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut begin, mut end) = (0.0f64, 1.0f64);
    let edges = [
        (-dx, from.0 - layout.left),
        (dx, layout.right - from.0),
        (-dy, from.1 - layout.top),
        (dy, layout.bottom - from.1),
    ];
    for (along, room) in edges {
        if along == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if along < 0.0 {
            begin = begin.max(room / along);
        } else {
            end = end.min(room / along);
        }
    }
    let at = |share: f64| (from.0 + dx * share, from.1 + dy * share);
    (begin <= end).then(|| (at(begin), at(end)))
}

fn draw_markers<DB: DrawingBackend>(
    pane: &Pane,
    layout: &PaneLayout,
    pen: &Pen<'_, DB>,
    theme: Theme,
    floor: f64,
) -> Result<(), Error> {
    // A label that would run into the one before is left out; its line stays.
    let mut free = layout.left;
    for marker in &pane.markers {
        if !(layout.from..=layout.to).contains(&marker.secs) {
            continue;
        }
        let (x, color) = (layout.x(marker.secs), theme.severity(marker.severity));
        for dash in dashes(&[(x, layout.top), (x, floor)], 4.0, 4.0) {
            pen.line(&dash, color, 1.0)?;
        }
        let top = layout.top;
        pen.polygon(
            &[(x - 4.0, top - 4.0), (x + 4.0, top - 4.0), (x, top + 3.0)],
            color,
        )?;
        let width = pen.text_width(&marker.label, TEXT, Weight::Normal);
        if x + 7.0 >= free && x + 7.0 + width < layout.right {
            let style = (TEXT, Weight::Normal, color);
            pen.text(&marker.label, (x + 7.0, top - 8.0), HPos::Left, style)?;
            free = x + 15.0 + width;
        }
    }
    Ok(())
}

fn draw_lane<DB: DrawingBackend>(
    lane: &Lane,
    top: f64,
    layout: &PaneLayout,
    pen: &Pen<'_, DB>,
    theme: Theme,
) -> Result<(), Error> {
    let ends = lane.states.iter().skip(1).map(|(secs, _)| *secs);
    for ((secs, state), end) in lane.states.iter().zip(ends.chain([layout.to])) {
        let (from, to) = (secs.max(layout.from), end.min(layout.to));
        if to <= from || state.is_empty() {
            continue;
        }
        let (x0, x1) = (layout.x(from), layout.x(to).max(layout.x(from) + 1.0));
        let quiet = matches!(
            state.to_ascii_lowercase().as_str(),
            "normal" | "ok" | "none" | "false"
        );
        let color = match (lane.alarms, quiet) {
            (true, true) => theme.line(),
            (true, false) => theme.severity(Severity::Alert),
            (false, _) => color_of(&format!("{}={state}", lane.name)),
        };
        let (y0, y1) = (top + 2.0, top + LANE - 2.0);
        pen.polygon(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color)?;
        if pen.text_width(state, TEXT, Weight::Normal) + 8.0 < x1 - x0 {
            let ink = if lane.alarms && quiet {
                theme.text()
            } else {
                theme.surface()
            };
            let middle = f64::midpoint(y0, y1);
            pen.text(
                state,
                (x0 + 4.0, middle),
                HPos::Left,
                (TEXT, Weight::Normal, ink),
            )?;
        }
    }
    let short: String = lane
        .name
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .take(8)
        .collect();
    let dim = (TEXT, Weight::Normal, theme.text_dim());
    pen.text(&short, (4.0, top + LANE / 2.0), HPos::Left, dim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> PaneLayout {
        PaneLayout {
            left: 10.0,
            right: 110.0,
            top: 0.0,
            bottom: 100.0,
            from: 0.0,
            to: 10.0,
            axes: vec![("%".into(), 0.0, 50.0)],
        }
    }

    #[test]
    fn pixels_and_values_go_both_ways() {
        let layout = layout();
        assert_eq!((layout.x(5.0), layout.secs(60.0)), (60.0, 5.0));
        assert_eq!(layout.y("%", 25.0), Some(50.0));
        assert_eq!(layout.value("%", 0.0), Some(50.0));
        assert_eq!(layout.y("V", 1.0), None);
    }

    #[test]
    fn a_line_from_outside_counts_from_the_edge_on() {
        let pane = Pane {
            lines: vec![PaneLine {
                unit: "%".into(),
                points: vec![(0.0, 0.0).into(), (20.0, 100.0).into()],
                ..PaneLine::default()
            }],
            from: 10.0,
            to: 15.0,
            ..Pane::default()
        };
        let (low, high, _) = axis(&pane, "%", 4);
        assert!(
            low > 20.0 && low <= 50.0 && (75.0..100.0).contains(&high),
            "{low} {high}"
        );
        assert_eq!(crossing(&pane.lines[0].points, 25.0), None);
    }

    #[test]
    fn a_line_is_cut_at_the_edges() {
        let layout = layout();
        assert_eq!(
            inside((0.0, 50.0), (20.0, 50.0), &layout),
            Some(((10.0, 50.0), (20.0, 50.0)))
        );
        assert_eq!(
            inside((60.0, -50.0), (60.0, 150.0), &layout),
            Some(((60.0, 0.0), (60.0, 100.0)))
        );
        assert_eq!(inside((0.0, -10.0), (120.0, -10.0), &layout), None);
        assert_eq!(
            inside((20.0, 20.0), (30.0, 40.0), &layout),
            Some(((20.0, 20.0), (30.0, 40.0)))
        );
    }
}
