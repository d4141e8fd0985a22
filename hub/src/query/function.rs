//! The functions of the language.

use std::borrow::Cow;

use serde_json::Value;

use super::eval::{Term, number};

/// A function ("Expressions and conditions", tables of functions). The cloud has most of them in
/// routes only; here both languages have all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `ABS(x)`
    Abs,
    /// `EXP(x)`
    Exp,
    /// `POWER(x, y)`
    Power,
    /// `SQUARE(x)`
    Square,
    /// `CEILING(x)`
    Ceiling,
    /// `FLOOR(x)`
    Floor,
    /// `SIGN(x)`
    Sign,
    /// `SQRT(x)`
    Sqrt,
    /// `AS_NUMBER(x)`: a text that holds a number becomes one.
    AsNumber,
    /// `IS_ARRAY(x)`
    IsArray,
    /// `IS_BOOL(x)`
    IsBool,
    /// `IS_DEFINED(x)`
    IsDefined,
    /// `IS_NULL(x)`
    IsNull,
    /// `IS_NUMBER(x)`
    IsNumber,
    /// `IS_OBJECT(x)`
    IsObject,
    /// `IS_PRIMITIVE(x)`: a text, boolean, number or null.
    IsPrimitive,
    /// `IS_STRING(x)`
    IsString,
    /// `CONCAT(x, y, …)`
    Concat,
    /// `LENGTH(x)`: characters of a text.
    Length,
    /// `LOWER(x)`
    Lower,
    /// `UPPER(x)`
    Upper,
    /// `SUBSTRING(x, start[, length])`, from 0.
    Substring,
    /// `INDEX_OF(x, part)`, or -1.
    IndexOf,
    /// `STARTS_WITH(x, y)`, also `STARTSWITH`.
    StartsWith,
    /// `ENDS_WITH(x, y)`, also `ENDSWITH`.
    EndsWith,
    /// `CONTAINS(x, y)`
    Contains,
}

use Function as F;

/// Name, function, fewest and most arguments.
const TABLE: [(&str, Function, usize, usize); 26] = [
    ("abs", F::Abs, 1, 1),
    ("exp", F::Exp, 1, 1),
    ("power", F::Power, 2, 2),
    ("square", F::Square, 1, 1),
    ("ceiling", F::Ceiling, 1, 1),
    ("floor", F::Floor, 1, 1),
    ("sign", F::Sign, 1, 1),
    ("sqrt", F::Sqrt, 1, 1),
    ("as_number", F::AsNumber, 1, 1),
    ("is_array", F::IsArray, 1, 1),
    ("is_bool", F::IsBool, 1, 1),
    ("is_defined", F::IsDefined, 1, 1),
    ("is_null", F::IsNull, 1, 1),
    ("is_number", F::IsNumber, 1, 1),
    ("is_object", F::IsObject, 1, 1),
    ("is_primitive", F::IsPrimitive, 1, 1),
    ("is_string", F::IsString, 1, 1),
    ("concat", F::Concat, 2, usize::MAX),
    ("length", F::Length, 1, 1),
    ("lower", F::Lower, 1, 1),
    ("upper", F::Upper, 1, 1),
    ("substring", F::Substring, 2, 3),
    ("index_of", F::IndexOf, 2, 2),
    ("starts_with", F::StartsWith, 2, 2),
    ("ends_with", F::EndsWith, 2, 2),
    ("contains", F::Contains, 2, 2),
];

/// Longest text that a function makes, in bytes: nothing a document holds is longer.
const LONGEST: usize = 256 * 1024;

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = match name.as_str() {
            "startswith" => "starts_with",
            "endswith" => "ends_with",
            other => other,
        };
        TABLE.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// Its name as it is printed.
    pub fn name(self) -> &'static str {
        TABLE
            .iter()
            .find(|row| row.1 == self)
            .map_or("", |row| row.0)
    }

    /// How many arguments it takes, at least and at most.
    pub fn arguments(self) -> (usize, usize) {
        let row = TABLE.iter().find(|row| row.1 == self);
        row.map_or((0, 0), |row| (row.2, row.3))
    }

    pub(super) fn call<'a>(self, arguments: &[Term<'a>]) -> Term<'a> {
        let first = arguments.first()?.as_deref();
        let is = |test: fn(&Value) -> bool| Some(Cow::Owned(Value::Bool(first.is_some_and(test))));
        match self {
            F::IsDefined => is(|_| true),
            F::IsArray => is(Value::is_array),
            F::IsBool => is(Value::is_boolean),
            F::IsNull => is(Value::is_null),
            F::IsNumber => is(Value::is_number),
            F::IsObject => is(Value::is_object),
            F::IsPrimitive => is(|value| !value.is_object() && !value.is_array()),
            F::IsString => is(Value::is_string),
            F::AsNumber => match first? {
                Value::Number(_) => arguments[0].clone(),
                Value::String(text) => number(text.trim().parse().ok()?),
                _ => None,
            },
            F::Abs | F::Exp | F::Square | F::Ceiling | F::Floor | F::Sign | F::Sqrt | F::Power => {
                self.calculated(first?.as_f64()?, arguments)
            }
            _ => self.of_text(first?.as_str()?, arguments),
        }
    }

    fn calculated<'a>(self, x: f64, arguments: &[Term<'_>]) -> Term<'a> {
        number(match self {
            F::Abs => x.abs(),
            F::Exp => x.exp(),
            F::Square => x * x,
            F::Ceiling => x.ceil(),
            F::Floor => x.floor(),
            F::Sign if x == 0.0 => 0.0,
            F::Sign => x.signum(),
            F::Sqrt => x.sqrt(),
            F::Power => x.powf(arguments.get(1)?.as_deref()?.as_f64()?),
            _ => return None,
        })
    }

    fn of_text<'a>(self, text: &str, arguments: &[Term<'_>]) -> Term<'a> {
        let other = || arguments.get(1)?.as_deref()?.as_str();
        let value = match self {
            F::Length => return number(text.chars().count() as f64),
            F::Lower => Value::String(text.to_lowercase()),
            F::Upper => Value::String(text.to_uppercase()),
            F::StartsWith => Value::Bool(text.starts_with(other()?)),
            F::EndsWith => Value::Bool(text.ends_with(other()?)),
            F::Contains => Value::Bool(text.contains(other()?)),
            F::IndexOf => {
                let at = text.find(other()?);
                return number(at.map_or(-1.0, |at| text[..at].chars().count() as f64));
            }
            F::Substring => {
                let count = |n: usize| -> Option<usize> {
                    let count = arguments.get(n)?.as_deref()?.as_f64()?;
                    (count >= 0.0).then_some(count as usize)
                };
                let rest = text.chars().skip(count(1)?);
                let length = if arguments.len() > 2 {
                    count(2)?
                } else {
                    usize::MAX
                };
                Value::String(rest.take(length).collect())
            }
            F::Concat => {
                let mut whole = String::new();
                for argument in arguments {
                    whole.push_str(argument.as_deref()?.as_str()?);
                    if whole.len() > LONGEST {
                        return None;
                    }
                }
                Value::String(whole)
            }
            _ => return None,
        };
        Some(Cow::Owned(value))
    }
}
