//! An HTTP request as the service's rules see it.

use std::collections::BTreeMap;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Error, ErrorCode};

/// Deepest JSON that a body may hold: nothing in a twin may go deeper than 10.
const MAX_DEPTH: usize = 64;

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// PUT
    Put,
    /// POST
    Post,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// Any other, which the service answers with 405.
    Other,
}

/// A request, read completely.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Path and query as the request line has them.
    pub target: String,
    /// Headers; names in any case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }
}

/// A request with its target taken apart and decoded.
#[derive(Debug)]
pub(super) struct Call<'r> {
    pub(super) request: &'r Request,
    pub(super) path: Vec<String>,
    query: BTreeMap<String, String>,
}

impl<'r> Call<'r> {
    pub(super) fn new(request: &'r Request) -> Result<Self, Error> {
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            let text = text.map_err(|_| Error::argument("the address is not UTF-8"))?;
            Ok::<_, Error>(text.into_owned())
        };
        let path = path.split('/').filter(|part| !part.is_empty());
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok::<_, Error>((
                decoded(name)?.to_ascii_lowercase(),
                decoded(&value.replace('+', " "))?,
            ))
        };
        Ok(Self {
            request,
            path: path.map(decoded).collect::<Result<_, _>>()?,
            query: pairs.map(pair).collect::<Result<_, _>>()?,
        })
    }

    /// The decoded value of a query parameter; its name in small letters.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Error> {
        let text = std::str::from_utf8(&self.request.body)
            .map_err(|_| Error::argument("the body is not UTF-8"))?;
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Error::argument(format!("the body is not JSON: {error}")))?;
        if deeper(&value, MAX_DEPTH) {
            return Err(Error::argument("the body's JSON nests too deep"));
        }
        Ok(value)
    }

    /// The body as a JSON object.
    pub(super) fn object(&self) -> Result<serde_json::Map<String, Value>, Error> {
        match self.json()? {
            Value::Object(members) => Ok(members),
            _ => Err(Error::argument("the body must be a JSON object")),
        }
    }

    /// What `If-Match` asks for.
    pub(super) fn condition(&self) -> Condition<'r> {
        match self.request.header("if-match").map(str::trim) {
            None => Condition::None,
            Some(text) => {
                let bare = text
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'));
                match bare.unwrap_or(text) {
                    "*" => Condition::Exists,
                    etag => Condition::Etag(etag),
                }
            }
        }
    }
}

/// A whole number in a query parameter or header, within bounds.
pub(super) fn number(
    name: &str,
    text: Option<&str>,
    bounds: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, Error> {
    let Some(text) = text else { return Ok(None) };
    let number = text.trim().parse().ok().filter(|n| bounds.contains(n));
    let wrong = || {
        let (least, most) = (bounds.start(), bounds.end());
        Error::argument(format!(
            "{name} must be a whole number from {least} to {most}"
        ))
    };
    number.map(Some).ok_or_else(wrong)
}

pub(super) fn deeper(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left == 0 || items.iter().any(|item| deeper(item, left - 1)),
        Value::Object(members) => left == 0 || members.values().any(|item| deeper(item, left - 1)),
        _ => false,
    }
}

/// What must be there for a change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    /// Nothing was asked.
    None,
    /// Anything, `*`.
    Exists,
    /// This version.
    Etag(&'a str),
}

impl Condition<'_> {
    /// Refuses a change of something that has another ETag.
    pub(super) fn check(self, etag: &str, what: &str) -> Result<(), Error> {
        match self {
            Condition::Etag(wanted) if wanted != etag => Err(Error::new(
                ErrorCode::PreconditionFailed,
                format!("Precondition failed: {what} has ETag {etag}, the request wants {wanted}."),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        Request {
            method: Method::Get,
            target: target.into(),
            headers: headers.collect(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn addresses_are_taken_apart_and_decoded() {
        let request = request("/devices/a%2Fb%23/?api-version=2021-04-12&Top=5&x", &[]);
        let call = Call::new(&request).unwrap();
        assert_eq!(call.path, ["devices", "a/b#"]);
        assert_eq!(call.parameter("top"), Some("5"));
        assert_eq!(call.parameter("x"), Some(""));
        assert_eq!(
            number("top", call.parameter("top"), 1..=10).unwrap(),
            Some(5)
        );
        assert!(number("top", call.parameter("top"), 6..=10).is_err());
    }

    #[test]
    fn conditions_come_with_and_without_quotes() {
        for (text, expected) in [
            ("*", Condition::Exists),
            ("\"*\"", Condition::Exists),
            ("\"AAE=\"", Condition::Etag("AAE=")),
            ("AAE=", Condition::Etag("AAE=")),
        ] {
            let request = request("/", &[("IF-Match", text)]);
            assert_eq!(Call::new(&request).unwrap().condition(), expected);
        }
        assert!(Condition::Etag("b").check("a", "it").is_err());
        assert!(Condition::Etag("a").check("a", "it").is_ok());
    }
}
