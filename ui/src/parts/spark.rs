//! A tiny line of the last values.

use leptos::prelude::*;

/// The points of a polyline through values, in a box of `width` by `height`; values that are not
/// finite are left out.
pub(crate) fn points(values: &[f32], width: f64, height: f64) -> String {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let span = f64::from(high - low);
    let step = width / (values.len().max(2) - 1) as f64;
    let point = |(at, value): (usize, &f32)| {
        let share = if span > 0.0 {
            f64::from(value - low) / span
        } else {
            0.5
        };
        let (x, y) = (at as f64 * step, (1.0 - share) * (height - 2.0) + 1.0);
        format!("{x:.1},{y:.1}")
    };
    let kept = values
        .iter()
        .enumerate()
        .filter(|(_, value)| value.is_finite());
    kept.map(point).collect::<Vec<_>>().join(" ")
}

/// The line.
#[component]
pub(crate) fn Spark(#[prop(into)] values: Signal<Vec<f32>>) -> impl IntoView {
    view! {
        <svg width="96" height="20" viewBox="0 0 96 20" aria-hidden="true">
            <polyline
                fill="none"
                stroke="var(--accent)"
                stroke-width="1.25"
                stroke-linejoin="round"
                points=move || points(&values.read(), 96.0, 20.0)
            />
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::points;

    #[test]
    fn fills_its_box() {
        assert_eq!(points(&[0.0, 1.0], 10.0, 20.0), "0.0,19.0 10.0,1.0");
        assert_eq!(
            points(&[1.0, f32::NAN, 1.0], 10.0, 20.0),
            "0.0,10.0 10.0,10.0"
        );
        assert_eq!(points(&[], 10.0, 20.0), "");
    }
}
