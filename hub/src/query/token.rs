//! From text to words, numbers, strings and signs.

use super::{MAX_LENGTH, QueryError};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or a word of the language.
    Word(String),
    /// A name in double brackets, `[[any name]]`.
    Quoted(String),
    Number(f64),
    Text(String),
    Sign(&'static str),
    End,
}

impl Token {
    /// How an error names it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("{:?}", clipped(word)),
            Self::Quoted(name) => format!("[[{}]]", clipped(name)),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("the text '{}'", clipped(text)),
            Self::Sign(sign) => format!("{sign:?}"),
            Self::End => "the end".to_owned(),
        }
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The languages differ in what a name may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Twins and jobs: a hyphen subtracts.
    Twins,
    /// Message routes: a hyphen within a name belongs to it, as in `$dt-subject`.
    Routes,
}

/// Longer signs first.
const SIGNS: [&str; 18] = [
    "<>", "<=", ">=", "!=", "=", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "%",
];

/// The tokens with their places, the last one being the end.
pub(super) fn tokens(text: &str, dialect: Dialect) -> Result<Vec<(usize, Token)>, QueryError> {
    let chars: Vec<char> = text.chars().take(MAX_LENGTH + 1).collect();
    if chars.len() > MAX_LENGTH {
        let reason = format!("the query is longer than {MAX_LENGTH} characters: shorten it");
        return Err(QueryError::new(MAX_LENGTH + 1, reason));
    }
    let mut lexer = Lexer {
        chars: &chars,
        at: 0,
        dialect,
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip(char::is_whitespace);
        let place = lexer.at + 1;
        let token = lexer.next()?;
        let end = token == Token::End;
        tokens.push((place, token));
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    dialect: Dialect,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self, of: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&of) {
            self.at += 1;
        }
    }

    fn taken(&self, from: usize) -> String {
        self.chars[from..self.at].iter().collect()
    }

    fn error<T>(&self, reason: impl Into<String>) -> Result<T, QueryError> {
        Err(QueryError::new(self.at + 1, reason))
    }

    fn next(&mut self) -> Result<Token, QueryError> {
        match self.peek(0) {
            None => Ok(Token::End),
            Some(c) if is_name_start(c) => Ok(self.word(c)),
            Some('0'..='9') => self.number(),
            Some(quote @ ('\'' | '"')) => self.text(quote),
            Some('[') if self.peek(1) == Some('[') => self.quoted(),
            Some(c) => self.sign(c),
        }
    }

    fn sign(&mut self, c: char) -> Result<Token, QueryError> {
        let starts = |sign: &&&str| {
            let mut chars = sign.chars().enumerate();
            chars.all(|(n, c)| self.peek(n) == Some(c))
        };
        let Some(sign) = SIGNS.iter().find(starts) else {
            return self.error(format!("{c:?} has no meaning here"));
        };
        self.at += sign.len();
        Ok(Token::Sign(sign))
    }

    fn word(&mut self, first: char) -> Token {
        let from = self.at;
        let hyphens = first == '$' || self.dialect == Dialect::Routes;
        loop {
            self.skip(is_name_part);
            let joins = hyphens && self.peek(0) == Some('-');
            if joins && self.peek(1).is_some_and(is_name_part) {
                self.at += 1;
            } else {
                return Token::Word(self.taken(from));
            }
        }
    }

    fn quoted(&mut self) -> Result<Token, QueryError> {
        let start = self.at;
        self.at += 2;
        let from = self.at;
        while let Some(c) = self.peek(0) {
            if c == ']' && self.peek(1) == Some(']') && self.at > from {
                let name = self.taken(from);
                self.at += 2;
                return Ok(Token::Quoted(name));
            }
            self.at += 1;
        }
        let reason = "a name in [[double brackets]] does not end, or is empty";
        Err(QueryError::new(start + 1, reason))
    }

    fn number(&mut self) -> Result<Token, QueryError> {
        let from = self.at;
        let number = if self.peek(0) == Some('0') && matches!(self.peek(1), Some('x' | 'X')) {
            self.at += 2;
            self.skip(|c| c.is_ascii_hexdigit());
            let digits = self.taken(from + 2);
            u64::from_str_radix(&digits, 16).ok().map(|n| n as f64)
        } else {
            self.skip(|c| c.is_ascii_digit());
            if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
                self.at += 1;
                self.skip(|c| c.is_ascii_digit());
            }
            self.exponent();
            self.taken(from)
                .parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
        };
        match number {
            Some(number) if !self.peek(0).is_some_and(is_name_part) => Ok(Token::Number(number)),
            _ => Err(QueryError::new(
                from + 1,
                "this is no number that can be kept",
            )),
        }
    }

    fn exponent(&mut self) {
        if !matches!(self.peek(0), Some('e' | 'E')) {
            return;
        }
        let signed = usize::from(matches!(self.peek(1), Some('+' | '-')));
        if self.peek(1 + signed).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1 + signed;
            self.skip(|c| c.is_ascii_digit());
        }
    }

    fn text(&mut self, quote: char) -> Result<Token, QueryError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek(0) {
            match c {
                _ if c == quote => {
                    self.at += 1;
                    return Ok(Token::Text(text));
                }
                '\\' => text.push(self.escape()?),
                _ => {
                    self.at += 1;
                    text.push(c);
                }
            }
        }
        let reason = format!("a text begins here that does not end: close it with {quote}");
        Err(QueryError::new(start + 1, reason))
    }

    fn escape(&mut self) -> Result<char, QueryError> {
        let place = self.at + 1;
        let wrong = || {
            QueryError::new(
                place,
                r#"the escapes are \', \", \\ and \u with four hex digits"#,
            )
        };
        self.at += 2;
        match self.chars.get(self.at - 1) {
            Some(&c @ ('\'' | '"' | '\\')) => Ok(c),
            Some('u') => {
                let first = self.unit().ok_or_else(wrong)?;
                if !(0xD800..0xDC00).contains(&first) {
                    return char::from_u32(first).ok_or_else(wrong);
                }
                // A character outside the basic plane comes in two halves.
                let follows = self.peek(0) == Some('\\') && self.peek(1) == Some('u');
                self.at += 2;
                let second = self
                    .unit()
                    .filter(|unit| follows && (0xDC00..0xE000).contains(unit));
                let second = second.ok_or_else(wrong)?;
                let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                char::from_u32(code).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + self.peek(0)?.to_digit(16)?;
            self.at += 1;
        }
        Some(unit)
    }
}

pub(super) fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

pub(super) fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Token {
        let tokens = tokens(text, Dialect::Twins).unwrap();
        assert_eq!(tokens.len(), 2, "{text}");
        tokens[0].1.clone()
    }

    #[test]
    fn numbers_and_texts() {
        for (text, number) in [
            ("0", 0.0),
            ("12.5", 12.5),
            ("0x1F", 31.0),
            ("1e3", 1e3),
            ("2E-2", 0.02),
        ] {
            assert_eq!(one(text), Token::Number(number), "{text}");
        }
        for (text, expected) in [
            ("''", ""),
            (r#""it's""#, "it's"),
            (r"'a\'b\\c\u0041'", r"a'b\cA"),
            (r"'\ud83d\ude00'", "😀"),
        ] {
            assert_eq!(one(text), Token::Text(expected.into()), "{text}");
        }
        assert_eq!(one("[[a b-c]]"), Token::Quoted("a b-c".into()));
    }

    #[test]
    fn hyphens_belong_to_names_of_routes() {
        let words = |text, dialect| tokens(text, dialect).unwrap().len() - 1;
        assert_eq!(words("a-b", Dialect::Twins), 3);
        assert_eq!(words("a-b", Dialect::Routes), 1);
        assert_eq!(words("a - b", Dialect::Routes), 3);
        assert_eq!(words("$dt-subject", Dialect::Twins), 1);
    }

    #[test]
    fn errors_say_where() {
        for (text, position) in [
            ("a # b", 3),
            ("a = 'x", 5),
            (r"'\q'", 2),
            (r"'\ud800x'", 2),
            ("1a", 1),
            ("0x", 1),
            ("1e999", 1),
            ("[[a", 1),
        ] {
            let error = tokens(text, Dialect::Twins).unwrap_err();
            assert_eq!(error.position, position, "{text}: {error}");
        }
        let long = "a".repeat(MAX_LENGTH + 1);
        assert!(tokens(&long, Dialect::Twins).is_err());
    }
}
