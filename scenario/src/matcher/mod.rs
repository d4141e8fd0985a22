//! What a value should be: written in TOML, compared with JSON.
//!
//! A plain value must be equal (numbers by value: `30` is `30.0`), a table must be found as part
//! of an object, an array item by item. A table of which every key is one of the words below is a
//! condition instead; several words must hold together.
//!
//! | word | holds when the value is |
//! |---|---|
//! | `above`, `below`, `at-least`, `at-most` | a number so compared |
//! | `near = 21.5, by = 0.5` | a number at most `by` (default 1e-9) away |
//! | `matches` | a text in which the regular expression is found |
//! | `contains` | a text with this part, or an array with an item that matches |
//! | `starts-with`, `ends-with` | a text of that form |
//! | `exists` | there (`true`) or absent (`false`); null counts as absent |
//! | `not` | one that does not match |
//! | `one-of` | one that matches any of the list |
//! | `length` | a text, array or object whose length matches |
//! | `each`, `first`, `last` | an array of which every, the first, the last item matches |
//! | `is` | exactly this, whatever words it holds |

mod compare;
mod parse;

use std::fmt;

use ::regex::Regex;
use serde_json::Value;

pub use compare::Mismatch;
pub(crate) use compare::shown;
pub use parse::{MatcherError, WORDS};
pub(crate) use parse::{json, regex};

/// What a value should be.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// This very value.
    Is(Value),
    /// An object with at least these members.
    Fields(Vec<(String, Matcher)>),
    /// An array of these items.
    Items(Vec<Matcher>),
    /// A number above.
    Above(f64),
    /// A number below.
    Below(f64),
    /// A number not below.
    AtLeast(f64),
    /// A number not above.
    AtMost(f64),
    /// A number at most so far away.
    Near(f64, f64),
    /// A text in which this is found.
    Matches(Regex),
    /// A text with this part, or an array with such an item.
    Contains(Box<Matcher>),
    /// A text that begins so.
    StartsWith(String),
    /// A text that ends so.
    EndsWith(String),
    /// Whether it is there.
    Exists(bool),
    /// One that does not match.
    Not(Box<Matcher>),
    /// One that matches any of them.
    OneOf(Vec<Matcher>),
    /// One that matches all of them.
    All(Vec<Matcher>),
    /// Its length matches.
    Length(Box<Matcher>),
    /// Every item matches.
    Each(Box<Matcher>),
    /// The first item matches.
    First(Box<Matcher>),
    /// The last item matches.
    Last(Box<Matcher>),
}

/// As a person would say it, in one line.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, items: &[Matcher], between: &str| {
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    f.write_str(between)?;
                }
                write!(f, "{item}")?;
            }
            Ok(())
        };
        match self {
            Self::Is(value) => write!(f, "{value}"),
            Self::Fields(fields) => {
                f.write_str("{")?;
                for (n, (name, matcher)) in fields.iter().enumerate() {
                    let comma = if n > 0 { ", " } else { "" };
                    write!(f, "{comma}{name}: {matcher}")?;
                }
                f.write_str("}")
            }
            Self::Items(items) => {
                f.write_str("[")?;
                list(f, items, ", ")?;
                f.write_str("]")
            }
            Self::Above(limit) => write!(f, "above {limit}"),
            Self::Below(limit) => write!(f, "below {limit}"),
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
            Self::AtMost(limit) => write!(f, "at most {limit}"),
            Self::Near(value, by) => write!(f, "{value} ± {by}"),
            Self::Matches(regex) => write!(f, "matching /{regex}/"),
            Self::Contains(part) => write!(f, "containing {part}"),
            Self::StartsWith(text) => write!(f, "starting with {text:?}"),
            Self::EndsWith(text) => write!(f, "ending with {text:?}"),
            Self::Exists(true) => f.write_str("something"),
            Self::Exists(false) => f.write_str("nothing"),
            Self::Not(matcher) => write!(f, "not {matcher}"),
            Self::OneOf(all) => {
                f.write_str("one of (")?;
                list(f, all, " | ")?;
                f.write_str(")")
            }
            Self::All(all) => list(f, all, " and "),
            Self::Length(length) => write!(f, "of length {length}"),
            Self::Each(item) => write!(f, "with each item {item}"),
            Self::First(item) => write!(f, "with the first item {item}"),
            Self::Last(item) => write!(f, "with the last item {item}"),
        }
    }
}
