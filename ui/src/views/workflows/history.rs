//! The rows of a history with inputs and outputs.

use leptos::prelude::*;
use serde_json::Value;

use super::{
    number,
    sequence::{kind_of, payload},
    text,
};
use crate::{
    app::App,
    parts::{Empty, Tree},
    words as w,
};

/// The rows.
#[component]
pub(crate) fn History(history: Memo<Vec<Value>>) -> impl IntoView {
    let app = expect_context::<App>();
    let row = move |row: Value| {
        let at = number(&row, &["at", "time", "timestamp"]);
        let name = text(
            &row,
            &["name", "function_name", "functionName", "operation"],
        );
        let inside = payload(&row);
        let short: String = if inside.is_null() {
            String::new()
        } else {
            inside.to_string().chars().take(120).collect()
        };
        view! {
            <details class="card">
                <summary class="row">
                    <span class="mono dim">{move || at.map(|at| app.time(at)).unwrap_or_default()}</span>
                    <strong>{kind_of(&row)}</strong>
                    <span>{name}</span>
                    <span class="mono dim grow one-line">{short}</span>
                </summary>
                <Tree value=row />
            </details>
        }
    };
    view! {
        <div class="scroll pad stack" data-test="history">
            {move || history.read().is_empty().then(|| view! { <Empty what=w::NO_HISTORY how=w::NO_WORKFLOWS_HOW /> })}
            {move || history.get().into_iter().take(500).map(row).collect_view()}
        </div>
    }
}
