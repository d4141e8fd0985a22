//! The values of XML-RPC.

use std::collections::BTreeMap;

/// A value of XML-RPC, as Renode's keywords return them.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// Text. Renode ends the text of a command with several line ends.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Yes or no.
    Bool(bool),
    /// A row.
    Array(Vec<Value>),
    /// Named values.
    Struct(BTreeMap<String, Value>),
}

impl Value {
    /// Its text, when it is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its number, when it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// A member by name. Releases write the same name in different case (`line`, `Line`).
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(members) => members
                .iter()
                .find(|(it, _)| it.eq_ignore_ascii_case(name))
                .map(|(_, value)| value),
            _ => None,
        }
    }
}
