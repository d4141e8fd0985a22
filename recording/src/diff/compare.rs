//! Two entries of one channel, compared.

use std::fmt::Write as _;

use serde_json::Value;

use super::{What, tolerance::Allowance};
use crate::{Content, Entry, redact};

/// Bytes of a value that are shown.
const SHOWN: usize = 160;

/// What differs between two entries that stand at the same place of a channel.
pub(super) fn compare(left: &Entry, right: &Entry, allowed: &Allowance) -> Option<What> {
    let apart = i128::from(right.time.as_nanos()) - i128::from(left.time.as_nanos());
    let in_time = apart.unsigned_abs() <= u128::from(allowed.time.as_nanos());
    let differs = if left.room == right.room {
        content(&left.content, &right.content, allowed)
    } else {
        Some(What::Room)
    };
    match (in_time, differs) {
        (true, differs) => differs,
        (false, None) => Some(What::Time {
            later: i64::try_from(apart).unwrap_or(i64::MAX),
        }),
        // Neither time nor content agree: they are two, and the later side lacks the earlier one.
        (false, Some(_)) => Some(What::Missing {
            from: if apart > 0 {
                super::Side::Right
            } else {
                super::Side::Left
            },
        }),
    }
}

fn content(left: &Content, right: &Content, allowed: &Allowance) -> Option<What> {
    if left == right {
        return None;
    }
    match (left, right) {
        (Content::Json(l), Content::Json(r)) => {
            let parsed = serde_json::from_str(l).and_then(|l| Ok((l, serde_json::from_str(r)?)));
            let Ok((l, r)) = parsed else {
                return Some(bytes(l.as_bytes(), r.as_bytes()));
            };
            field(&l, &r, allowed, &mut String::new())
        }
        (Content::Bytes(l), Content::Bytes(r)) => Some(bytes(l, r)),
        _ => Some(What::Bytes { from: 0 }),
    }
}

fn bytes(left: &[u8], right: &[u8]) -> What {
    let same = left.iter().zip(right).take_while(|(l, r)| l == r).count();
    What::Bytes { from: same }
}

/// The first field that differs, in the order of names. JSON texts that say the same in other
/// words do not differ.
fn field(left: &Value, right: &Value, allowed: &Allowance, path: &mut String) -> Option<What> {
    if left == right || (allowed.has_fields() && allowed.ignores(path)) {
        return None;
    }
    let length = path.len();
    match (left, right) {
        (Value::Object(l), Value::Object(r)) => {
            let mut names: Vec<&String> = l.keys().chain(r.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                let found = both(l.get(name), r.get(name), allowed, path);
                path.truncate(length);
                if found.is_some() {
                    return found;
                }
            }
            None
        }
        (Value::Array(l), Value::Array(r)) => {
            for index in 0..l.len().max(r.len()) {
                let _ = write!(path, "[{index}]");
                let found = both(l.get(index), r.get(index), allowed, path);
                path.truncate(length);
                if found.is_some() {
                    return found;
                }
            }
            None
        }
        (Value::Number(l), Value::Number(r))
            if l.as_f64()
                .zip(r.as_f64())
                .is_some_and(|(l, r)| l.total_cmp(&r).is_eq() || allowed.near(path, l, r)) =>
        {
            None
        }
        _ => Some(differs(Some(left), Some(right), path)),
    }
}

fn both(
    left: Option<&Value>,
    right: Option<&Value>,
    allowed: &Allowance,
    path: &mut String,
) -> Option<What> {
    match (left, right) {
        (Some(left), Some(right)) => field(left, right, allowed, path),
        (left, right) => {
            let ignored = allowed.has_fields() && allowed.ignores(path);
            (!ignored).then(|| differs(left, right, path))
        }
    }
}

fn differs(left: Option<&Value>, right: Option<&Value>, path: &str) -> What {
    let shown = |value: Option<&Value>| value.map(|value| short(&redact(&value.to_string())));
    What::Field {
        path: path.to_owned(),
        left: shown(left),
        right: shown(right),
    }
}

/// A text of a bounded length.
pub(super) fn short(text: &str) -> String {
    let end = text.floor_char_boundary(SHOWN);
    match text.get(..end) {
        Some(head) if head.len() < text.len() => format!("{head}…"),
        _ => text.to_owned(),
    }
}

/// The number at a path of a JSON content, as [`What::Field`] has it.
pub fn number_at(content: &Content, path: &str) -> Option<f64> {
    let Content::Json(text) = content else {
        return None;
    };
    let value: Value = serde_json::from_str(text).ok()?;
    value_at(&value, path)?.as_f64()
}

/// The value at a path, as [`What::Field`] has it.
pub(crate) fn value_at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut at = value;
    for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        at = match at {
            Value::Array(all) => all.get(part.parse::<usize>().ok()?)?,
            other => other.get(part)?,
        };
    }
    Some(at)
}
