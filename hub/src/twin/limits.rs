//! What may be in a twin ("Understand and use device twins in IoT Hub", formats and sizes).

use serde_json::{Map, Value};

/// Most bytes of desired properties, and of reported ones.
pub const MAX_PROPERTIES: usize = 32 * 1024;
/// Most bytes of tags.
pub const MAX_TAGS: usize = 8 * 1024;
/// Objects and arrays within each other, the section itself not counted.
const MAX_DEPTH: usize = 10;
/// Most bytes of a name.
const MAX_NAME: usize = 1024;
/// Most bytes of a text.
const MAX_TEXT: usize = 4 * 1024;
/// Integers from −2⁵² to 2⁵² − 1.
const INTEGERS: std::ops::Range<i64> = -(1 << 52)..(1 << 52);

/// A twin may not hold this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// A name that cannot be.
    #[error(
        "the property name {0:?} cannot be: use up to 1 KB without '.', '$', space and control \
         characters"
    )]
    Name(String),
    /// A text that is too long.
    #[error("the text of {0:?} is longer than 4 KB")]
    Text(String),
    /// A number out of range.
    #[error("the integer of {0:?} is not in -2^52..2^52")]
    Integer(String),
    /// Too many levels.
    #[error("properties nest deeper than 10 levels")]
    Depth,
    /// Too much of it.
    #[error("the section would have {size} bytes, the limit is {limit}")]
    Size {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
}

/// Checks the form of a patch or section.
pub(super) fn check(patch: &Map<String, Value>) -> Result<(), LimitError> {
    members(patch, MAX_DEPTH)
}

fn members(members: &Map<String, Value>, left: usize) -> Result<(), LimitError> {
    for (name, value) in members {
        let forbidden = |c: char| c.is_control() || matches!(c, '.' | '$' | ' ');
        if name.is_empty() || name.len() > MAX_NAME || name.contains(forbidden) {
            return Err(LimitError::Name(shortened(name)));
        }
        check_value(name, value, left)?;
    }
    Ok(())
}

fn check_value(name: &str, value: &Value, left: usize) -> Result<(), LimitError> {
    match value {
        Value::String(text) if text.len() > MAX_TEXT => Err(LimitError::Text(shortened(name))),
        Value::Number(number) => {
            let fits = match (number.as_i64(), number.as_u64()) {
                (Some(integer), _) => INTEGERS.contains(&integer),
                (None, Some(_)) => false,
                (None, None) => true,
            };
            fits.then_some(())
                .ok_or_else(|| LimitError::Integer(shortened(name)))
        }
        Value::Object(_) | Value::Array(_) if left == 0 => Err(LimitError::Depth),
        Value::Object(inner) => members(inner, left - 1),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check_value(name, item, left - 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

/// Checks the size of a whole section.
pub(super) fn check_size(section: &Map<String, Value>, limit: usize) -> Result<(), LimitError> {
    let size: usize = section
        .iter()
        .map(|(name, value)| name.len() + weight(value))
        .sum();
    if size > limit {
        return Err(LimitError::Size { size, limit });
    }
    Ok(())
}

/// Names and texts by their bytes, numbers 8, booleans 4.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + weight(value))
            .sum(),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check_json(value: &Value) -> Result<(), LimitError> {
        check(value.as_object().unwrap())
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!({"p": 1}), |inner, _| json!({"o": inner}))
    }

    #[test]
    fn names_texts_and_numbers() {
        for good in [
            json!({"a": 1, "b-c_ü": "x", "n": null, "f": 1e300, "l": [1, "x", {"k": true}]}),
            json!({"i": (1i64 << 52) - 1, "j": -(1i64 << 52)}),
            json!({"n".repeat(1024): "t".repeat(4096)}),
        ] {
            assert_eq!(check_json(&good), Ok(()), "{good}");
        }
        for name in ["", "a.b", "$x", "a b", "a\u{7}", &"n".repeat(1025)] {
            for wrong in [
                json!({name: 1}),
                json!({"o": {name: 1}}),
                json!({"l": [{name: 1}]}),
            ] {
                assert!(
                    matches!(check_json(&wrong), Err(LimitError::Name(_))),
                    "{wrong}"
                );
            }
        }
        let integer = Err(LimitError::Integer("i".into()));
        assert_eq!(check_json(&json!({"i": 1i64 << 52})), integer);
        assert_eq!(check_json(&json!({"i": u64::MAX})), integer);
        assert_eq!(check_json(&json!({"i": -(1i64 << 52) - 1})), integer);
        let text = check_json(&json!({"t": "t".repeat(4097)}));
        assert_eq!(text, Err(LimitError::Text("t".into())));
    }

    #[test]
    fn ten_levels_and_no_more() {
        assert_eq!(check_json(&nested(10)), Ok(()));
        assert_eq!(check_json(&nested(11)), Err(LimitError::Depth));
    }

    #[test]
    fn sizes_count_names_texts_and_fixed_numbers() {
        let section = json!({"ab": "é", "c": [1, true, null], "d": {"e": 2.5}});
        let section = section.as_object().unwrap();
        let size = 2 + 2 + 1 + 8 + 4 + 1 + 1 + 8;
        assert_eq!(check_size(section, size), Ok(()));
        let limit = size - 1;
        assert_eq!(
            check_size(section, limit),
            Err(LimitError::Size { size, limit })
        );
    }
}
