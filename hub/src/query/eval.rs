//! What an expression is worth, given a document.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::{Number, Value};

use super::{Binary, Expr, Literal, Path, Step};

/// A value, or `None` for *undefined*.
pub type Term<'a> = Option<Cow<'a, Value>>;

/// Where paths are looked up.
pub trait Scope {
    /// The value at a path, if there is one.
    fn find(&self, path: &Path) -> Term<'_>;
}

/// A JSON document as a scope: its first names are found in any case, the rest as written.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a>(pub &'a Value);

impl Document<'_> {
    /// The name of a first-level member as the document writes it.
    pub(super) fn own_name(&self, name: &str) -> Option<&str> {
        let members = self.0.as_object()?;
        let exact = members.get_key_value(name).map(|(own, _)| own);
        let same = |own: &&String| own.eq_ignore_ascii_case(name);
        exact
            .or_else(|| members.keys().find(same))
            .map(String::as_str)
    }
}

impl Scope for Document<'_> {
    fn find(&self, path: &Path) -> Term<'_> {
        let first = self.0.get(self.own_name(path.first())?)?;
        walk(first, path.steps(), false).map(Cow::Borrowed)
    }
}

/// Follows steps into a value; on request with names in any case.
pub(super) fn walk<'a>(value: &'a Value, steps: &[Step], any_case: bool) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Index(index) => value.as_array()?.get(*index),
        Step::Name(name) => {
            let members = value.as_object()?;
            members.get(name).or_else(|| {
                let mut same = members
                    .iter()
                    .filter(|(own, _)| own.eq_ignore_ascii_case(name));
                same.next().filter(|_| any_case).map(|(_, value)| value)
            })
        }
    })
}

/// A number as a term; one that JSON cannot hold is undefined. Whole ones are kept as integers,
/// as a reader of the answer expects them.
pub(super) fn number<'a>(x: f64) -> Term<'a> {
    let whole = x.fract() == 0.0 && x.abs() < 9e15;
    let number = if whole {
        Some(Number::from(x as i64))
    } else {
        Number::from_f64(x)
    };
    number.map(|number| Cow::Owned(Value::Number(number)))
}

impl Literal {
    pub(super) fn term(&self) -> Term<'_> {
        Some(Cow::Owned(match self {
            Self::Undefined => return None,
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => return number(*value),
            Self::Text(text) => Value::String(text.clone()),
        }))
    }
}

impl Expr {
    /// Whether the condition is true; undefined and every other value are not.
    pub fn holds(&self, scope: &impl Scope) -> bool {
        self.truth(scope) == Some(true)
    }

    /// The condition's value of three.
    fn truth(&self, scope: &impl Scope) -> Option<bool> {
        match self {
            Self::And(all) => joined(all.iter().map(|one| one.truth(scope)), false),
            Self::Or(any) => joined(any.iter().map(|one| one.truth(scope)), true),
            Self::Not(one) => one.truth(scope).map(|truth| !truth),
            other => other.value(scope)?.as_bool(),
        }
    }

    /// Its value.
    pub fn value<'a>(&'a self, scope: &'a impl Scope) -> Term<'a> {
        match self {
            Self::Literal(literal) => literal.term(),
            Self::Path(path) => scope.find(path),
            Self::Array(items) => {
                let items = items.iter().filter_map(Literal::term);
                Some(Cow::Owned(items.map(Cow::into_owned).collect()))
            }
            Self::Negative(one) => number(-one.value(scope)?.as_f64()?),
            Self::And(_) | Self::Or(_) | Self::Not(_) => truth_term(self.truth(scope)),
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.value(scope)?, right.value(scope)?);
                match operator {
                    Binary::Add
                    | Binary::Subtract
                    | Binary::Multiply
                    | Binary::Divide
                    | Binary::Remainder => calculated(*operator, left.as_f64()?, right.as_f64()?),
                    _ => truth_term(compared(*operator, &left, &right)),
                }
            }
            Self::In {
                value,
                list,
                negated,
            } => {
                let (value, list) = (value.value(scope)?, list.value(scope)?);
                let mut items = list.as_array()?.iter();
                let there = items.any(|item| compared(Binary::Equal, &value, item) == Some(true));
                truth_term(Some(there != *negated))
            }
            Self::Call(function, arguments) => {
                let terms: Vec<_> = arguments.iter().map(|one| one.value(scope)).collect();
                function.call(&terms)
            }
        }
    }
}

/// Kleene's `AND` (decided by a false) and `OR` (decided by a true).
fn joined(truths: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut result = Some(!decisive);
    for truth in truths {
        match truth {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

fn truth_term<'a>(truth: Option<bool>) -> Term<'a> {
    truth.map(|truth| Cow::Owned(Value::Bool(truth)))
}

fn calculated<'a>(operator: Binary, x: f64, y: f64) -> Term<'a> {
    number(match operator {
        Binary::Add => x + y,
        Binary::Subtract => x - y,
        Binary::Multiply => x * y,
        Binary::Divide => x / y,
        Binary::Remainder => x % y,
        _ => return None,
    })
}

/// The order of two values of one primitive type.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn compared(operator: Binary, left: &Value, right: &Value) -> Option<bool> {
    let primitive = |value: &Value| !value.is_array() && !value.is_object();
    if !primitive(left) || !primitive(right) {
        return None;
    }
    let order = order(left, right);
    match operator {
        Binary::Equal => Some(order == Some(Ordering::Equal)),
        Binary::NotEqual => Some(order != Some(Ordering::Equal)),
        Binary::Less => order.map(Ordering::is_lt),
        Binary::LessOrEqual => order.map(Ordering::is_le),
        Binary::Greater => order.map(Ordering::is_gt),
        Binary::GreaterOrEqual => order.map(Ordering::is_ge),
        _ => None,
    }
}
