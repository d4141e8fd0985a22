//! Reading answers whose shape belongs to another room: by name, without complaint.

use leptos::{prelude::*, task::spawn_local};
use serde_json::Value;

use crate::{
    api::{self, Trouble},
    app::App,
    state::list_of,
};

/// The text of the first of these names that is there; numbers and truth as text too.
pub(crate) fn text(value: &Value, names: &[&str]) -> String {
    match names
        .iter()
        .find_map(|name| value.get(name).filter(|found| !found.is_null()))
    {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// The number of the first of these names that is there.
pub(crate) fn number(value: &Value, names: &[&str]) -> Option<u64> {
    names
        .iter()
        .find_map(|name| value.get(name).and_then(Value::as_u64))
}

/// The value of the first of these names that is there.
pub(crate) fn part(value: &Value, names: &[&str]) -> Value {
    let found = names
        .iter()
        .find_map(|name| value.get(name).filter(|found| !found.is_null()));
    found.cloned().unwrap_or_default()
}

/// A list that is asked for, and again every so many quarters of a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// The last answer.
    pub(crate) answer: RwSignal<Option<Result<Value, Trouble>>>,
    app: App,
    path: StoredValue<String>,
}

impl Asked {
    /// Asks for a path; `every` quarters of a second anew, 0: never.
    pub(crate) fn new(app: App, path: impl Into<String>, every: u64) -> Self {
        let asked = Self {
            answer: RwSignal::new(None),
            app,
            path: StoredValue::new(path.into()),
        };
        asked.again();
        if every > 0 {
            let ticks = Memo::new(move |_| app.tick.get() / every);
            Effect::new(move |before: Option<()>| {
                // Read, not only tracked: a memo that nobody has read listens to nothing.
                ticks.get();
                if before.is_some() {
                    asked.again();
                }
            });
        }
        asked
    }

    /// Asks anew.
    pub(crate) fn again(self) {
        spawn_local(async move {
            let Some(path) = self.path.try_get_value() else {
                return;
            };
            let answer = api::get::<Value>(&self.app.place(), &path).await;
            // What did not change changes nothing on the page.
            if self
                .answer
                .try_get_untracked()
                .is_some_and(|old| old.as_ref() != Some(&answer))
            {
                self.answer.try_set(Some(answer));
            }
        });
    }

    /// The rows of the answer.
    pub(crate) fn rows(self) -> Vec<Value> {
        match &*self.answer.read() {
            Some(Ok(answer)) => list_of(answer),
            _ => Vec::new(),
        }
    }

    /// The answer itself.
    pub(crate) fn value(self) -> Option<Value> {
        self.answer
            .read()
            .as_ref()
            .and_then(|answer| answer.as_ref().ok().cloned())
    }

    /// Nothing yet, trouble, or an answer.
    #[expect(
        clippy::option_option,
        reason = "no answer is another thing than an answer without trouble"
    )]
    pub(crate) fn state(self) -> Memo<Option<Option<Trouble>>> {
        Memo::new(move |_| {
            self.answer
                .read()
                .as_ref()
                .map(|answer| answer.as_ref().err().cloned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_name_that_is_there_counts() {
        let value = json!({"a": null, "b": 3, "c": "x", "n": 7});
        assert_eq!(text(&value, &["a", "b"]), "3");
        assert_eq!(text(&value, &["z", "c"]), "x");
        assert_eq!(text(&value, &["z"]), "");
        assert_eq!(number(&value, &["c", "n"]), Some(7));
        assert_eq!(part(&value, &["a"]), Value::Null);
    }
}
