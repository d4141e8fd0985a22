//! Texts with places to fill in.

use std::collections::BTreeMap;

use serde_json::Value;

/// A text with `{name}` for a captured topic level and `{/path}` for a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(String),
}

/// A text cannot be a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace without its other half.
    #[error("a brace in {0:?} has no other half")]
    Brace(String),
    /// A place that no rule fills.
    #[error("{{{0}}} is neither a level that the topic captures, nor {{topic}}, nor a {{/path}}")]
    Unknown(String),
}

impl Template {
    /// Reads a template; `known` says which names can be filled.
    ///
    /// # Errors
    /// When braces do not fit together or a name is not known.
    pub fn parse(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, TemplateError> {
        let broken = || TemplateError::Brace(text.to_owned());
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(open) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(open);
            let inside = after.strip_prefix('{').ok_or_else(broken)?;
            let (name, after) = inside.split_once('}').ok_or_else(broken)?;
            if name.contains('{') || name.is_empty() {
                return Err(broken());
            }
            if !name.starts_with('/') && !known(name) {
                return Err(TemplateError::Unknown(name.to_owned()));
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Place(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// Fills it; gives the name of a place without a value.
    ///
    /// # Errors
    /// The first place that has neither a value nor a default.
    pub fn fill<'a>(
        &'a self,
        captured: &BTreeMap<&str, &str>,
        body: Option<&Value>,
        defaults: &BTreeMap<String, String>,
    ) -> Result<String, &'a str> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(own) => text.push_str(own),
                Piece::Place(name) => {
                    let found = if name.starts_with('/') {
                        body.and_then(|body| body.pointer(name)).and_then(scalar)
                    } else {
                        captured.get(name.as_str()).map(|&level| level.to_owned())
                    };
                    let value = found.or_else(|| defaults.get(name).cloned());
                    text.push_str(&value.ok_or(name.as_str())?);
                }
            }
        }
        Ok(text)
    }
}

/// The text of a value that is not nested.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_filled() {
        let template = Template::parse("{line}-{/id}/{/a/0}", |name| name == "line").unwrap();
        let captured = BTreeMap::from([("line", "7")]);
        let defaults = BTreeMap::from([("/a/0".to_owned(), "none".to_owned())]);
        let fill = |body: Value| template.fill(&captured, Some(&body), &defaults);
        assert_eq!(fill(json!({"id": 3, "a": [true]})), Ok("7-3/true".into()));
        assert_eq!(fill(json!({"id": "x", "a": [{}]})), Ok("7-x/none".into()));
        assert_eq!(fill(json!({"a": []})), Err("/id"));
        assert_eq!(template.fill(&captured, None, &defaults), Err("/id"));
    }

    #[test]
    fn broken_ones_are_told() {
        for text in ["{", "}", "{a", "{a{b}}", "{}", "a}b"] {
            let refused = Template::parse(text, |_| true);
            assert_eq!(refused, Err(TemplateError::Brace(text.into())), "{text}");
        }
        let unknown = Template::parse("{b}", |name| name == "a");
        assert_eq!(unknown, Err(TemplateError::Unknown("b".into())));
    }
}
