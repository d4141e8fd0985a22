//! Comparing, with the place of the first difference and how near it was.

use std::fmt;

use serde_json::Value;

use super::Matcher;

/// Longest value that a message shows, in characters.
const SHOWN: usize = 160;

/// Where a value is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The member, such as `body.temperature`; empty for the whole value.
    pub path: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub found: String,
    /// How many conditions held before: of two misses the one with more is nearer.
    pub held: usize,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() {
            "it"
        } else {
            &self.path
        };
        write!(f, "{path} is {}, expected {}", self.found, self.expected)
    }
}

/// A value in one line, shortened.
pub(crate) fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "absent".into();
    };
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start}… ({} characters)", text.chars().count())
}

impl Matcher {
    /// Compares with a value that may be absent.
    ///
    /// # Errors
    /// The first difference in the order of the condition; the number of conditions that hold
    /// counts all of them.
    pub fn compare(&self, found: Option<&Value>) -> Result<(), Mismatch> {
        let mut state = State::default();
        self.visit("", found, &mut state);
        match state.first {
            None => Ok(()),
            Some(mut first) => {
                first.held = state.held;
                Err(first)
            }
        }
    }

    fn visit(&self, path: &str, found: Option<&Value>, state: &mut State) {
        let holds = match self {
            Self::Fields(fields) => {
                let Some(Value::Object(object)) = found else {
                    return state.miss(path, self, found);
                };
                for (name, matcher) in fields {
                    let at = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    matcher.visit(&at, object.get(name), state);
                }
                return;
            }
            Self::Items(items) => {
                let Some(Value::Array(values)) = found else {
                    return state.miss(path, self, found);
                };
                for (n, matcher) in items.iter().enumerate() {
                    matcher.visit(&format!("{path}[{n}]"), values.get(n), state);
                }
                if values.len() > items.len() {
                    let length = Value::from(values.len());
                    let expected = Self::Is(items.len().into());
                    state.miss(&format!("{path}.length"), &expected, Some(&length));
                }
                return;
            }
            Self::All(all) => {
                for matcher in all {
                    matcher.visit(path, found, state);
                }
                return;
            }
            Self::Each(item) => {
                let Some(Value::Array(values)) = found else {
                    return state.miss(path, self, found);
                };
                for (n, value) in values.iter().enumerate() {
                    item.visit(&format!("{path}[{n}]"), Some(value), state);
                }
                return;
            }
            Self::First(item) | Self::Last(item) => {
                let Some(Value::Array(values)) = found else {
                    return state.miss(path, self, found);
                };
                let (n, value) = if matches!(self, Self::First(_)) {
                    (0, values.first())
                } else {
                    (values.len().saturating_sub(1), values.last())
                };
                return item.visit(&format!("{path}[{n}]"), value, state);
            }
            Self::Length(length) => {
                let n = match found {
                    Some(Value::String(text)) => text.chars().count(),
                    Some(Value::Array(items)) => items.len(),
                    Some(Value::Object(object)) => object.len(),
                    _ => return state.miss(path, self, found),
                };
                return length.visit(&format!("{path}.length"), Some(&n.into()), state);
            }
            _ => self.leaf(found),
        };
        if holds {
            state.held += 1;
        } else {
            state.miss(path, self, found);
        }
    }

    /// Whether a condition without places of its own holds.
    fn leaf(&self, found: Option<&Value>) -> bool {
        let number = found.and_then(Value::as_f64);
        let text = found.and_then(Value::as_str);
        match self {
            Self::Is(value) => found.is_some_and(|found| equal(value, found)),
            Self::Above(limit) => number.is_some_and(|it| it > *limit),
            Self::Below(limit) => number.is_some_and(|it| it < *limit),
            Self::AtLeast(limit) => number.is_some_and(|it| it >= *limit),
            Self::AtMost(limit) => number.is_some_and(|it| it <= *limit),
            Self::Near(value, by) => number.is_some_and(|it| (it - value).abs() <= *by),
            Self::Matches(regex) => text.is_some_and(|it| regex.is_match(it)),
            Self::StartsWith(start) => text.is_some_and(|it| it.starts_with(start)),
            Self::EndsWith(end) => text.is_some_and(|it| it.ends_with(end)),
            Self::Contains(part) => match (found, part.as_ref()) {
                (Some(Value::String(text)), Self::Is(Value::String(part))) => text.contains(part),
                (Some(Value::Array(items)), part) => {
                    items.iter().any(|item| part.compare(Some(item)).is_ok())
                }
                _ => false,
            },
            Self::Exists(exists) => found.is_some_and(|it| !it.is_null()) == *exists,
            Self::Not(matcher) => matcher.compare(found).is_err(),
            Self::OneOf(all) => all.iter().any(|it| it.compare(found).is_ok()),
            // Those with places are visited, see above.
            _ => self.compare(found).is_ok(),
        }
    }
}

#[derive(Default)]
struct State {
    held: usize,
    first: Option<Mismatch>,
}

impl State {
    fn miss(&mut self, path: &str, expected: &Matcher, found: Option<&Value>) {
        if self.first.is_none() {
            self.first = Some(Mismatch {
                path: path.trim_start_matches('.').to_owned(),
                expected: expected.to_string(),
                found: shown(found),
                held: 0,
            });
        }
    }
}

/// Equal by value: whole numbers and fractions are one kind.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len()
                && x.iter()
                    .all(|(name, x)| y.get(name).is_some_and(|y| equal(x, y)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Compares; `""` when it holds, the mismatch as text when not.
    fn check(condition: &str, value: &Value, expected: &str) {
        let table: toml::Table = format!("m = {condition}").parse().unwrap();
        let matcher = Matcher::parse(&table["m"]).unwrap();
        let found = matcher.compare(Some(value));
        let text = found.err().map_or(String::new(), |it| it.to_string());
        assert_eq!(text, expected, "{condition} on {value}");
    }

    #[test]
    fn plain_values_are_equal_and_tables_are_parts() {
        check("30", &json!(30.0), "");
        check("30", &json!(31), "it is 31, expected 30");
        check("{ a = 1 }", &json!({"a": 1, "b": 2}), "");
        check(
            "{ a.b = 1 }",
            &json!({"a": {"b": 2}}),
            "a.b is 2, expected 1",
        );
        check("{ a.b = 1 }", &json!({"a": 3}), "a is 3, expected {b: 1}");
        check("{ c = 1 }", &json!({"a": 3}), "c is absent, expected 1");
        check("[1, 2]", &json!([1, 2]), "");
        check("[1]", &json!([1, 2]), "length is 2, expected 1");
    }

    #[test]
    fn conditions() {
        check("{ above = 30 }", &json!(30.5), "");
        check(
            "{ above = 30, below = 31 }",
            &json!(32),
            "it is 32, expected below 31",
        );
        check(
            "{ at-least = 2 }",
            &json!("x"),
            "it is \"x\", expected at least 2",
        );
        check("{ near = 21.5, by = 0.1 }", &json!(21.45), "");
        check(
            "{ near = 21.5 }",
            &json!(21.45),
            "it is 21.45, expected 21.5 ± 0.000000001",
        );
        check("{ matches = '^a+$' }", &json!("aaa"), "");
        check("{ contains = 'b' }", &json!("abc"), "");
        check("{ contains = { x = 1 } }", &json!([{"x": 2}, {"x": 1}]), "");
        check("{ exists = false }", &json!(null), "");
        check("{ x = { exists = false } }", &json!({}), "");
        check("{ not = { contains = 'z' } }", &json!("abc"), "");
        check(
            "{ one-of = [1, 2] }",
            &json!(3),
            "it is 3, expected one of (1 | 2)",
        );
        check(
            "{ length = { at-least = 2 } }",
            &json!([1]),
            "length is 1, expected at least 2",
        );
        check(
            "{ each = { below = 3 } }",
            &json!([1, 5]),
            "[1] is 5, expected below 3",
        );
        check("{ last = 5 }", &json!([1, 5]), "");
        check("{ is = { above = 1 } }", &json!({"above": 1}), "");
    }

    #[test]
    fn the_nearer_miss_has_more_that_holds() {
        let table: toml::Table = "m = { a = 1, b = 2, c = 3 }".parse().unwrap();
        let matcher = Matcher::parse(&table["m"]).unwrap();
        let held = |value| matcher.compare(Some(&value)).unwrap_err().held;
        assert!(held(json!({"a": 1, "c": 3})) > held(json!({"a": 1})));
    }
}
