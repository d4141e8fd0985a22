//! What can be configured: reading, defaults, and what makes no sense.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{
    Setting, TwinType,
    file::{FieldType, Outside, SettingType},
};
use crate::configuration::Retention;

impl FieldType {
    /// A value of this type, in its one form; `None` for another.
    pub(super) fn read(self, value: &Value) -> Option<Value> {
        match self {
            Self::Number => value.as_f64().map(Value::from),
            Self::Bool => value.as_bool().map(Value::from),
            Self::Text => value.as_str().map(Value::from),
        }
    }

    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Text => "a text",
        }
    }
}

/// A value of a setting's type, in its one form.
///
/// # Errors
/// What it must be.
pub(super) fn read(kind: SettingType, value: &Value) -> Result<Value, &'static str> {
    match kind {
        SettingType::Number => value.as_f64().map(Value::from).ok_or("a number"),
        SettingType::Integer => value
            .as_i64()
            .filter(|number| i32::try_from(*number).is_ok())
            .map(Value::from)
            .ok_or("a whole number of 32 bits"),
        SettingType::Bool => value.as_bool().map(Value::from).ok_or("true or false"),
        SettingType::Text => value.as_str().map(Value::from).ok_or("a text"),
        SettingType::Span => serde_json::from_value::<Retention>(value.clone())
            .ok()
            .and_then(|span| serde_json::to_value(span).ok())
            .ok_or("a time span such as \"00:10:00\" or \"1.00:00:00\""),
    }
}

/// Compares two values of a type; texts and the like are equal.
pub(super) fn compare(kind: SettingType, a: &Value, b: &Value) -> Ordering {
    match kind {
        SettingType::Number | SettingType::Integer => a
            .as_f64()
            .zip(b.as_f64())
            .map_or(Ordering::Equal, |(a, b)| a.total_cmp(&b)),
        SettingType::Span => span(a)
            .zip(span(b))
            .map_or(Ordering::Equal, |(a, b)| a.cmp(&b)),
        SettingType::Bool | SettingType::Text => Ordering::Equal,
    }
}

pub(super) fn span(value: &Value) -> Option<Retention> {
    serde_json::from_value(value.clone()).ok()
}

impl Setting {
    /// What becomes of a value that was given; absent and null are the default.
    fn settle(&self, given: Option<&Value>) -> Result<Value, String> {
        let Some(given) = given.filter(|it| !it.is_null()) else {
            return Ok(self.default.clone());
        };
        let value = read(self.kind, given)
            .map_err(|needs| format!("{} is {needs}, not {given}", self.name))?;
        for (limit, wrong, outside) in [
            (&self.min, Ordering::Less, self.below),
            (&self.max, Ordering::Greater, self.above),
        ] {
            if let Some(limit) = limit
                && compare(self.kind, &value, limit) == wrong
            {
                return Ok(match outside {
                    Outside::Nearest => limit.clone(),
                    Outside::Default => self.default.clone(),
                });
            }
        }
        Ok(value)
    }
}

impl TwinType {
    /// The configuration that comes of what is given.
    ///
    /// # Errors
    /// When a value is of another type.
    pub(super) fn configured(&self, given: &Value) -> Result<Map<String, Value>, String> {
        let mut configuration = Map::new();
        for setting in &self.settings {
            let value = setting.settle(member(given, &setting.name))?;
            let mut place = &mut configuration;
            let mut names = setting.name.split('.').peekable();
            while let Some(name) = names.next() {
                if names.peek().is_none() {
                    place.insert(name.to_owned(), value);
                    break;
                }
                let entry = place
                    .entry(name.to_owned())
                    .or_insert_with(|| Map::new().into());
                let Value::Object(inner) = entry else {
                    return Err(format!("{} lies within a value", setting.name));
                };
                place = inner;
            }
        }
        Ok(configuration)
    }
}

/// The member that a dotted name leads to.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    name.split('.')
        .try_fold(value, |value, name| value.get(name))
}
