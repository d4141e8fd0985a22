//! An HTTP response.

use bytes::Bytes;
use serde_json::Value;

/// A response, complete. The edge adds what HTTP itself needs (length, date, keep-alive).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers, names in small letters.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let kind = "application/json; charset=utf-8".to_owned();
        Self {
            status,
            headers: vec![("content-type", kind), ("vary", "Origin".to_owned())],
            body: body.to_string().into(),
        }
    }

    pub(super) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn empty() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds the ETag header, quoted.
    pub(super) fn tagged(self, etag: &str) -> Self {
        self.with("etag", format!("\"{etag}\""))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(own, _): &&(&'static str, String)| own.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }
}
