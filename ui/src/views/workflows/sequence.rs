//! An orchestration's history as a sequence diagram.

use leptos::prelude::*;
use serde_json::Value;

use super::{number, part, text};
use crate::{app::App, parts::Empty, words as w};

/// An arrow of the diagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrow {
    /// From which lifeline, by its place.
    pub(crate) from: usize,
    /// To which.
    pub(crate) to: usize,
    /// What it says.
    pub(crate) label: String,
    /// When.
    pub(crate) at: Option<u64>,
}

/// The kind of a row of a history.
pub(crate) fn kind_of(row: &Value) -> String {
    text(
        row,
        &["event_type", "eventType", "kind", "type", "what", "title"],
    )
}

/// Lifelines and arrows of a history: the orchestrator first, then whom it called, in the order of
/// the calls. An answer goes back from whom the call went to.
pub(crate) fn diagram(history: &[Value]) -> (Vec<String>, Vec<Arrow>) {
    let mut lines = vec![w::ORCHESTRATOR.to_owned()];
    let mut arrows = Vec::new();
    // Numbers of calls, with the lifeline that they went to.
    let mut calls: Vec<(u64, usize)> = Vec::new();
    let mut place = |name: String| {
        lines
            .iter()
            .position(|line| *line == name)
            .unwrap_or_else(|| {
                lines.push(name);
                lines.len() - 1
            })
    };
    for row in history {
        let kind = kind_of(row);
        let flat = kind.to_lowercase().replace(['_', '-', ' '], "");
        let name = text(
            row,
            &[
                "name",
                "function_name",
                "functionName",
                "operation",
                "entity",
                "event",
            ],
        );
        let at = number(row, &["at", "time", "timestamp"]);
        let id = number(
            row,
            &[
                "task_id",
                "taskId",
                "task_scheduled_id",
                "taskScheduledId",
                "event_id",
                "eventId",
                "id",
                "timer_id",
                "timerId",
            ],
        );
        let back = number(
            row,
            &[
                "task",
                "timer",
                "scheduled",
                "task_scheduled_id",
                "taskScheduledId",
                "timer_id",
                "timerId",
            ],
        )
        .or(id);
        let to_me = |calls: &[(u64, usize)]| {
            back.and_then(|id| {
                calls
                    .iter()
                    .rev()
                    .find(|(call, _)| *call == id)
                    .map(|(_, line)| *line)
            })
        };
        let label = |what: &str| {
            if name.is_empty() {
                what.to_owned()
            } else {
                name.clone()
            }
        };
        let arrow = if flat.contains("taskscheduled")
            || (flat.contains("suborchestration")
                && (flat.contains("created") || flat.contains("scheduled")))
            || flat.contains("entityoperationcalled")
            || flat.contains("entityoperationsignaled")
            || flat.contains("eventsent")
        {
            let to = place(label(&kind));
            if let Some(id) = id {
                calls.push((id, to));
            }
            (0, to, label(&kind))
        } else if flat.contains("timercreated") {
            let to = place(w::TIMER.to_owned());
            if let Some(id) = id {
                calls.push((id, to));
            }
            (0, to, kind.clone())
        } else if flat.contains("timerfired") {
            (place(w::TIMER.to_owned()), 0, kind.clone())
        } else if flat.contains("completed") || flat.contains("failed") {
            match to_me(&calls) {
                Some(from) => (from, 0, kind.clone()),
                None => (0, 0, kind.clone()),
            }
        } else if flat.contains("eventraised") {
            (place(w::OUTSIDE.to_owned()), 0, label(&kind))
        } else if flat.contains("executionstarted") {
            (place(w::OUTSIDE.to_owned()), 0, kind.clone())
        } else {
            continue;
        };
        arrows.push(Arrow {
            from: arrow.0,
            to: arrow.1,
            label: arrow.2,
            at,
        });
    }
    (lines, arrows)
}

/// Between two lifelines.
const APART: f64 = 190.0;
/// Height of an arrow's row.
const ROW: f64 = 34.0;

/// The picture.
#[component]
pub(crate) fn Sequence(history: Memo<Vec<Value>>) -> impl IntoView {
    let app = expect_context::<App>();
    move || {
        let (lines, arrows) = diagram(&history.read());
        if arrows.is_empty() {
            return view! { <Empty what=w::NO_HISTORY how=w::NO_WORKFLOWS_HOW /> }.into_any();
        }
        let x = |line: usize| 190.0 + line as f64 * APART;
        let height = arrows.len() as f64 * ROW + 70.0;
        let width = x(lines.len()) + 20.0;
        let heads = lines.into_iter().enumerate().map(|(at, name)| {
            let short: String = name.chars().take(24).collect();
            view! {
                <line class="rule" x1=x(at) x2=x(at) y1="34" y2=height />
                <rect class="head-box" x=x(at) - 85.0 y="6" width="170" height="26" rx="5" />
                <text x=x(at) y="23" text-anchor="middle">{short}<title>{name}</title></text>
            }
        });
        let arrows = arrows.into_iter().enumerate().map(|(at, arrow)| {
            let y = 62.0 + at as f64 * ROW;
            let (from, to) = (x(arrow.from), x(arrow.to));
            let time = arrow.at.map(|at| app.time(at)).unwrap_or_default();
            let shape = if arrow.from == arrow.to {
                view! { <circle class="arrow" cx=from cy=y r="4" fill="var(--accent)" /> }
                    .into_any()
            } else {
                let tip = if to > from { -8.0 } else { 8.0 };
                let points = format!("{to},{y} {},{} {},{}", to + tip, y - 4.0, to + tip, y + 4.0);
                view! {
                    <line class="arrow" x1=from x2=to y1=y y2=y />
                    <polygon points=points fill="var(--accent)" />
                }
                .into_any()
            };
            let middle = if arrow.from == arrow.to {
                from + 12.0
            } else {
                f64::midpoint(from, to)
            };
            let anchor = if arrow.from == arrow.to {
                "start"
            } else {
                "middle"
            };
            view! {
                <text class="dim-text" x="8" y=y + 4.0>{time}</text>
                {shape}
                <text x=middle y=y - 6.0 text-anchor=anchor>{arrow.label}</text>
            }
        });
        view! {
            <div class="sequence" data-test="sequence">
                <svg width=width height=height role="img" aria-label=w::SEQUENCE>
                    {heads.collect_view()}
                    {arrows.collect_view()}
                </svg>
            </div>
        }
        .into_any()
    }
}

/// What a row of a history carries in and out.
pub(crate) fn payload(row: &Value) -> Value {
    part(row, &["detail", "input", "result", "output", "reason"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_comes_back_from_whom_was_called() {
        let history = [
            json!({"event_type": "ExecutionStarted", "at": 1}),
            json!({"event_type": "TaskScheduled", "name": "SendSms", "event_id": 4}),
            json!({"event_type": "TimerCreated", "event_id": 5}),
            json!({"event_type": "TaskCompleted", "task_scheduled_id": 4}),
            json!({"event_type": "OrchestratorStarted"}),
            json!({"event_type": "ExecutionCompleted"}),
        ];
        let (lines, arrows) = diagram(&history);
        assert_eq!(lines, [w::ORCHESTRATOR, w::OUTSIDE, "SendSms", w::TIMER]);
        let ends: Vec<_> = arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect();
        assert_eq!(ends, [(1, 0), (0, 2), (0, 3), (2, 0), (0, 0)]);
    }
}
