//! Orchestrations as bars over virtual time.

use std::sync::Arc;

use leptos::prelude::*;
use serde_json::Value;

use super::{id_of, span_of, status_of, text};
use crate::{app::App, format, route::Route, words as w};

/// Height of a bar's row.
const ROW: f64 = 24.0;
/// Width of the names.
const NAMES: f64 = 190.0;
/// Width of the picture.
const WIDE: f64 = 900.0;

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    /// The instance.
    pub(crate) id: String,
    /// What stands before it.
    pub(crate) name: String,
    /// Left edge.
    pub(crate) x: f64,
    /// Width, at least 3.
    pub(crate) width: f64,
    /// The colour class.
    pub(crate) class: &'static str,
}

/// Bars of instances from the oldest, with the range of time that they cover.
pub(crate) fn bars(rows: &[Value], now: u64) -> (Vec<Bar>, u64, u64) {
    let mut rows: Vec<&Value> = rows.iter().filter(|row| span_of(row).0.is_some()).collect();
    rows.sort_by_key(|row| span_of(row).0);
    let from = rows.first().and_then(|row| span_of(row).0).unwrap_or(0);
    let end = |row: &Value| {
        let status = status_of(row);
        // What runs goes on until now.
        if matches!(status.as_str(), "running" | "pending" | "suspended") {
            now
        } else {
            span_of(row).1.unwrap_or(now)
        }
    };
    let to = rows
        .iter()
        .map(|row| end(row))
        .max()
        .unwrap_or(now)
        .max(from + 1);
    let x = |at: u64| {
        NAMES + at.saturating_sub(from) as f64 / (to - from) as f64 * (WIDE - NAMES - 12.0)
    };
    let bar = |row: &&Value| {
        let begin = span_of(row).0.unwrap_or(from);
        Bar {
            id: id_of(row),
            name: text(row, &["name"]),
            x: x(begin),
            width: (x(end(row)) - x(begin)).max(3.0),
            class: match status_of(row).as_str() {
                "running" | "pending" => "bar-running",
                "completed" => "bar-completed",
                "failed" | "terminated" => "bar-failed",
                _ => "bar-other",
            },
        }
    };
    (rows.iter().map(bar).collect(), from, to)
}

/// The picture.
#[component]
pub(crate) fn Gantt(rows: Memo<Arc<Vec<Value>>>) -> impl IntoView {
    let app = expect_context::<App>();
    let drawn = Memo::new(move |_| bars(&rows.read(), app.shown.get_untracked()));
    let height = move || drawn.read().0.len() as f64 * ROW + 32.0;
    let times = move || {
        let (_, from, to) = drawn.get();
        (0..=4_u64)
            .map(|n| {
                let at = from + (to - from) / 4 * n;
                let x = NAMES + n as f64 / 4.0 * (WIDE - NAMES - 12.0);
                let anchor = if n == 4 { "end" } else { "start" };
                view! {
                    <line class="rule" x1=x x2=x y1="20" y2=height />
                    <text class="dim-text" x=x y="14" text-anchor=anchor>{format::clock(at)}</text>
                }
            })
            .collect_view()
    };
    let bar = move |(at, bar): (usize, Bar)| {
        let y = 26.0 + at as f64 * ROW;
        let id = bar.id.clone();
        let title = format!("{} {}", bar.name, bar.id);
        let label = title.clone();
        view! {
            <g class="pick" role="button" tabindex="0" aria-label=label on:click=move |_| app.go(&Route::Workflows(Some(id.clone())))>
                <title>{title}</title>
                <text x="8" y=y + 15.0>{bar.name.chars().take(28).collect::<String>()}</text>
                <rect class=bar.class x=bar.x y=y + 3.0 width=bar.width height=ROW - 6.0 rx="3" />
            </g>
        }
    };
    view! {
        <div class="gantt" data-test="gantt">
            <svg width=WIDE height=height role="group" aria-label=w::GANTT>
                {times}
                {move || drawn.get().0.into_iter().enumerate().map(bar).collect_view()}
            </svg>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bars_cover_their_time() {
        let rows = [
            json!({"id": "b", "name": "second", "status": "Running", "created_at": 50}),
            json!({"id": "a", "name": "first", "status": "Completed", "created_at": 0, "completed_at": 25}),
            json!({"id": "none"}),
        ];
        let (bars, from, to) = bars(&rows, 100);
        assert_eq!((from, to, bars.len()), (0, 100, 2));
        assert_eq!((bars[0].id.as_str(), bars[0].class), ("a", "bar-completed"));
        assert!(
            (bars[0].width * 2.0 - bars[1].width).abs() < 0.01,
            "{bars:?}"
        );
        assert!((bars[1].x + bars[1].width - (WIDE - 12.0)).abs() < 0.01);
    }

    #[test]
    fn nothing_gives_no_bars() {
        assert_eq!(bars(&[], 0), (Vec::new(), 0, 1));
    }
}
