//! Queries as text, which parses to the same query again.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{
    Aggregate, Binary, Column, Columns, Expr, Literal, Path, Query, RouteQuery, Step,
    parse::is_keyword,
    token::{is_name_part, is_name_start},
};

fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_part) && !is_keyword(name)
}

fn name(name: &str, f: &mut Formatter<'_>) -> fmt::Result {
    if is_plain(name) {
        f.write_str(name)
    } else {
        write!(f, "[[{name}]]")
    }
}

fn text(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('\'')?;
    for c in text.chars() {
        match c {
            '\'' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        name(&self.first, f)?;
        for step in &self.steps {
            match step {
                Step::Name(part) if is_plain(part) => write!(f, ".{part}")?,
                Step::Name(part) => {
                    f.write_char('[')?;
                    text(part, f)?;
                    f.write_char(']')?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undefined => f.write_str("undefined"),
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => text(value, f),
        }
    }
}

/// How strongly an expression holds together: weaker ones are put into parentheses.
fn strength(expr: &Expr) -> u8 {
    match expr {
        Expr::Or(_) => 0,
        Expr::And(_) => 1,
        Expr::Not(_) => 2,
        Expr::Binary(operator, ..) => match operator {
            Binary::Add | Binary::Subtract => 4,
            Binary::Multiply | Binary::Divide | Binary::Remainder => 5,
            _ => 3,
        },
        Expr::In { .. } => 3,
        Expr::Negative(_) => 6,
        // A negative constant is read as such only where an operand begins.
        Expr::Literal(_) | Expr::Path(_) | Expr::Array(_) | Expr::Call(..) => 7,
    }
}

fn within(expr: &Expr, least: u8, f: &mut Formatter<'_>) -> fmt::Result {
    if strength(expr) < least {
        write!(f, "({expr})")
    } else {
        write!(f, "{expr}")
    }
}

fn list<T>(
    items: &[T],
    between: &str,
    f: &mut Formatter<'_>,
    mut each: impl FnMut(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            f.write_str(between)?;
        }
        each(item, f)?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => write!(f, "{literal}"),
            Self::Path(path) => write!(f, "{path}"),
            Self::Array(items) => {
                f.write_char('[')?;
                list(items, ", ", f, Display::fmt)?;
                f.write_char(']')
            }
            Self::Not(one) => {
                f.write_str("NOT ")?;
                within(one, 2, f)
            }
            Self::Negative(one) => {
                f.write_char('-')?;
                within(one, 6, f)
            }
            Self::And(all) => list(all, " AND ", f, |one, f| within(one, 2, f)),
            Self::Or(any) => list(any, " OR ", f, |one, f| within(one, 1, f)),
            Self::Binary(operator, left, right) => {
                let own = strength(self);
                // Comparisons do not chain; the others group from the left.
                within(left, own + u8::from(own == 3), f)?;
                write!(f, " {} ", operator.sign())?;
                within(right, own + 1, f)
            }
            Self::In {
                value,
                list,
                negated,
            } => {
                within(value, 4, f)?;
                f.write_str(if *negated { " NIN " } else { " IN " })?;
                within(list, 4, f)
            }
            Self::Call(function, arguments) => {
                write!(f, "{}(", function.name())?;
                list(arguments, ", ", f, Display::fmt)?;
                f.write_char(')')
            }
        }
    }
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.aggregate, &self.path) {
            (None, None) => {}
            (None, Some(path)) => write!(f, "{path}")?,
            (Some(aggregate), None) => write!(f, "{}()", aggregate.name())?,
            (Some(aggregate), Some(path)) => write!(f, "{}({path})", aggregate.name())?,
        }
        if let Some(alias) = &self.alias {
            f.write_str(" AS ")?;
            name(alias, f)?;
        }
        Ok(())
    }
}

impl Aggregate {
    /// Its name as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::Average => "AVG",
            Self::Sum => "SUM",
            Self::Least => "MIN",
            Self::Greatest => "MAX",
        }
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        if let Some(top) = self.top {
            write!(f, "TOP {top} ")?;
        }
        match &self.columns {
            Columns::All => f.write_char('*')?,
            Columns::Some(columns) => list(columns, ", ", f, Display::fmt)?,
        }
        write!(f, " FROM {}", self.from.name())?;
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if !self.group.is_empty() {
            f.write_str(" GROUP BY ")?;
            list(&self.group, ", ", f, Display::fmt)?;
        }
        Ok(())
    }
}

impl Display for RouteQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.condition)
    }
}
