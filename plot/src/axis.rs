//! Ranges, round steps and labels of axes.

/// A value axis: its range is a whole number of round steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ValueAxis {
    pub(crate) low: f64,
    pub(crate) step: f64,
    pub(crate) steps: u32,
}

impl ValueAxis {
    /// The axis of `steps` round steps that fits a range most closely.
    pub(crate) fn fit(low: f64, high: f64, steps: u32) -> Self {
        let steps = steps.max(1);
        // A constant gets room around it.
        let pad = if high > low {
            0.0
        } else {
            high.abs().max(1.0) * 0.05
        };
        let (low, high) = (low - pad, high + pad);
        let mut power = 10f64.powf(((high - low) / f64::from(steps)).log10().floor());
        loop {
            for round in [1.0, 2.0, 2.5, 5.0] {
                let step = power * round;
                let bottom = (low / step).floor() * step;
                let axis = Self {
                    low: bottom,
                    step,
                    steps,
                };
                // An ulp of the sum must not cost a whole step.
                if axis.high() >= high - step * 1e-9 {
                    return axis;
                }
            }
            power *= 10.0;
            if !power.is_finite() {
                return Self {
                    low: 0.0,
                    step: 1.0,
                    steps,
                };
            }
        }
    }

    pub(crate) fn high(&self) -> f64 {
        self.low + self.step * f64::from(self.steps)
    }

    /// The share of the axis, from 0 to 1, that the range leaves empty.
    pub(crate) fn waste(&self, low: f64, high: f64) -> f64 {
        1.0 - (high - low) / (self.high() - self.low)
    }

    /// The labels with their values, from the lowest.
    pub(crate) fn labels(&self) -> Vec<(f64, String)> {
        let exponent = self.step.log10();
        if !(-4.0..7.0).contains(&exponent) {
            let label = |value: f64| (value, format!("{value:.1e}"));
            return self.values().map(label).collect();
        }
        // 2.5 needs one digit more than its power of ten.
        let digits = (0..8usize).find(|digits| {
            let shifted = self.step * 10f64.powi(*digits as i32);
            (shifted - shifted.round()).abs() < 1e-6
        });
        let digits = digits.unwrap_or(8);
        let label = |value: f64| {
            // No "-0".
            let value = if value.abs() < self.step * 1e-6 {
                0.0
            } else {
                value
            };
            (value, format!("{value:.digits$}").replace('-', "\u{2212}"))
        };
        self.values().map(label).collect()
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        (0..=self.steps).map(|n| self.low + self.step * f64::from(n))
    }
}

/// Steps of time that people count in, in seconds.
const TIME_STEPS: [f64; 26] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0,
    120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 21_600.0, 43_200.0,
];

/// The marks of a time axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeAxis {
    /// Seconds with their labels.
    pub(crate) labels: Vec<(f64, String)>,
    /// How to read the labels, e.g. `mm:ss`.
    pub(crate) form: &'static str,
}

impl TimeAxis {
    /// At most `most` marks for a range in seconds.
    pub(crate) fn fit(from: f64, to: f64, most: u32) -> Self {
        let span = to - from;
        let wanted = span / f64::from(most.max(1));
        let days = (wanted / 86_400.0).ceil() * 86_400.0;
        let step = TIME_STEPS
            .into_iter()
            .find(|step| *step >= wanted)
            .unwrap_or(days);
        let (form, show): (_, fn(f64) -> String) = if step < 1.0 {
            ("mm:ss.sss", |secs| {
                format!("{}.{:03}", mm_ss(secs), millis(secs) % 1000)
            })
        } else if to < 3_600.0 {
            ("mm:ss", mm_ss)
        } else if step < 60.0 {
            ("h:mm:ss", |secs| {
                format!("{}:{}", whole(secs) / 3600, mm_ss(secs))
            })
        } else if step < 86_400.0 {
            ("h:mm", |secs| {
                format!("{}:{:02}", whole(secs) / 3600, whole(secs) / 60 % 60)
            })
        } else {
            ("days", |secs| (whole(secs) / 86_400).to_string())
        };
        // Multiples of the step, so that zoomed pictures keep their marks.
        let first = (from / step - 1e-9).ceil();
        let count = ((to / step + 1e-9).floor() - first).max(-1.0) as i64;
        let mark = |n: i64| {
            let secs = (first + n as f64) * step;
            (secs, show(secs))
        };
        Self {
            labels: (0..=count).map(mark).collect(),
            form,
        }
    }
}

fn millis(secs: f64) -> u64 {
    (secs * 1e3).round() as u64
}

fn whole(secs: f64) -> u64 {
    millis(secs) / 1000
}

/// Minutes and seconds; beyond an hour the minutes of that hour.
fn mm_ss(secs: f64) -> String {
    format!("{:02}:{:02}", whole(secs) / 60 % 60, whole(secs) % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(low: f64, high: f64, steps: u32) -> Vec<String> {
        let axis = ValueAxis::fit(low, high, steps);
        axis.labels().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn values_are_round() {
        assert_eq!(labels(18.2, 33.9, 4), ["15", "20", "25", "30", "35"]);
        assert_eq!(
            labels(0.0, 1.0, 4),
            ["0.00", "0.25", "0.50", "0.75", "1.00"]
        );
        assert_eq!(labels(-1.0, 1.0, 2), ["−1", "0", "1"]);
        assert_eq!(labels(20.0, 20.0, 2), ["19", "20", "21"]);
        assert_eq!(labels(0.0, 3e9, 3), ["0.0e0", "1.0e9", "2.0e9", "3.0e9"]);
    }

    #[test]
    fn times_are_what_people_count_in() {
        let fit = |from, to| TimeAxis::fit(from, to, 6);
        let shown = |axis: TimeAxis| {
            let labels: Vec<_> = axis.labels.into_iter().map(|(_, label)| label).collect();
            format!("{}: {}", axis.form, labels.join(" "))
        };
        assert_eq!(
            shown(fit(0.0, 600.0)),
            "mm:ss: 00:00 02:00 04:00 06:00 08:00 10:00"
        );
        assert_eq!(shown(fit(61.0, 95.0)), "mm:ss: 01:10 01:20 01:30");
        assert_eq!(shown(fit(0.0, 7_200.0)), "h:mm: 0:00 0:30 1:00 1:30 2:00");
        assert_eq!(
            shown(fit(3_600.0, 3_630.0)),
            "h:mm:ss: 1:00:00 1:00:05 1:00:10 1:00:15 1:00:20 1:00:25 1:00:30"
        );
        assert_eq!(
            shown(fit(0.25, 0.9)),
            "mm:ss.sss: 00:00.400 00:00.600 00:00.800"
        );
        assert_eq!(shown(fit(0.0, 864_000.0)), "days: 0 2 4 6 8 10");
    }

    proptest! {
        #[test]
        fn an_axis_holds_its_range(low in -1e9f64..1e9, span in 0f64..1e9, steps in 1u32..9) {
            let (axis, high) = (ValueAxis::fit(low, low + span, steps), low + span);
            prop_assert!(axis.low <= low && axis.high() >= high - axis.step * 1e-6, "{axis:?}");
            prop_assert_eq!(axis.labels().len(), steps as usize + 1);
        }

        #[test]
        fn marks_lie_within_the_range(from in 0f64..1e6, span in 0.01f64..1e6) {
            let axis = TimeAxis::fit(from, from + span, 7);
            prop_assert!(axis.labels.len() <= 8);
            for (secs, _) in axis.labels {
                prop_assert!(secs >= from - 1e-3 && secs <= from + span + 1e-3);
            }
        }
    }
}
