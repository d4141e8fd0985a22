//! An editor for JSON that says where it is not JSON.

use leptos::prelude::*;
use serde_json::Value;

use crate::words as w;

/// Reads a text as JSON; what is wrong, with its place.
pub(crate) fn check(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        let what = error.to_string();
        let what = what.split(" at line").next().unwrap_or_default();
        format!("line {}, column {}: {what}", error.line(), error.column())
    })
}

/// An editor; `text` is what is being written.
#[component]
pub(crate) fn JsonEdit(
    /// What is being written.
    text: RwSignal<String>,
    /// What a screen reader calls it.
    label: &'static str,
    /// Called with the value when a person wants it to count.
    #[prop(into)]
    save: Callback<Value>,
    /// What the button says.
    action: &'static str,
) -> impl IntoView {
    let checked = Memo::new(move |_| check(&text.read()));
    let problem = move || checked.get().err();
    let layout = move |_| {
        if let Ok(value) = checked.get_untracked() {
            text.set(serde_json::to_string_pretty(&value).unwrap_or_default());
        }
    };
    let send = move || {
        if let Ok(value) = checked.get_untracked() {
            save.run(value);
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            send();
        }
    };
    view! {
        <div class="json-edit">
            <textarea
                aria-label=label
                spellcheck="false"
                aria-invalid=move || problem().is_some().to_string()
                prop:value=move || text.get()
                on:input=move |event| text.set(event_target_value(&event))
                on:keydown=key
            ></textarea>
            <div class="row">
                <span class="problem grow" role="status">{problem}</span>
                <button on:click=layout disabled=move || problem().is_some()>{w::LAY_OUT}</button>
                <button class="primary" on:click=move |_| send() disabled=move || problem().is_some()>
                    {action}
                </button>
            </div>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn says_where_it_is_not_json() {
        assert!(check("{\"a\": 1}").is_ok());
        let problem = check("{\"a\": 1,\n \"b\" 2}").unwrap_err();
        assert!(
            problem.starts_with("line 2, column 6: expected `:`"),
            "{problem}"
        );
        assert!(check("").unwrap_err().starts_with("line 1"));
    }
}
