//! Requests and responses, whoever carries them.

use serde::Serialize;
use serde_json::json;

use super::query::Query;

/// A request below the API's base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path below the base, still percent-encoded: `instances/abc`.
    pub path: String,
    /// The query without its question mark, still percent-encoded.
    pub query: String,
    /// Headers that matter here, with names in any case: `host`, `content-type`,
    /// [`CONTINUATION`](super::CONTINUATION), `traceparent`, `tracestate`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn query(&self) -> Query {
        Query::parse(&self.query)
    }

    /// Whether its body says that it is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.header("content-type").is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("application/json")
        })
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside `content-type`.
    pub headers: Vec<(&'static str, String)>,
    /// The body: JSON (`application/json; charset=utf-8`), or nothing.
    pub body: String,
}

impl Response {
    /// A header by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(super) fn not_found() -> Self {
        Self::empty(404)
    }

    pub(super) fn json(status: u16, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self {
                status,
                headers: Vec::new(),
                body,
            },
            Err(cause) => Self::error(500, &cause.to_string()),
        }
    }

    /// An error in the form in which the original writes it.
    pub(super) fn error(status: u16, message: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: json!({ "Message": message }).to_string(),
        }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
