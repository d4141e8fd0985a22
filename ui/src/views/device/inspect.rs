//! A look inside the machine: registers, variables, memory, stack.

use leptos::{prelude::*, task::spawn_local};
use serde_json::Value;

use super::Ctx;
use crate::{
    api::{self, Trouble},
    parts::{Empty, Loading, Tree, TroubleBox},
    words as w,
};

/// A register's value in hexadecimal, as debuggers show it.
pub(crate) fn hexadecimal(value: &Value) -> String {
    match value {
        Value::Number(number) => number
            .as_u64()
            .map_or_else(|| number.to_string(), |n| format!("0x{n:08x}")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The page's part.
#[component]
pub(crate) fn Inspect(ctx: Ctx) -> impl IntoView {
    let seen = RwSignal::new(None::<Result<Value, Trouble>>);
    let load = move || {
        spawn_local(async move {
            let answer = api::get::<Value>(&ctx.app.place(), &ctx.path("/inspect")).await;
            seen.try_set(Some(answer));
        });
    };
    load();
    let ticks = Memo::new(move |_| ctx.app.tick.get() / 4);
    Effect::new(move |before: Option<()>| {
        ticks.get();
        if before.is_some() {
            load();
        }
    });
    let registers = move || {
        let seen = seen.read();
        let Some(Ok(value)) = &*seen else {
            return Vec::new();
        };
        match value.get("registers") {
            Some(Value::Object(map)) => map
                .iter()
                .map(|(name, value)| (name.clone(), hexadecimal(value)))
                .collect(),
            Some(Value::Array(list)) => list
                .iter()
                .map(|entry| {
                    let name = entry
                        .get("name")
                        .or_else(|| entry.get(0))
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    let value = entry
                        .get("value")
                        .or_else(|| entry.get(1))
                        .unwrap_or(&Value::Null);
                    (name.to_owned(), hexadecimal(value))
                })
                .collect(),
            _ => Vec::new(),
        }
    };
    let rest = move || {
        let seen = seen.read();
        let Some(Ok(Value::Object(map))) = &*seen else {
            return None;
        };
        let mut map = map.clone();
        map.remove("registers");
        Some(Value::Object(map))
    };
    let state = Memo::new(move |_| {
        seen.read()
            .as_ref()
            .map(|answer| answer.as_ref().err().cloned())
    });
    move || {
        match state.get() {
        None => view! { <Loading what=w::CONNECTING /> }.into_any(),
        Some(Some(Trouble::Refused { error, hint, .. })) => {
            let how = if hint.is_empty() { error } else { hint };
            view! { <Empty what=w::NO_INSIDE how=how><button on:click=move |_| load()>{w::TRY_AGAIN}</button></Empty> }.into_any()
        }
        Some(Some(trouble)) => view! { <TroubleBox trouble again=move |()| load() /> }.into_any(),
        Some(None) => view! {
            <div class="columns" data-test="inspect">
                <div>
                    <h2>{w::REGISTERS}</h2>
                    <dl class="facts-list mono">
                        {move || registers().into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }).collect_view()}
                    </dl>
                </div>
                <div>
                    <h2>{w::STACK_AND_MEMORY}</h2>
                    {move || rest().map(|value| view! { <Tree value /> })}
                </div>
            </div>
        }
        .into_any(),
    }
    }
}

#[cfg(test)]
mod tests {
    use super::hexadecimal;
    use serde_json::json;

    #[test]
    fn registers_as_debuggers_show_them() {
        assert_eq!(hexadecimal(&json!(134_217_736)), "0x08000008");
        assert_eq!(hexadecimal(&json!("0x1")), "0x1");
    }
}
