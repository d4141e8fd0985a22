//! JSON as text, parsed by whom it concerns.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::{RawValue, Value};

use crate::Failure;

/// A value as the text it was written in. Cheap to clone; passed on verbatim.
///
/// The engine passes inputs, states and outputs on without looking into them, so it keeps text.
/// Nearly always it is JSON; a worker elsewhere may write what it likes ([`from_text`]).
///
/// [`from_text`]: Self::from_text
#[derive(Clone)]
pub struct Json(Text);

#[derive(Clone)]
enum Text {
    Json(Arc<RawValue>),
    /// Not JSON: where JSON is written, it is a JSON string.
    Other(Arc<str>),
}

impl Json {
    /// `null`.
    pub fn null() -> Self {
        Value::Null.into()
    }

    /// The JSON form of a value.
    ///
    /// # Errors
    /// When it has none, e.g. a map whose keys are not texts.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, Failure> {
        serde_json::value::to_raw_value(value)
            .map(|raw| Self(Text::Json(raw.into())))
            .map_err(|cause| Failure::new("SerializationError", cause.to_string()))
    }

    /// Checks a text and takes it as it is.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn parse(text: impl Into<String>) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text.into()).map(|raw| Self(Text::Json(raw.into())))
    }

    /// Takes any text as it is.
    pub fn from_text(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        // Without room around it, as `RawValue` demands.
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) if raw.get().len() == text.len() => Self(Text::Json(raw.to_owned().into())),
            _ => Self(Text::Other(text.into())),
        }
    }

    /// Reads it as a type.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(self.as_str())
            .map_err(|cause| Failure::new("DeserializationError", cause.to_string()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Json(raw) => raw.get(),
            Text::Other(text) => text,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// Whether it is JSON.
    pub const fn is_json(&self) -> bool {
        matches!(self.0, Text::Json(_))
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        // A `Value` always has a text, and it is valid JSON.
        match RawValue::from_string(value.to_string()) {
            Ok(raw) => Self(Text::Json(raw.into())),
            Err(_) => Self(Text::Json(RawValue::NULL.to_owned().into())),
        }
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Text::Json(raw) if serializer.is_human_readable() => raw.serialize(serializer),
            _ => serializer.serialize_str(self.as_str()),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Box::<RawValue>::deserialize(deserializer).map(|raw| Self(Text::Json(raw.into())))
        } else {
            <&str>::deserialize(deserializer).map(Self::from_text)
        }
    }
}
