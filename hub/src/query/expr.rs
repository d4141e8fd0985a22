//! Expressions as they are parsed.

use super::{Function, Path};

/// An expression. Long chains of `AND` and `OR` are flat, and the parser bounds how deep everything
/// else nests, so evaluation and release need little stack.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A constant.
    Literal(Literal),
    /// A property of the document.
    Path(Path),
    /// An array constant.
    Array(Vec<Literal>),
    /// `NOT x`.
    Not(Box<Expr>),
    /// `-x`.
    Negative(Box<Expr>),
    /// Two or more, joined by `AND`.
    And(Vec<Expr>),
    /// Two or more, joined by `OR`.
    Or(Vec<Expr>),
    /// A calculation or a comparison.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `x IN […]` or `x NIN […]`.
    In {
        /// What is looked for.
        value: Box<Expr>,
        /// Where.
        list: Box<Expr>,
        /// Whether it is `NIN`.
        negated: bool,
    },
    /// A function with as many arguments as it takes.
    Call(Function, Vec<Expr>),
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(String),
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `=`
    Equal,
    /// `<>` or `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

impl Binary {
    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    pub(super) fn comparison(sign: &str) -> Option<Self> {
        Some(match sign {
            "=" => Self::Equal,
            "<>" | "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    pub(super) fn sum(sign: &str) -> Option<Self> {
        match sign {
            "+" => Some(Self::Add),
            "-" => Some(Self::Subtract),
            _ => None,
        }
    }

    pub(super) fn product(sign: &str) -> Option<Self> {
        match sign {
            "*" => Some(Self::Multiply),
            "/" => Some(Self::Divide),
            "%" => Some(Self::Remainder),
            _ => None,
        }
    }
}
