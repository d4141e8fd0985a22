//! Which part of time a chart shows.

/// The shortest range, in seconds.
const SHORTEST: f64 = 1e-3;

/// The range of time that panes show together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TimeView {
    /// The last seconds, moving on with time.
    Follow(f64),
    /// A range that stays.
    Fixed(f64, f64),
    /// Everything from the beginning.
    All,
}

impl Default for TimeView {
    fn default() -> Self {
        Self::Follow(60.0)
    }
}

impl TimeView {
    /// What follows well on a clock that shows `now`: more of the past once there is one.
    pub(crate) fn fitting(now: f64) -> Self {
        Self::Follow(if now < 100.0 { 60.0 } else { 300.0 })
    }

    /// First and last second when the bench's clock shows `now`.
    pub(crate) fn range(self, now: f64) -> (f64, f64) {
        match self {
            // From the beginning on a young clock, so that the data do not stand at the right.
            Self::Follow(span) => ((now - span).max(0.0), now.max(span)),
            Self::Fixed(from, to) => (from, to),
            Self::All => (0.0, now.max(1.0)),
        }
    }

    /// Larger (`factor` below 1) or smaller around a second, which stays where it is.
    #[must_use]
    pub(crate) fn zoom(self, at: f64, factor: f64, now: f64) -> Self {
        let (from, to) = self.range(now);
        let span = ((to - from) * factor).max(SHORTEST);
        // What follows goes on following.
        if let Self::Follow(_) = self {
            return Self::Follow(span.max(1.0));
        }
        let share = if to > from {
            (at - from) / (to - from)
        } else {
            0.5
        };
        let from = at - span * share;
        Self::Fixed(from, from + span)
    }

    /// Moved by so many seconds; it no longer follows.
    #[must_use]
    pub(crate) fn pan(self, by: f64, now: f64) -> Self {
        let (from, to) = self.range(now);
        Self::Fixed(from + by, to + by)
    }

    /// The range between two seconds, in whichever order.
    #[must_use]
    pub(crate) fn between(one: f64, other: f64) -> Self {
        let (from, to) = (one.min(other), one.max(other));
        Self::Fixed(from, to.max(from + SHORTEST))
    }

    /// Stays where it is.
    #[must_use]
    pub(crate) fn frozen(self, now: f64) -> Self {
        let (from, to) = self.range(now);
        Self::Fixed(from, to)
    }

    /// How many seconds the view's end is behind the clock; `None` when it follows.
    pub(crate) fn behind(self, now: f64) -> Option<f64> {
        match self {
            Self::Fixed(_, to) => Some((now - to).max(0.0)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_under_the_pointer_stays() {
        let view = TimeView::Fixed(0.0, 100.0).zoom(25.0, 0.5, 500.0);
        assert_eq!(view, TimeView::Fixed(12.5, 62.5));
        assert_eq!(view.zoom(25.0, 2.0, 500.0), TimeView::Fixed(0.0, 100.0));
    }

    #[test]
    fn following_goes_on_until_somebody_pans() {
        let view = TimeView::Follow(60.0);
        assert_eq!(view.range(100.0), (40.0, 100.0));
        assert_eq!(view.range(10.0), (0.0, 60.0));
        assert_eq!(view.zoom(90.0, 0.5, 100.0), TimeView::Follow(30.0));
        assert_eq!(view.behind(100.0), None);
        let panned = view.pan(-10.0, 100.0);
        assert_eq!(panned, TimeView::Fixed(30.0, 90.0));
        assert_eq!(panned.behind(115.0), Some(25.0));
    }

    #[test]
    fn a_drag_in_either_direction_zooms() {
        assert_eq!(TimeView::between(9.0, 3.0), TimeView::Fixed(3.0, 9.0));
        let TimeView::Fixed(from, to) = TimeView::between(1.0, 1.0) else {
            panic!("not fixed");
        };
        assert!(to > from);
        assert_eq!(TimeView::All.range(0.0), (0.0, 1.0));
        assert_eq!(
            TimeView::Follow(10.0).frozen(30.0),
            TimeView::Fixed(20.0, 30.0)
        );
    }
}
