//! From TOML to a condition.

use regex::Regex;
use serde_json::Value;

use super::Matcher;

/// Every word of a condition.
pub const WORDS: [&str; 18] = [
    "above",
    "below",
    "at-least",
    "at-most",
    "near",
    "by",
    "matches",
    "contains",
    "starts-with",
    "ends-with",
    "exists",
    "not",
    "one-of",
    "length",
    "each",
    "first",
    "last",
    "is",
];

/// Why a condition cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// A word needs another kind of value.
    #[error("`{word}` needs {needs}, not {found}")]
    Kind {
        /// The word.
        word: String,
        /// What it needs.
        needs: &'static str,
        /// What was given.
        found: String,
    },
    /// A regular expression is not one.
    #[error("`{text}` is no regular expression: {reason}")]
    Regex {
        /// The expression.
        text: String,
        /// Why.
        reason: String,
    },
    /// Words of conditions beside names of members.
    #[error("`{word}` is a word of conditions and stands beside the member `{member}`")]
    Mixed {
        /// The word.
        word: String,
        /// The member's name.
        member: String,
    },
    /// `by` without `near`.
    #[error("`by` says how far `near` may be off and stands without it")]
    LoneBy,
}

impl MatcherError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Kind { .. } => {
                "see the table of conditions in the reference of scenario files".into()
            }
            Self::Regex { .. } => {
                "TOML's single quotes keep backslashes as they are: matches = '^\\d+$'".into()
            }
            Self::Mixed { word, .. } => {
                format!(
                    "for a member that is called `{word}`, write its value as {{ is = … }} below `is`, or split the condition"
                )
            }
            Self::LoneBy => "write { near = 21.5, by = 0.5 }".into(),
        }
    }
}

impl Matcher {
    /// Reads a condition.
    ///
    /// # Errors
    /// When a word has a value of another kind, or words and members are mixed.
    pub fn parse(value: &toml::Value) -> Result<Self, MatcherError> {
        match value {
            toml::Value::Table(table) => Self::table(table),
            toml::Value::Array(items) => Ok(Self::Items(
                items.iter().map(Self::parse).collect::<Result<_, _>>()?,
            )),
            plain => Ok(Self::Is(json(plain))),
        }
    }

    fn table(table: &toml::Table) -> Result<Self, MatcherError> {
        let word = table.keys().find(|key| WORDS.contains(&key.as_str()));
        let member = table.keys().find(|key| !WORDS.contains(&key.as_str()));
        let Some(word) = word else {
            let fields = table
                .iter()
                .map(|(name, value)| Ok((name.clone(), Self::parse(value)?)));
            return Ok(Self::Fields(fields.collect::<Result<_, _>>()?));
        };
        if let Some(member) = member {
            return Err(MatcherError::Mixed {
                word: word.clone(),
                member: member.clone(),
            });
        }
        if table.contains_key("by") && !table.contains_key("near") {
            return Err(MatcherError::LoneBy);
        }
        let mut all = Vec::new();
        for (word, value) in table {
            if word != "by" {
                all.push(Self::word(word, value, table)?);
            }
        }
        if all.len() == 1
            && let Some(only) = all.pop()
        {
            return Ok(only);
        }
        Ok(Self::All(all))
    }

    fn word(word: &str, value: &toml::Value, table: &toml::Table) -> Result<Self, MatcherError> {
        let boxed = |value| Self::parse(value).map(Box::new);
        Ok(match word {
            "above" => Self::Above(number(word, value)?),
            "below" => Self::Below(number(word, value)?),
            "at-least" => Self::AtLeast(number(word, value)?),
            "at-most" => Self::AtMost(number(word, value)?),
            "near" => {
                let by = table.get("by").map_or(Ok(1e-9), |by| number("by", by))?;
                Self::Near(number(word, value)?, by)
            }
            "matches" => {
                let text = text(word, value)?;
                Self::Matches(regex(text)?)
            }
            "contains" => Self::Contains(boxed(value)?),
            "starts-with" => Self::StartsWith(text(word, value)?.to_owned()),
            "ends-with" => Self::EndsWith(text(word, value)?.to_owned()),
            "exists" => {
                let exists = value
                    .as_bool()
                    .ok_or_else(|| kind(word, "true or false", value))?;
                Self::Exists(exists)
            }
            "not" => Self::Not(boxed(value)?),
            "one-of" => {
                let items = value
                    .as_array()
                    .ok_or_else(|| kind(word, "a list", value))?;
                Self::OneOf(items.iter().map(Self::parse).collect::<Result<_, _>>()?)
            }
            "length" => Self::Length(boxed(value)?),
            "each" => Self::Each(boxed(value)?),
            "first" => Self::First(boxed(value)?),
            "last" => Self::Last(boxed(value)?),
            _ => Self::Is(json(value)),
        })
    }
}

/// Reads a regular expression.
pub(crate) fn regex(text: &str) -> Result<Regex, MatcherError> {
    Regex::new(text).map_err(|cause| {
        let reason = cause.to_string();
        // The last line says what is wrong; those before draw the expression once more.
        let last = reason.lines().last().unwrap_or_default();
        MatcherError::Regex {
            text: text.to_owned(),
            reason: last.trim_start_matches("error: ").to_owned(),
        }
    })
}

fn kind(word: &str, needs: &'static str, found: &toml::Value) -> MatcherError {
    MatcherError::Kind {
        word: word.to_owned(),
        needs,
        found: format!("{} {found}", found.type_str()),
    }
}

fn number(word: &str, value: &toml::Value) -> Result<f64, MatcherError> {
    match value {
        toml::Value::Integer(number) => Ok(*number as f64),
        toml::Value::Float(number) => Ok(*number),
        other => Err(kind(word, "a number", other)),
    }
}

fn text<'a>(word: &str, value: &'a toml::Value) -> Result<&'a str, MatcherError> {
    value.as_str().ok_or_else(|| kind(word, "a text", value))
}

/// TOML as JSON; instants become their text.
pub(crate) fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(instant) => instant.to_string().into(),
        toml::Value::Array(items) => items.iter().map(json).collect(),
        toml::Value::Table(table) => table
            .iter()
            .map(|(name, value)| (name.clone(), json(value)))
            .collect(),
    }
}
