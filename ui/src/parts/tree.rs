//! A JSON value as a tree.

use std::collections::BTreeSet;

use leptos::prelude::*;
use serde_json::Value;

/// Paths, with `/` between the names, at which two values differ.
pub(crate) fn changes(old: &Value, new: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    compare(old, new, String::new(), &mut found);
    found
}

fn compare(old: &Value, new: &Value, path: String, found: &mut BTreeSet<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                let path = format!("{path}/{key}");
                match old.get(key) {
                    Some(before) => compare(before, value, path, found),
                    None => drop(found.insert(path)),
                }
            }
            if old.keys().any(|key| !new.contains_key(key)) {
                found.insert(path);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for (at, value) in new.iter().enumerate() {
                let path = format!("{path}/{at}");
                match old.get(at) {
                    Some(before) => compare(before, value, path, found),
                    None => drop(found.insert(path)),
                }
            }
            if old.len() > new.len() {
                found.insert(path);
            }
        }
        _ if old != new => drop(found.insert(path)),
        _ => {}
    }
}

/// A value with line breaks.
pub(crate) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A value as a tree that opens and closes; paths in `changed` are marked.
#[component]
pub(crate) fn Tree(
    value: Value,
    /// Paths that changed last.
    #[prop(optional)]
    changed: BTreeSet<String>,
) -> impl IntoView {
    let mut items = Vec::new();
    match &value {
        Value::Object(map) => {
            for (key, value) in map {
                items.push(node(key.clone(), value, &format!("/{key}"), &changed, 1));
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                items.push(node(at.to_string(), value, &format!("/{at}"), &changed, 1));
            }
        }
        other => items.push(view! { <li>{leaf(other)}</li> }.into_any()),
    }
    view! { <ul class="tree">{items}</ul> }
}

fn node(
    key: String,
    value: &Value,
    path: &str,
    changed: &BTreeSet<String>,
    depth: usize,
) -> AnyView {
    let marked = changed.contains(path);
    let class = if marked { "changed" } else { "" };
    let children: Vec<AnyView> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                node(
                    key.clone(),
                    value,
                    &format!("{path}/{key}"),
                    changed,
                    depth + 1,
                )
            })
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(at, value)| {
                node(
                    at.to_string(),
                    value,
                    &format!("{path}/{at}"),
                    changed,
                    depth + 1,
                )
            })
            .collect(),
        other => {
            return view! {
                <li>
                    <span class=class>
                        <span class="key">{key} ": "</span>
                        {leaf(other)}
                    </span>
                </li>
            }
            .into_any();
        }
    };
    let size = match value {
        Value::Array(list) => format!(" [{}]", list.len()),
        Value::Object(map) => format!(" {{{}}}", map.len()),
        _ => String::new(),
    };
    let inside = format!("{path}/");
    let open =
        depth < 3 && children.len() <= 40 || changed.iter().any(|path| path.starts_with(&inside));
    view! {
        <li>
            <details open=open>
                <summary>
                    <span class=class>
                        <span class="key">{key}</span>
                        <span class="dim">{size}</span>
                    </span>
                </summary>
                <ul>{children}</ul>
            </details>
        </li>
    }
    .into_any()
}

fn leaf(value: &Value) -> AnyView {
    let class = match value {
        Value::String(_) => "string",
        Value::Number(_) => "num",
        Value::Bool(_) | Value::Null => "bool",
        _ => "",
    };
    view! { <span class=class>{value.to_string()}</span> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(old: &Value, new: &Value, paths: &[&str]) {
        let found: Vec<_> = changes(old, new).into_iter().collect();
        assert_eq!(found, paths);
    }

    #[test]
    fn finds_what_differs() {
        let old = json!({"a": 1, "b": {"c": [1, 2], "d": null}, "gone": 1});
        check(&old, &old, &[]);
        check(
            &old,
            &json!({"a": 2, "b": {"c": [1, 3], "d": null}, "gone": 1}),
            &["/a", "/b/c/1"],
        );
        check(
            &old,
            &json!({"a": 1, "b": {"c": [1], "d": 0}, "new": 1}),
            &["", "/b/c", "/b/d", "/new"],
        );
        check(&json!(1), &json!("1"), &[""]);
    }
}
