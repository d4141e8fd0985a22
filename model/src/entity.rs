//! Entity identities of the durable engine.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A durable entity's identity, `@name@key`.
///
/// The name is folded to lower case, the key is kept verbatim and may be empty or hold further
/// `@` (`durable-semantics`, section 1). Ordered by (name, key), which is also the order in which
/// locks are taken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntityId {
    name: Arc<str>,
    key: Arc<str>,
}

/// Why a text is not an entity id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntityIdError {
    /// The name is empty.
    #[error("an entity name must not be empty")]
    EmptyName,
    /// The name holds an `@`, which separates it from the key.
    #[error("entity name {0:?} must not hold '@'")]
    AtInName(String),
    /// The text is not of the form `@name@key`.
    #[error("{0:?} is not an entity id: expected @name@key")]
    Form(String),
}

impl EntityId {
    /// Makes an entity id from its name (any case) and key (verbatim).
    ///
    /// # Errors
    /// When the name is empty or holds `@`.
    pub fn new(name: &str, key: &str) -> Result<Self, EntityIdError> {
        if name.is_empty() {
            return Err(EntityIdError::EmptyName);
        }
        if name.contains('@') {
            return Err(EntityIdError::AtInName(name.to_owned()));
        }
        Ok(Self {
            name: name.to_lowercase().into(),
            key: key.into(),
        })
    }

    /// The name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key, verbatim.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}@{}", self.name, self.key)
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EntityId {
    type Err = EntityIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || EntityIdError::Form(text.to_owned());
        let rest = text.strip_prefix('@').ok_or_else(form)?;
        let (name, key) = rest.split_once('@').ok_or_else(form)?;
        Self::new(name, key)
    }
}

impl TryFrom<String> for EntityId {
    type Error = EntityIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EntityId> for String {
    fn from(id: EntityId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_the_name_and_keeps_the_key() {
        let id = EntityId::new("Counter", "Ab@c").unwrap();
        assert_eq!(id.to_string(), "@counter@Ab@c");
        assert_eq!("@Counter@Ab@c".parse::<EntityId>().unwrap(), id);
        assert_eq!("@counter@".parse::<EntityId>().unwrap().key(), "");
    }

    #[test]
    fn refuses_other_forms() {
        for text in ["", "counter", "@counter", "@@key"] {
            assert!(text.parse::<EntityId>().is_err(), "{text:?}");
        }
    }
}
