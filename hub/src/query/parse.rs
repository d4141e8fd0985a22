//! The parser: by descent, one function for each level of precedence.

use super::{
    Aggregate, Binary, Collection, Column, Columns, Expr, Function, Literal, Path, Query,
    QueryError, Step,
    token::{Dialect, Token, tokens},
};

/// How deep expressions nest at most.
const DEPTH: usize = 100;
/// How many calculations a query may hold: each may make the expression one deeper.
const CALCULATIONS: usize = 500;

const KEYWORDS: [&str; 17] = [
    "select",
    "top",
    "from",
    "where",
    "group",
    "by",
    "order",
    "and",
    "or",
    "not",
    "in",
    "nin",
    "as",
    "true",
    "false",
    "null",
    "undefined",
];

pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(word))
}

pub(super) struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
    calculations: usize,
}

impl Parser {
    pub(super) fn new(text: &str, dialect: Dialect) -> Result<Self, QueryError> {
        Ok(Self {
            tokens: tokens(text, dialect)?,
            at: 0,
            depth: 0,
            calculations: 0,
        })
    }

    /// The token here; the last one is the end, and stays.
    fn here(&self) -> &Token {
        self.ahead(0)
    }

    fn ahead(&self, n: usize) -> &Token {
        self.tokens
            .get(self.at + n)
            .map_or(&Token::End, |(_, token)| token)
    }

    fn step(&mut self) {
        self.at += 1;
    }

    fn error(&self, reason: impl Into<String>) -> QueryError {
        let place = self.tokens.get(self.at).or(self.tokens.last());
        QueryError::new(place.map_or(1, |(place, _)| *place), reason)
    }

    fn expected<T>(&self, what: &str) -> Result<T, QueryError> {
        let found = self.here().shown();
        Err(self.error(format!("expected {what}, found {found}")))
    }

    fn is_word(&self, keyword: &str) -> bool {
        matches!(self.here(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_word(&mut self, keyword: &str) -> bool {
        let there = self.is_word(keyword);
        self.at += usize::from(there);
        there
    }

    fn need_word(&mut self, keyword: &str) -> Result<(), QueryError> {
        if self.take_word(keyword) {
            Ok(())
        } else {
            self.expected(&keyword.to_ascii_uppercase())
        }
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let there = *self.here() == Token::Sign(known(sign));
        self.at += usize::from(there);
        there
    }

    fn need_sign(&mut self, sign: &'static str) -> Result<(), QueryError> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            self.expected(&format!("{sign:?}"))
        }
    }

    pub(super) fn end(&self) -> Result<(), QueryError> {
        match self.here() {
            Token::End => Ok(()),
            _ if self.is_word("order") => {
                Err(self.error("IoT Hub has no ORDER BY: sort the rows where they arrive"))
            }
            _ => self.expected("the end"),
        }
    }

    pub(super) fn query(&mut self) -> Result<Query, QueryError> {
        self.need_word("select")?;
        let top = self.top()?;
        let place = self.at;
        let columns = self.columns()?;
        self.need_word("from")?;
        let from = self.collection()?;
        let condition = if self.take_word("where") {
            Some(self.expression()?)
        } else {
            None
        };
        let mut group = Vec::new();
        if self.take_word("group") {
            self.need_word("by")?;
            group.push(self.path()?);
            while self.take_sign(",") {
                group.push(self.path()?);
            }
        }
        self.end()?;
        let query = Query {
            top,
            columns,
            from,
            condition,
            group,
        };
        self.at = place;
        query.check().map_err(|reason| self.error(reason))?;
        Ok(query)
    }

    fn top(&mut self) -> Result<Option<u64>, QueryError> {
        if !self.take_word("top") {
            return Ok(None);
        }
        match *self.here() {
            Token::Number(n) if n >= 1.0 && n.fract() == 0.0 && n <= 1e9 => {
                self.step();
                Ok(Some(n as u64))
            }
            _ => self.expected("a whole number of rows from 1"),
        }
    }

    fn columns(&mut self) -> Result<Columns, QueryError> {
        if self.take_sign("*") {
            return Ok(Columns::All);
        }
        let mut columns = vec![self.column()?];
        while self.take_sign(",") {
            columns.push(self.column()?);
        }
        Ok(Columns::Some(columns))
    }

    fn column(&mut self) -> Result<Column, QueryError> {
        let aggregate = match (self.here(), self.ahead(1)) {
            (Token::Word(word), Token::Sign("(")) => match Aggregate::named(word) {
                Some(aggregate) => Some(aggregate),
                None => return self.expected("a property, or one of count, avg, sum, min, max"),
            },
            _ => None,
        };
        let path = match aggregate {
            None => Some(self.path()?),
            Some(aggregate) => {
                self.at += 2;
                let path = if *self.here() == Token::Sign(")") && aggregate == Aggregate::Count {
                    None
                } else {
                    Some(self.path()?)
                };
                self.need_sign(")")?;
                path
            }
        };
        let alias = if self.take_word("as") {
            Some(self.name("a name for the column")?)
        } else {
            None
        };
        Ok(Column {
            aggregate,
            path,
            alias,
        })
    }

    fn collection(&mut self) -> Result<Collection, QueryError> {
        let what = "devices, devices.modules or devices.jobs";
        if !self.take_word("devices") {
            return self.expected(what);
        }
        if !self.take_sign(".") {
            return Ok(Collection::Devices);
        }
        if self.take_word("modules") {
            Ok(Collection::Modules)
        } else if self.take_word("jobs") {
            Ok(Collection::Jobs)
        } else {
            self.expected(what)
        }
    }

    /// Any name: a word that is none of the language's, or one in double brackets.
    fn name(&mut self, what: &str) -> Result<String, QueryError> {
        let name = match self.here() {
            Token::Word(word) if !is_keyword(word) => word.clone(),
            Token::Quoted(name) => name.clone(),
            _ => return self.expected(what),
        };
        self.step();
        Ok(name)
    }

    fn path(&mut self) -> Result<Path, QueryError> {
        let first = self.name("a property")?;
        let mut steps = Vec::new();
        loop {
            if self.take_sign(".") {
                // After a dot even a word of the language is a name.
                let name = match self.here() {
                    Token::Word(name) | Token::Quoted(name) => name.clone(),
                    _ => return self.expected("a name"),
                };
                self.step();
                steps.push(Step::Name(name));
            } else if self.take_sign("[") {
                let step = match self.here() {
                    Token::Text(name) => Step::Name(name.clone()),
                    Token::Number(n) if n.fract() == 0.0 && *n <= 1e9 => Step::Index(*n as usize),
                    _ => return self.expected("an index or a name in quotes"),
                };
                self.step();
                self.need_sign("]")?;
                steps.push(step);
            } else {
                return Ok(Path { first, steps });
            }
        }
    }

    /// Runs a level of the grammar one deeper.
    fn nested<T>(
        &mut self,
        level: impl FnOnce(&mut Self) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        if self.depth == DEPTH {
            return Err(self.error(format!("the condition nests deeper than {DEPTH} levels")));
        }
        self.depth += 1;
        let result = level(self);
        self.depth -= 1;
        result
    }

    pub(super) fn expression(&mut self) -> Result<Expr, QueryError> {
        self.nested(|this| {
            this.chain("or", Expr::Or, |this| {
                this.chain("and", Expr::And, Self::negation)
            })
        })
    }

    fn chain(
        &mut self,
        keyword: &str,
        join: fn(Vec<Expr>) -> Expr,
        mut part: impl FnMut(&mut Self) -> Result<Expr, QueryError>,
    ) -> Result<Expr, QueryError> {
        let first = part(self)?;
        if !self.is_word(keyword) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.take_word(keyword) {
            parts.push(part(self)?);
        }
        Ok(join(parts))
    }

    fn negation(&mut self) -> Result<Expr, QueryError> {
        if self.take_word("not") {
            return Ok(Expr::Not(Box::new(self.nested(Self::negation)?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr, QueryError> {
        let left = self.sum()?;
        if let Token::Sign(sign) = self.here()
            && let Some(operator) = Binary::comparison(sign)
        {
            self.step();
            let right = self.sum()?;
            return Ok(Expr::Binary(operator, Box::new(left), Box::new(right)));
        }
        let not_in = self.is_word("not")
            && matches!(self.ahead(1), Token::Word(word) if word.eq_ignore_ascii_case("in"));
        let negated = not_in || self.is_word("nin");
        if !negated && !self.is_word("in") {
            return Ok(left);
        }
        self.at += 1 + usize::from(not_in);
        let list = Box::new(self.sum()?);
        Ok(Expr::In {
            value: Box::new(left),
            list,
            negated,
        })
    }

    fn sum(&mut self) -> Result<Expr, QueryError> {
        self.calculation(Binary::sum, |this| {
            this.calculation(Binary::product, Self::sign)
        })
    }

    fn calculation(
        &mut self,
        operator: fn(&str) -> Option<Binary>,
        mut part: impl FnMut(&mut Self) -> Result<Expr, QueryError>,
    ) -> Result<Expr, QueryError> {
        let mut left = part(self)?;
        while let Token::Sign(sign) = self.here()
            && let Some(operator) = operator(sign)
        {
            self.calculations += 1;
            if self.calculations > CALCULATIONS {
                let reason = format!("the query has more than {CALCULATIONS} calculations");
                return Err(self.error(reason));
            }
            self.step();
            let right = part(self)?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn sign(&mut self) -> Result<Expr, QueryError> {
        if self.take_sign("-") {
            return Ok(Expr::Negative(Box::new(self.nested(Self::sign)?)));
        }
        self.operand()
    }

    fn operand(&mut self) -> Result<Expr, QueryError> {
        if let Some(literal) = self.literal() {
            return Ok(Expr::Literal(literal));
        }
        if let (Token::Word(word), Token::Sign("(")) = (self.here(), self.ahead(1))
            && !is_keyword(word)
        {
            return self.call();
        }
        match self.here() {
            Token::Sign("(") => {
                self.step();
                let inner = self.expression()?;
                self.need_sign(")")?;
                Ok(inner)
            }
            Token::Sign("[") => self.array(),
            Token::Word(word) if !is_keyword(word) => Ok(Expr::Path(self.path()?)),
            Token::Quoted(_) => Ok(Expr::Path(self.path()?)),
            _ => self.expected("a value, a property or a function"),
        }
    }

    fn literal(&mut self) -> Option<Literal> {
        let literal = match self.here() {
            Token::Number(number) => Literal::Number(*number),
            Token::Text(text) => Literal::Text(text.clone()),
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "true" => Literal::Bool(true),
                "false" => Literal::Bool(false),
                "null" => Literal::Null,
                "undefined" => Literal::Undefined,
                _ => return None,
            },
            _ => return None,
        };
        self.step();
        Some(literal)
    }

    fn array(&mut self) -> Result<Expr, QueryError> {
        self.need_sign("[")?;
        let mut items = Vec::new();
        if self.take_sign("]") {
            return Ok(Expr::Array(items));
        }
        loop {
            let negative = self.take_sign("-");
            let item = match self.literal() {
                Some(Literal::Number(number)) if negative => Some(Literal::Number(-number)),
                other => other.filter(|_| !negative),
            };
            let Some(item) = item else {
                return self.expected("a constant");
            };
            items.push(item);
            if self.take_sign("]") {
                return Ok(Expr::Array(items));
            }
            self.need_sign(",")?;
        }
    }

    fn call(&mut self) -> Result<Expr, QueryError> {
        let Token::Word(word) = self.here() else {
            return self.expected("a function");
        };
        let Some(function) = Function::named(word) else {
            let word = self.here().shown();
            return Err(self.error(format!("there is no function {word}")));
        };
        let place = self.at;
        self.at += 2;
        let mut arguments = Vec::new();
        if !self.take_sign(")") {
            loop {
                arguments.push(self.expression()?);
                if self.take_sign(")") {
                    break;
                }
                self.need_sign(",")?;
            }
        }
        let (least, most) = function.arguments();
        if arguments.len() < least || arguments.len() > most {
            self.at = place;
            let count = match most {
                usize::MAX => format!("at least {least} arguments"),
                1 => "one argument".to_owned(),
                _ if least == most => format!("{least} arguments"),
                _ => format!("{least} or {most} arguments"),
            };
            let reason = format!("{} takes {count}, not {}", function.name(), arguments.len());
            return Err(self.error(reason));
        }
        Ok(Expr::Call(function, arguments))
    }
}

/// A sign as the tokens hold it.
fn known(sign: &str) -> &'static str {
    match sign {
        "*" => "*",
        "(" => "(",
        ")" => ")",
        "[" => "[",
        "]" => "]",
        "," => ",",
        "." => ".",
        "-" => "-",
        _ => "",
    }
}
