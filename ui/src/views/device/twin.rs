//! The twin: desired and reported side by side.

use std::collections::BTreeSet;

use gloo_net::http::Method;
use leptos::{prelude::*, task::spawn_local};
use serde_json::Value;

use super::Ctx;
use crate::{
    api::{self, Trouble},
    parts::{JsonEdit, Loading, Tree, TroubleBox, changes, pretty},
    words as w,
};

/// A part of a twin without what the hub counts.
pub(crate) fn plain(twin: &Value, part: &str) -> Value {
    let mut value = twin
        .pointer(&format!("/properties/{part}"))
        .or_else(|| twin.get(part))
        .cloned()
        .unwrap_or_default();
    if let Value::Object(map) = &mut value {
        map.retain(|key, _| !key.starts_with('$'));
    }
    value
}

/// What must be merged into `old` so that it becomes `new` (RFC 7396).
pub(crate) fn merge_patch(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = serde_json::Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before) => drop(patch.insert(key.clone(), merge_patch(before, value))),
            None => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// The editor.
#[component]
pub(crate) fn Twin(ctx: Ctx) -> impl IntoView {
    let twin = RwSignal::new(None::<Result<Value, Trouble>>);
    let text = RwSignal::new(String::new());
    let base = RwSignal::new(Value::Null);
    let changed = RwSignal::new(BTreeSet::new());
    let load = move |fresh: bool| {
        spawn_local(async move {
            let answer = api::get::<Value>(&ctx.app.place(), &ctx.path("/twin")).await;
            if let Ok(new) = &answer {
                if let Some(Some(Ok(old))) = twin.try_get_untracked() {
                    let found = changes(&plain(&old, "reported"), &plain(new, "reported"));
                    if !found.is_empty() {
                        changed.try_set(found);
                    }
                }
                if fresh {
                    let desired = plain(new, "desired");
                    text.try_set(pretty(&desired));
                    base.try_set(desired);
                }
            }
            twin.try_set(Some(answer));
        });
    };
    load(true);
    // What the device reports comes without a word; the text that somebody writes stays.
    let ticks = Memo::new(move |_| ctx.app.tick.get() / 6);
    Effect::new(move |before: Option<()>| {
        ticks.get();
        if before.is_some() {
            load(false);
        }
    });
    let save = move |value: Value| {
        let patch = serde_json::json!({ "properties": { "desired": merge_patch(&base.get_untracked(), &value) } });
        spawn_local(async move {
            let answer =
                api::send::<Value>(&ctx.app.place(), Method::PATCH, &ctx.path("/twin"), &patch)
                    .await;
            match answer {
                Ok(_) => {
                    ctx.app.say("ok", w::TWIN_SAVED, "");
                    load(true);
                }
                Err(trouble) => ctx.app.trouble(&trouble),
            }
        });
    };
    let reported = Memo::new(move |_| match &*twin.read() {
        Some(Ok(twin)) => Some(plain(twin, "reported")),
        _ => None,
    });
    let version = move |part: &'static str| {
        move || {
            let version = match &*twin.read() {
                Some(Ok(twin)) => twin
                    .pointer(&format!("/properties/{part}/$version"))
                    .and_then(Value::as_u64),
                _ => None,
            };
            version.map(|version| format!("{} {version}", w::VERSION))
        }
    };
    let state = Memo::new(move |_| {
        twin.read()
            .as_ref()
            .map(|answer| answer.as_ref().err().cloned())
    });
    move || {
        match state.get() {
        None => view! { <Loading what=w::CONNECTING /> }.into_any(),
        Some(Some(trouble)) => view! { <TroubleBox trouble again=move |()| load(true) /> }.into_any(),
        Some(None) => view! {
            <div class="columns">
                <div>
                    <h2 class="row">{w::DESIRED}<span class="dim">{version("desired")}</span></h2>
                    <JsonEdit text label=w::DESIRED save=save action=w::SAVE_TWIN />
                </div>
                <div data-test="reported">
                    <h2 class="row">{w::REPORTED}<span class="dim">{version("reported")}</span></h2>
                    {move || reported.get().map(|value| view! { <Tree value changed=changed.get() /> })}
                </div>
            </div>
        }
        .into_any(),
    }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_changed_is_sent() {
        let old = json!({"a": 1, "b": {"c": 1, "d": 2}, "gone": true});
        let new = json!({"a": 1, "b": {"c": 3, "d": 2}, "new": [1]});
        assert_eq!(
            merge_patch(&old, &new),
            json!({"b": {"c": 3}, "gone": null, "new": [1]})
        );
        assert_eq!(merge_patch(&old, &old), json!({}));
    }

    #[test]
    fn the_hubs_own_fields_are_not_edited() {
        let twin = json!({"properties": {"desired": {"$version": 3, "$metadata": {}, "on": true}}});
        assert_eq!(plain(&twin, "desired"), json!({"on": true}));
        assert_eq!(plain(&twin, "reported"), Value::Null);
    }
}
