//! `${name}`: values for names, put in before the types are read, so that every error still has
//! its place in the text.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Values by name.
pub(super) type Values<'i> = BTreeMap<String, DeValue<'i>>;

/// A name that has no value.
pub(super) struct Unknown {
    pub(super) name: String,
    pub(super) span: Range<usize>,
}

/// Puts values in everywhere but in the variables themselves.
pub(super) fn replace<'i>(table: &mut DeTable<'i>, values: &Values<'i>) -> Result<(), Unknown> {
    for (key, value) in table.iter_mut() {
        if key.get_ref() != "variables" && key.get_ref() != "matrix" {
            in_value(value, values)?;
        }
    }
    Ok(())
}

fn in_value<'i>(value: &mut Spanned<DeValue<'i>>, values: &Values<'i>) -> Result<(), Unknown> {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) => {
            if let Some(new) = in_text(text, values, &span)? {
                *value = Spanned::new(span, new);
            }
        }
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                in_value(item, values)?;
            }
        }
        DeValue::Table(table) => {
            for (_, item) in table.iter_mut() {
                in_value(item, values)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The text with its names replaced; `None` when it has none.
fn in_text<'i>(
    text: &str,
    values: &Values<'i>,
    span: &Range<usize>,
) -> Result<Option<DeValue<'i>>, Unknown> {
    if !text.contains("${") {
        return Ok(None);
    }
    let value_of = |name: &str| {
        values.get(name).ok_or_else(|| Unknown {
            name: name.to_owned(),
            span: span.clone(),
        })
    };
    let whole = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = whole.filter(|name| !name.contains('}')) {
        return value_of(name).map(|value| Some(value.clone()));
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        // `$${` is a literal `${`.
        if out.ends_with('$') {
            out.push('{');
            rest = &rest[start + 2..];
            continue;
        }
        let Some(end) = rest[start..].find('}') else {
            break;
        };
        out.push_str(&as_text(value_of(&rest[start + 2..start + end])?));
        rest = &rest[start + end + 1..];
    }
    out.push_str(rest);
    Ok(Some(DeValue::String(Cow::Owned(out))))
}

fn as_text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(instant) => instant.to_string(),
        other => format!("{other:?}"),
    }
}
